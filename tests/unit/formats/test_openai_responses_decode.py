"""Streams of OpenAI: what its events tell, and what is called bad."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prxy.canonical.errors import (
    ProviderBadResponse,
    ProviderError,
    ProviderRateLimited,
    ProviderRejected,
    ProviderStreamInterrupted,
    ProviderUnavailable,
)
from prxy.canonical.events import PartDelta, StreamEnd, StreamError, StreamEvent, StreamStart, UsageUpdate
from prxy.canonical.parts import Opaque, Reasoning, ServerToolCall, Text, ToolCall
from prxy.canonical.response import FinishReason
from prxy.canonical.stream import fold, through
from prxy.formats import openai_responses as responses
from prxy.framing.frame import Frame

RESPONSE: dict[str, Any] = {"id": "resp_1", "object": "response", "created_at": 5, "model": "m", "output": []}
CREATED = {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "tools": [{"type": "x"}]}}
COMPLETED = {"type": "response.completed", "response": {**RESPONSE, "status": "completed", "tools": [{"type": "x"}]}}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant"}


def events(*wire: Any) -> list[StreamEvent]:
    frames = [Frame(json.dumps(event).encode(), event["type"]) for event in wire]
    return list(through(responses.decode_stream(), frames))


def added(item: Any, index: int = 0) -> Any:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(item: Any, index: int = 0) -> Any:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def about(kind: str, index: int = 0, **more: Any) -> Any:
    return {"type": f"response.{kind}", "output_index": index, **more}


def parts(*wire: Any) -> list[Any]:
    return list(fold(events(CREATED, *wire, COMPLETED)).choices[0].parts)


def error_of(*wire: Any) -> ProviderError:
    last = events(*wire)[-1]
    assert isinstance(last, StreamError)
    assert isinstance(last.error, ProviderError)
    return last.error


def test_lists_of_the_envelope_are_told_once() -> None:
    answer = fold(events(CREATED, COMPLETED))

    assert answer.extras is not None
    assert answer.extras.fields["tools"] == [{"type": "x"}]
    assert (answer.id, answer.created_at) == ("resp_1", 5)


def test_a_text_grows_by_its_deltas_and_learns_its_citations_at_its_end() -> None:
    part = {"type": "output_text", "text": "Hi", "annotations": [{"type": "file_path"}]}

    (text,) = parts(
        added({**MESSAGE, "content": []}),
        about("content_part.added", content_index=0, part={"type": "output_text", "text": "", "annotations": []}),
        about("output_text.delta", content_index=0, delta="H"),
        about("output_text.delta", content_index=0, delta="i"),
        about("content_part.done", content_index=0, part=part),
        done({**MESSAGE, "status": "completed", "content": [part]}),
    )

    assert text.text == "Hi"
    assert text.extras.fields["annotations"] == [{"type": "file_path"}]


def test_what_no_delta_told_is_taken_from_the_finished_item() -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": '{"a":1}'}
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Moon"}]}
    message = {**MESSAGE, "content": [{"type": "output_text", "text": "Hi"}]}

    found = parts(
        added({**call, "arguments": ""}),
        done(call),
        added({"type": "reasoning", "id": "rs_1"}, 1),
        done(reasoning, 1),
        added({**MESSAGE, "content": []}, 2),
        done(message, 2),
    )

    assert [type(part) for part in found] == [ToolCall, Reasoning, Text]
    assert [getattr(part, "text", None) or part.arguments for part in found] == ['{"a":1}', "Moon", "Hi"]


def test_a_text_that_begins_without_its_content_part_is_understood() -> None:
    message = {**MESSAGE, "content": [{"type": "output_text", "text": "Hi"}]}

    found = parts(added({**MESSAGE}), about("output_text.delta", content_index=0, delta="Hi"), done(message))

    assert [part.text for part in found] == ["Hi"]


def test_encrypted_reasoning_counts_only_as_the_finished_item_has_it() -> None:
    begun = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "half"}

    (thought,) = parts(added(begun), done({**begun, "encrypted_content": "whole"}))

    assert thought.signature.value == "whole"


def test_pieces_of_a_summary_are_parted_by_a_blank_line_as_they_come() -> None:
    deltas = [
        event
        for event in events(
            CREATED,
            added({"type": "reasoning", "id": "rs_1", "summary": []}),
            about("reasoning_summary_text.delta", summary_index=0, delta="One"),
            about("reasoning_summary_text.delta", summary_index=1, delta="Two"),
        )
        if isinstance(event, PartDelta)
    ]

    assert [delta.text for delta in deltas] == ["One", "\n\n", "Two"]


def test_hosted_tools_are_told_whole_and_their_progress_is_passed_over() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}}
    listing = {"type": "mcp_list_tools", "id": "mcpl_1", "tools": []}

    found = parts(
        added({**search, "status": "in_progress"}),
        about("web_search_call.searching", item_id="ws_1"),
        done(search),
        added(listing, 1),
        done(listing, 1),
    )

    assert [type(part) for part in found] == [ServerToolCall, Opaque]


def test_output_that_no_event_told_of_is_taken_from_the_last() -> None:
    item = {**MESSAGE, "content": [{"type": "output_text", "text": "Hi"}]}
    last = {"type": "response.completed", "response": {**RESPONSE, "status": "completed", "output": [item]}}

    answer = fold(events(CREATED, last))

    assert [part.text for part in answer.choices[0].parts if isinstance(part, Text)] == ["Hi"]


def test_a_call_ends_the_answer_in_a_tool_call() -> None:
    call = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "f", "input": "x"}

    answer = fold(events(CREATED, added({**call, "input": ""}), done(call), COMPLETED))

    assert answer.choices[0].finish.reason is FinishReason.TOOL_CALL


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("rate_limit_exceeded", ProviderRateLimited),
        ("server_error", ProviderUnavailable),
        ("invalid_prompt", ProviderRejected),
        ("never_heard_of", ProviderUnavailable),
    ],
)
def test_an_error_in_the_stream_is_of_the_class_of_its_code(code: str, kind: type[ProviderError]) -> None:
    flat = error_of(CREATED, {"type": "error", "code": code, "message": "No.", "param": None})
    failed = {**RESPONSE, "status": "failed", "error": {"code": code, "message": "No."}}

    assert (type(flat), flat.message) == (kind, "No.")
    assert type(error_of(CREATED, {"type": "response.failed", "response": failed})) is kind


def test_a_failed_answer_tells_what_it_used_before_its_error() -> None:
    usage = {"input_tokens": 5, "output_tokens": 1, "total_tokens": 6}
    failed = {**RESPONSE, "status": "failed", "usage": usage, "error": {"code": "server_error", "message": "No."}}

    found = events(CREATED, {"type": "response.failed", "response": failed})

    assert [type(event) for event in found] == [StreamStart, UsageUpdate, StreamError]


def test_an_end_without_the_last_event_is_an_interruption() -> None:
    assert type(error_of(CREATED, added(MESSAGE))) is ProviderStreamInterrupted
    assert not any(isinstance(event, StreamEnd) for event in events(CREATED))


def test_nothing_is_read_after_the_end() -> None:
    assert events(CREATED, COMPLETED, CREATED, added(MESSAGE)) == events(CREATED, COMPLETED)


@pytest.mark.parametrize(
    "wire",
    [
        [COMPLETED],
        [added(MESSAGE)],
        [CREATED, added(MESSAGE), added(MESSAGE)],
        [CREATED, about("output_text.delta", content_index=0, delta="x")],
        [CREATED, done(MESSAGE)],
        [CREATED, added(MESSAGE), COMPLETED],
        [CREATED, {"type": "response.output_text.delta", "delta": "x"}],
        [CREATED, added({"id": "x"})],
        [{"type": "response.created"}],
    ],
    ids=repr,
)
def test_events_out_of_order_are_called_bad(wire: Any) -> None:
    with pytest.raises(ProviderBadResponse):
        events(*wire)


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"type":3}', b"nope"])
def test_a_frame_that_is_no_event_is_called_bad(data: bytes) -> None:
    with pytest.raises(ProviderBadResponse):
        list(through(responses.decode_stream(), [Frame(data)]))
