"""A provider's Anthropic Messages stream -> events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prxy.canonical.errors import ProviderBadResponse, ProviderOverloaded, ProviderStreamInterrupted
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
    Extras,
    Opaque,
    Reasoning,
    Signature,
    Text,
    ToolCall,
)
from prxy.canonical.response import FinishReason, Usage
from prxy.canonical.stream import fold, through
from prxy.formats.anthropic_messages import NAME, decode_stream
from prxy.framing.frame import Frame


def frame(kind: str, **fields: Any) -> Frame:
    return Frame(json.dumps({"type": kind, **fields}).encode(), kind)


def message_start(**usage: int) -> Frame:
    message = {"id": "msg_1", "model": "m", "content": [], "usage": usage or {"input_tokens": 3, "output_tokens": 1}}
    return frame("message_start", message=message)


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[Frame]:
    return [
        frame("content_block_start", index=index, content_block=content),
        *(frame("content_block_delta", index=index, delta=delta) for delta in deltas),
        frame("content_block_stop", index=index),
    ]


def ending(reason: str = "end_turn", **usage: int) -> list[Frame]:
    return [
        frame("message_delta", delta={"stop_reason": reason}, usage=usage or {"output_tokens": 5}),
        frame("message_stop"),
    ]


def tool(*pieces: str, name: str = "f", **start: Any) -> tuple[dict[str, Any], ...]:
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return ({"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": {}, **start}, *deltas)


def decoded(*frames: Frame) -> list[StreamEvent]:
    return list(through(decode_stream(), frames))


def test_two_calls_in_a_stream_are_two_parts_with_arguments_of_their_own() -> None:
    """A01, A02: thoughts and text before them do not disturb their order."""
    response = fold(
        decoded(
            message_start(),
            *block(0, {"type": "thinking", "thinking": "", "signature": ""}),
            *block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "So."}),
            *block(2, *tool('{"a"', ":1}")),
            *block(3, *tool('{"b":2}', name="g")),
            *ending("tool_use"),
        )
    )

    calls = [part for part in response.choices[0].parts if isinstance(part, ToolCall)]
    assert [(one.id, one.arguments) for one in calls] == [("toolu_f", '{"a":1}'), ("toolu_g", '{"b":2}')]


@pytest.mark.parametrize("pieces", [(), ("",), ("", "")])
def test_a_call_without_arguments_has_empty_ones(pieces: tuple[str, ...]) -> None:
    """A05, A28."""
    response = fold(decoded(message_start(), *block(0, *tool(*pieces)), *ending("tool_use")))

    assert response.choices[0].parts == (ToolCall(id="toolu_f", name="f", arguments="{}"),)


def test_the_empty_input_of_the_beginning_is_not_part_of_the_arguments() -> None:
    """A06, A28."""
    events = decoded(message_start(), *block(0, *tool("", '{"a":', "", "1}")), *ending("tool_use"))

    assert [event.text for event in events if isinstance(event, PartDelta)] == ['{"a":', "1}"]


def test_a_call_that_was_cut_keeps_what_came() -> None:
    """A32."""
    response = fold(decoded(message_start(), *block(0, *tool('{"a":"b')), *ending("max_tokens")))

    assert response.choices[0].parts == (ToolCall(id="toolu_f", name="f", arguments='{"a":"b'),)
    assert response.choices[0].finish.reason is FinishReason.LENGTH


def test_a_signature_without_thoughts_is_kept() -> None:
    """B06."""
    thought = {"type": "thinking", "thinking": "", "signature": ""}
    response = fold(
        decoded(message_start(), *block(0, thought, {"type": "signature_delta", "signature": "czE="}), *ending())
    )

    assert response.choices[0].parts == (Reasoning(signature=Signature(format=NAME, value="czE=")),)


def test_citations_are_gathered_beside_the_text() -> None:
    cited = [{"type": "citations_delta", "citation": {"n": n}} for n in (1, 2)]
    response = fold(decoded(message_start(), *block(0, {"type": "text", "text": ""}, *cited), *ending()))

    assert response.choices[0].parts == (
        Text(text="", extras=Extras(format=NAME, fields={"citations": [{"n": 1}, {"n": 2}]})),
    )


def test_usage_is_cumulative_and_counts_that_are_not_repeated_stand() -> None:
    """I06, I01."""
    events = decoded(
        message_start(input_tokens=7, cache_read_input_tokens=100, output_tokens=1),
        *ending(output_tokens=40),
    )

    usages = [event.usage for event in events if isinstance(event, UsageUpdate)]
    assert usages[-1] == Usage(input_tokens=107, output_tokens=40, cached_input_tokens=100)


def test_pings_and_events_of_the_future_are_passed_over() -> None:
    events = decoded(frame("ping"), message_start(), frame("novelty", data=1), *ending(), frame("ping"))

    assert [type(event) for event in events] == [StreamStart, UsageUpdate, ChoiceEnd, UsageUpdate, StreamEnd]


def test_a_block_that_only_this_wire_knows_arrives_whole() -> None:
    start = {"type": "compaction", "content": None}
    events = decoded(message_start(), *block(0, start, {"type": "compaction_delta", "content": "So far."}), *ending())

    opaque = Opaque(format=NAME, value={"type": "compaction", "content": "So far."})
    assert events[2:4] == [PartStart(index=0, part=opaque), PartEnd(index=0)]


def test_a_stream_that_is_cut_ends_in_an_error() -> None:
    """G19."""
    events = decoded(message_start(), *block(0, {"type": "text", "text": "Half"})[:1])

    assert isinstance(events[-1], StreamError)
    assert isinstance(events[-1].error, ProviderStreamInterrupted)


def test_a_stream_that_told_its_stop_reason_is_whole() -> None:
    """G19, G22."""
    events = decoded(message_start(), *ending()[:1])

    assert events[-1] == StreamEnd()


def test_an_error_event_is_of_the_class_of_its_type() -> None:
    """G20."""
    events = decoded(message_start(), frame("error", error={"type": "overloaded_error", "message": "Overloaded"}))

    assert isinstance(events[-1], StreamError)
    assert isinstance(events[-1].error, ProviderOverloaded)


def test_nothing_follows_the_end() -> None:
    """G28."""
    events = decoded(message_start(), *ending(), *block(0, {"type": "text", "text": "More"}), *ending())

    assert [type(event) for event in events].count(StreamEnd) == 1
    assert isinstance(events[-1], StreamEnd)


@pytest.mark.parametrize(
    ("frames", "names"),
    [
        ([frame("message_stop")], ("message_stop", "before message_start")),
        (block(0, {"type": "text", "text": ""}), ("content_block_start", "before message_start")),
        ([message_start(), message_start()], ("message_start", "inside the message")),
        ([message_start(), frame("content_block_stop", index=4)], ("content_block_stop", "block 4")),
        (
            [message_start(), *block(0, {"type": "text", "text": ""}), *block(0, {"type": "text", "text": ""})],
            ("content_block_start", "block 0"),
        ),
        ([message_start(), *block(0, {"type": "text", "text": ""})[:1], *ending()], ("message", "inside a block")),
        (
            [message_start(), ending()[0], *block(0, {"type": "text", "text": ""})],
            ("content_block_start", "after message_delta"),
        ),
        ([message_start(), frame("content_block_delta", index="0")], ("content_block_delta", "form")),
        (
            [message_start(), *block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": 1})],
            ("text_delta", "form"),
        ),
        ([Frame(b"[]")], ("event", "type")),
        ([Frame(b"{")], ("event", "JSON")),
    ],
)
def test_an_event_out_of_order_is_called_bad_by_event_and_state(frames: list[Frame], names: tuple[str, ...]) -> None:
    with pytest.raises(ProviderBadResponse) as caught:
        decoded(*frames)

    assert all(name in caught.value.message for name in names), caught.value.message
