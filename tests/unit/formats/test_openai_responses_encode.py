"""Streams for Responses clients, made from events; the official client puts them together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from tests.event_rules import stream_faults

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
from prxy.canonical.parts import Extras, Part, Reasoning, Refusal, Text, ToolCall
from prxy.canonical.response import Finish, FinishReason, Usage
from prxy.canonical.stream import through
from prxy.formats import openai_responses as responses

START = StreamStart(format="elsewhere", id="msg_1", model="m-1", created_at=5)
STOP = ChoiceEnd(finish=Finish(reason=FinishReason.STOP))
USAGE = UsageUpdate(usage=Usage(input_tokens=7, output_tokens=3))


def events(told: Iterable[StreamEvent]) -> list[Any]:
    request = responses.parse_request({"model": "m", "input": "Hi", "stream": True}, {})
    frames = list(through(responses.encode_stream(request), told))
    assert all(json.loads(frame.data)["type"] == frame.event for frame in frames)
    return [json.loads(frame.data) for frame in frames]


def part(index: int, begun: Part, *texts: str) -> list[StreamEvent]:
    deltas = [PartDelta(index=index, text=text) for text in texts]
    return [PartStart(index=index, part=begun), *deltas, PartEnd(index=index)]


def kinds(told: Iterable[StreamEvent]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events(told)]


def test_a_text_is_told_in_the_exact_order_of_the_wire() -> None:
    told = [START, *part(0, Text(text=""), "High ", "tide."), STOP, USAGE, StreamEnd()]

    assert kinds(told) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in events(told)] == list(range(10))
    assert events(told)[-1]["response"]["usage"]["total_tokens"] == 10


def test_thoughts_words_and_calls_are_items_in_their_order() -> None:
    told = [
        START,
        *part(0, Reasoning(text=""), "Moon."),
        *part(1, Text(text="Wait.")),
        *part(2, ToolCall(id="call_1", name="f"), "{}"),
        ChoiceEnd(finish=Finish(reason=FinishReason.TOOL_CALL)),
        StreamEnd(),
    ]

    found = events(told)

    assert [(e["output_index"], e["item"]["type"]) for e in found if e["type"] == "response.output_item.done"] == [
        (0, "reasoning"),
        (1, "message"),
        (2, "function_call"),
    ]
    assert [e["item"] for e in found if e["type"] == "response.output_item.done"] == found[-1]["response"]["output"]
    assert {e["item_id"] for e in found if e.get("output_index") == 2 and "item_id" in e} == {"fc_msg_1_2"}


def test_parts_that_interleave_are_told_one_after_the_other() -> None:
    told = [
        START,
        PartStart(index=0, part=ToolCall(id="call_1", name="f")),
        PartStart(index=1, part=ToolCall(id="call_2", name="g")),
        PartDelta(index=1, text='{"b":'),
        PartDelta(index=0, text='{"a":1}'),
        PartDelta(index=1, text="2}"),
        PartEnd(index=1),
        PartEnd(index=0),
        STOP,
        StreamEnd(),
    ]

    output = events(told)[-1]["response"]["output"]

    assert [(item["call_id"], item["arguments"]) for item in output] == [("call_1", '{"a":1}'), ("call_2", '{"b":2}')]


def test_texts_in_a_row_are_numbered_within_their_message() -> None:
    found = events([START, *part(0, Text(text="a")), *part(1, Refusal(text="no")), STOP, StreamEnd()])

    added = [event["content_index"] for event in found if event["type"] == "response.content_part.added"]
    assert added == [0, 1]
    assert len(found[-1]["response"]["output"]) == 1


def test_annotations_of_this_wire_are_told_one_by_one() -> None:
    extras = Extras(format="openai_responses", fields={"annotations": [{"type": "file_path"}]})
    told = [
        StreamStart(format="openai_responses", id="resp_1", model="m"),
        PartStart(index=0, part=Text(text="a")),
        PartDelta(index=0, extras=extras),
        PartEnd(index=0),
        STOP,
        StreamEnd(),
    ]

    (added,) = [event for event in events(told) if event["type"] == "response.output_text.annotation.added"]

    assert (added["annotation_index"], added["annotation"]) == (0, {"type": "file_path"})


def test_a_call_without_arguments_has_the_empty_object() -> None:
    found = events([START, *part(0, ToolCall(id="c", name="f")), STOP, StreamEnd()])

    assert [event["delta"] for event in found if event["type"].endswith("arguments.delta")] == ["{}"]


def test_a_cut_answer_is_incomplete_and_so_is_its_last_message() -> None:
    length = ChoiceEnd(finish=Finish(reason=FinishReason.LENGTH))

    last = events([START, *part(0, Text(text="Hi")), length, StreamEnd()])[-1]

    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert last["response"]["output"][0]["status"] == "incomplete"


def test_an_error_is_one_event_and_nothing_follows_it() -> None:
    error = ProviderOverloaded("Too busy.")

    found = events([START, PartStart(index=0, part=Text(text="Hi")), StreamError(error=error)])

    assert found[-1] == {
        "type": "error",
        "sequence_number": len(found) - 1,
        "message": "Too busy.",
        "param": None,
        "code": "provider_overloaded",
    }
    assert not any(event["type"] == "response.completed" for event in found)


def test_the_official_client_knows_every_event() -> None:
    told = [
        START,
        *part(0, Reasoning(text=""), "Moon."),
        *part(1, Text(text=""), "High."),
        *part(2, ToolCall(id="c", name="f"), "{}"),
        *part(3, ToolCall(id="d", name="g", freeform=True), "north"),
        *part(4, Refusal(text=""), "No."),
        STOP,
        USAGE,
        StreamEnd(),
    ]
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)

    for event in events(told):
        assert adapter.validate_python(event).type == event["type"]


def test_a_stream_of_everything_obeys_the_rules_of_the_wire() -> None:
    request = responses.parse_request({"model": "m", "input": "Hi"}, {})
    told = [
        START,
        *part(0, Reasoning(text="a")),
        *part(1, Text(text="b")),
        *part(2, Refusal(text="c")),
        STOP,
        StreamEnd(),
    ]

    assert stream_faults("openai_responses", list(through(responses.encode_stream(request), told))) == []
