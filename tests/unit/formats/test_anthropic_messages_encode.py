"""Events -> an Anthropic Messages stream for a client."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from prxy.canonical.errors import ProviderOverloaded
from prxy.canonical.events import (
    ChoiceEnd,
    PartDelta,
    PartEnd,
    PartStart,
    StreamEnd,
    StreamError,
    StreamEvent,
    StreamStart,
    UsageUpdate,
)
from prxy.canonical.parts import (
    Inline,
    Media,
    MediaKind,
    Reasoning,
    ServerToolCall,
    Signature,
    Text,
    ToolCall,
)
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.canonical.response import Finish, FinishReason, Usage
from prxy.canonical.stream import through
from prxy.formats.anthropic_messages import NAME, encode_stream

REQUEST = ChatRequest(format=NAME, model="m", messages=(Message(role=Role.USER, parts=(Text(text="Hi."),)),))
BEGIN = StreamStart(format="elsewhere", id="abc", model="m")
STOP = ChoiceEnd(finish=Finish(reason=FinishReason.STOP))


def encoded(*events: StreamEvent) -> list[dict[str, Any]]:
    frames = list(through(encode_stream(REQUEST), events))
    bodies = [json.loads(one.data) for one in frames]
    assert [one.event for one in frames] == [body["type"] for body in bodies]
    return bodies


def kinds(bodies: Iterable[dict[str, Any]]) -> list[str]:
    return [body["type"].removeprefix("content_") for body in bodies]


def test_a_repeated_call_is_one_block() -> None:
    """A26, A27."""
    bodies = encoded(
        BEGIN,
        PartStart(index=0, part=ToolCall(id="c", name="f")),
        PartDelta(index=0, text='{"a":'),
        PartDelta(index=0, text="1}"),
        STOP,
        StreamEnd(),
    )

    assert kinds(bodies) == [
        "message_start",
        "block_start",
        "block_delta",
        "block_delta",
        "block_stop",
        "message_delta",
        "message_stop",
    ]
    assert bodies[1]["content_block"] == {"type": "tool_use", "id": "c", "name": "f", "input": {}}


@pytest.mark.parametrize(("arguments", "said"), [('{"a":1}', '{"a":1}'), ("{}", "{}"), ("", "{}")])
def test_arguments_that_came_whole_are_told_in_a_delta(arguments: str, said: str) -> None:
    """A29."""
    bodies = encoded(
        BEGIN, PartStart(index=0, part=ToolCall(id="c", name="f", arguments=arguments)), PartEnd(index=0), STOP
    )

    deltas = [body["delta"] for body in bodies if body["type"] == "content_block_delta"]
    assert deltas == [{"type": "input_json_delta", "partial_json": said}]


def test_thoughts_and_text_that_alternate_are_blocks_of_their_own_one_at_a_time() -> None:
    """B09, B10."""
    parts = [Reasoning(), Text(text=""), Reasoning(), ToolCall(id="c", name="f")]
    told = [
        event
        for index, part in enumerate(parts)
        for event in (
            PartStart(index=index + 3, part=part),
            PartDelta(index=index + 3, text="{}"),
            PartEnd(index=index + 3),
        )
    ]

    bodies = encoded(BEGIN, *told, STOP, StreamEnd())

    starts = [body for body in bodies if body["type"] == "content_block_start"]
    assert [(one["index"], one["content_block"]["type"]) for one in starts] == [
        (0, "thinking"),
        (1, "text"),
        (2, "thinking"),
        (3, "tool_use"),
    ]
    deltas = [body["delta"]["type"] for body in bodies if body["type"] == "content_block_delta"]
    assert deltas == ["thinking_delta", "text_delta", "thinking_delta", "input_json_delta"]
    assert kinds(bodies).count("message_start") == 1


def test_parts_that_interleave_are_told_one_after_the_other() -> None:
    bodies = encoded(
        BEGIN,
        PartStart(index=0, part=ToolCall(id="a", name="f")),
        PartStart(index=1, part=ToolCall(id="b", name="g")),
        PartDelta(index=1, text='{"b":'),
        PartDelta(index=0, text='{"a":1}'),
        PartDelta(index=1, text="2}"),
        PartEnd(index=0),
        PartEnd(index=1),
        STOP,
        StreamEnd(),
    )

    told = [(body["index"], body["delta"]["partial_json"]) for body in bodies if body["type"] == "content_block_delta"]
    assert told == [(0, '{"a":1}'), (1, '{"b":'), (1, "2}")]


def test_a_signature_follows_the_thoughts() -> None:
    """B06."""
    bodies = encoded(
        BEGIN,
        PartStart(index=0, part=Reasoning()),
        PartDelta(index=0, signature=Signature(format=NAME, value="s")),
        PartDelta(index=0, text="Hm."),
        PartEnd(index=0),
    )

    assert bodies[1]["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}
    assert [body.get("delta") for body in bodies[2:4]] == [
        {"type": "thinking_delta", "thinking": "Hm."},
        {"type": "signature_delta", "signature": "s"},
    ]


def test_a_foreign_signature_is_not_told() -> None:
    bodies = encoded(
        BEGIN,
        PartStart(index=0, part=Reasoning(signature=Signature(format="elsewhere", value="s"))),
        PartDelta(index=0, text="Hm.", signature=Signature(format="elsewhere", value="s")),
        PartEnd(index=0),
    )

    assert kinds(bodies) == ["message_start", "block_start", "block_delta", "block_stop"]


def test_usage_that_comes_after_the_finish_is_in_the_one_message_delta() -> None:
    """G15, G12, G13."""
    usage = Usage(input_tokens=10, cached_input_tokens=4, output_tokens=7)
    bodies = encoded(BEGIN, STOP, UsageUpdate(usage=usage), StreamEnd())

    assert kinds(bodies) == ["message_start", "message_delta", "message_stop"]
    assert bodies[1]["usage"] == {"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 7}
    assert bodies[1]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}


def test_the_beginning_always_has_counts() -> None:
    """G23."""
    (unknown, *_) = encoded(BEGIN, STOP, StreamEnd())
    (known, *_) = encoded(BEGIN, UsageUpdate(usage=Usage(input_tokens=9, output_tokens=1)), STOP, StreamEnd())

    assert unknown["message"] == {
        "id": "msg_abc",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }
    assert known["message"]["usage"] == {"input_tokens": 9, "output_tokens": 1}


def test_many_small_texts_are_one_block() -> None:
    """G24."""
    bodies = encoded(
        BEGIN,
        PartStart(index=0, part=Text(text="")),
        *(PartDelta(index=0, text="x") for _ in range(50)),
        PartEnd(index=0),
    )

    assert kinds(bodies).count("block_start") == 1
    assert kinds(bodies).count("block_delta") == 50


def test_an_error_after_the_first_byte_is_told_and_nothing_ends_the_message() -> None:
    """G19, G20, H05."""
    bodies = encoded(
        BEGIN,
        PartStart(index=0, part=Text(text="Half")),
        StreamError(error=ProviderOverloaded("Overloaded")),
        StreamEnd(),
    )

    assert kinds(bodies) == ["message_start", "block_start", "block_delta", "error"]
    assert bodies[-1]["error"] == {
        "type": "overloaded_error",
        "message": "Overloaded",
        "code": "provider_overloaded",
    }


def test_a_stream_without_a_finish_still_closes() -> None:
    """G22, H10."""
    bodies = encoded(BEGIN, PartStart(index=0, part=Text(text="x")), StreamEnd())

    assert kinds(bodies)[-3:] == ["block_stop", "message_delta", "message_stop"]
    assert bodies[-2]["delta"]["stop_reason"] == "end_turn"


def test_only_the_first_choice_is_said() -> None:
    bodies = encoded(
        BEGIN,
        PartStart(index=0, part=Text(text=""), choice=1),
        PartStart(index=1, part=Text(text="")),
        PartDelta(index=0, text="second"),
        PartDelta(index=1, text="first"),
        PartEnd(index=0),
        ChoiceEnd(choice=1, finish=Finish(reason=FinishReason.LENGTH)),
        PartEnd(index=1),
        STOP,
        StreamEnd(),
    )

    assert [body["delta"]["text"] for body in bodies if body["type"] == "content_block_delta"] == ["first"]
    assert bodies[-2]["delta"]["stop_reason"] == "end_turn"


def test_what_no_block_can_say_takes_no_index() -> None:
    bodies = encoded(
        BEGIN,
        PartStart(index=0, part=ServerToolCall(format="elsewhere", id="1", name="search")),
        PartDelta(index=0, text="{}"),
        PartEnd(index=0),
        PartStart(index=1, part=Text(text="x")),
        PartEnd(index=1),
        STOP,
        StreamEnd(),
    )

    assert [body["index"] for body in bodies if body["type"] == "content_block_start"] == [0]


def test_an_image_that_came_in_pieces_is_told_whole() -> None:
    image = Media(kind=MediaKind.IMAGE, source=Inline(media_type="image/png", data="AA"))
    bodies = encoded(BEGIN, PartStart(index=0, part=image), PartDelta(index=0, text="BB"), PartEnd(index=0))

    assert bodies[1]["content_block"]["source"]["data"] == "AABB"
    assert kinds(bodies) == ["message_start", "block_start", "block_stop"]


@pytest.mark.parametrize(
    "pieces", [[], ["select 1"], ['say "', 'hi"\n', "\u2028 \U0001f319"]], ids=["empty", "one", "many"]
)
def test_the_text_of_a_freeform_call_is_told_as_json(pieces: list[str]) -> None:
    bodies = encoded(
        BEGIN,
        PartStart(index=0, part=ToolCall(id="c", name="sql", freeform=True)),
        *(PartDelta(index=0, text=piece) for piece in pieces),
        PartEnd(index=0),
        STOP,
        StreamEnd(),
    )

    block = next(body["content_block"] for body in bodies if body["type"] == "content_block_start")
    told = [body["delta"]["partial_json"] for body in bodies if body["type"] == "content_block_delta"]
    assert block == {"type": "tool_use", "id": "c", "name": "sql", "input": {}}
    assert json.loads("".join(told)) == {"input": "".join(pieces)}
