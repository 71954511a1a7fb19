"""Streams for Chat clients, made from events."""

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
    Extras,
    Inline,
    Media,
    MediaKind,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    Text,
    ToolCall,
)
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.canonical.response import Finish, FinishReason, Usage
from prxy.canonical.stream import through
from prxy.formats import openai_chat as chat

START = StreamStart(format="elsewhere", id="msg_1", model="m-1", created_at=5)
STOP = ChoiceEnd(finish=Finish(reason=FinishReason.STOP))
USAGE = UsageUpdate(usage=Usage(input_tokens=7, output_tokens=3))


def request(*, include_usage: bool = False) -> ChatRequest:
    question = Message(role=Role.USER, parts=(Text(text="Hi"),))
    return ChatRequest(format="openai_chat", model="m", messages=(question,), stream=True, include_usage=include_usage)


def frames(events: Iterable[StreamEvent], *, include_usage: bool = False) -> list[bytes]:
    return [frame.data for frame in through(chat.encode_stream(request(include_usage=include_usage)), events)]


def chunks(*events: StreamEvent, include_usage: bool = False) -> list[Any]:
    told = frames([START, *events, STOP, USAGE, StreamEnd()], include_usage=include_usage)
    assert told[-1] == b"[DONE]"
    return [json.loads(data) for data in told[:-1]]


def deltas(*events: StreamEvent) -> list[Any]:
    """The deltas between the role and the finish."""
    return [chunk["choices"][0]["delta"] for chunk in chunks(*events)[1:-1]]


def part(index: int, part: Part, *texts: str, choice: int = 0) -> list[StreamEvent]:
    grown = [PartDelta(index=index, text=text) for text in texts]
    return [PartStart(index=index, part=part, choice=choice), *grown, PartEnd(index=index)]


def test_the_role_comes_alone_and_once_and_all_chunks_share_their_head() -> None:
    """G11"""
    told = chunks(*part(0, Text(text=""), "Hi", "!"))

    assert [chunk["choices"][0]["delta"] for chunk in told] == [
        {"role": "assistant"},
        {"content": "Hi"},
        {"content": "!"},
        {},
    ]
    heads = [{name: value for name, value in chunk.items() if name != "choices"} for chunk in told]
    assert heads == [{"id": "chatcmpl-msg_1", "created": 5, "model": "m-1", "object": "chat.completion.chunk"}] * 4
    assert [chunk["choices"][0]["finish_reason"] for chunk in told] == [None, None, None, "stop"]


def test_calls_are_numbered_among_calls_whatever_stands_before_them() -> None:
    """A01, A02"""
    told = deltas(
        *part(0, Reasoning(), "Hm."),
        *part(1, Text(text=""), "Look."),
        PartStart(index=2, part=ToolCall(id="a", name="x")),
        PartStart(index=3, part=ToolCall(id="b", name="y")),
        PartDelta(index=3, text="{}"),
        PartDelta(index=2, text='{"a":1}'),
        PartEnd(index=2),
        PartEnd(index=3),
    )

    assert told == [
        {"reasoning_content": "Hm."},
        {"content": "Look."},
        {"tool_calls": [{"id": "a", "type": "function", "function": {"name": "x", "arguments": ""}, "index": 0}]},
        {"tool_calls": [{"id": "b", "type": "function", "function": {"name": "y", "arguments": ""}, "index": 1}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]},
    ]


def test_calls_are_numbered_in_each_choice_anew() -> None:
    """A03"""
    told = deltas(*part(0, ToolCall(id="a", name="x"), "{}"), *part(1, ToolCall(id="b", name="y"), "{}", choice=1))

    numbers = [call["index"] for delta in told for call in delta.get("tool_calls", ())]
    assert numbers == [0, 0, 0, 0]


def test_a_call_that_stays_empty_ends_with_an_empty_object_and_no_other_call_begins_with_one() -> None:
    """A05, A06"""
    told = deltas(*part(0, ToolCall(id="a", name="x")), *part(1, ToolCall(id="b", name="y"), '{"a":', "1}"))

    arguments: dict[int, str] = {}
    for delta in told:
        (call,) = delta["tool_calls"]
        arguments[call["index"]] = arguments.get(call["index"], "") + call["function"]["arguments"]
    assert arguments == {0: "{}", 1: '{"a":1}'}


def test_arguments_that_come_whole_are_told_after_the_name() -> None:
    """A29"""
    told = deltas(*part(0, ToolCall(id="a", name="x", arguments='{"a":1}')))

    assert [delta["tool_calls"][0]["function"]["arguments"] for delta in told] == ["", '{"a":1}']


def test_a_custom_call_streams_its_input() -> None:
    told = deltas(*part(0, ToolCall(id="a", name="note", freeform=True), "full", " moon"))

    assert told == [
        {"tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "note", "input": ""}, "index": 0}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "full"}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": " moon"}}]},
    ]


def test_a_long_id_of_another_wire_is_shortened() -> None:
    """A19, A33"""
    (first, _) = deltas(*part(0, ToolCall(id="t" * 4000, name="x")))

    assert len(first["tool_calls"][0]["id"]) <= 64


def test_usage_comes_once_before_the_end_where_it_was_asked_for_and_else_not_at_all() -> None:
    """G12"""
    asked = chunks(*part(0, Text(text=""), "Hi"), include_usage=True)
    silent = chunks(*part(0, Text(text=""), "Hi"))

    assert [chunk for chunk in asked if "usage" in chunk] == [asked[-1]]
    assert asked[-1]["choices"] == []
    assert asked[-1]["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    assert not any("usage" in chunk for chunk in silent)


def test_an_error_is_one_frame_and_no_end_follows() -> None:
    """G20, H05"""
    told = frames([START, StreamError(error=ProviderOverloaded("Busy."))])

    assert json.loads(told[-1]) == {
        "error": {"message": "Busy.", "type": "overloaded", "param": None, "code": "provider_overloaded"}
    }
    assert b"[DONE]" not in told


def test_a_refusal_has_its_own_delta() -> None:
    assert deltas(*part(0, Refusal(text=""), "No.")) == [{"refusal": "No."}]


def test_an_image_comes_whole_when_it_is_complete() -> None:
    image = Media(kind=MediaKind.IMAGE, source=Inline(media_type="image/png", data=""))

    assert deltas(*part(0, image, "iV", "BO")) == [
        {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}]}
    ]


def test_the_work_of_a_providers_own_tools_is_left_out() -> None:
    searched = part(0, ServerToolCall(format="elsewhere", id="s", name="search"), "{}")

    assert deltas(*searched, *part(1, Text(text=""), "Found.")) == [{"content": "Found."}]


@pytest.mark.parametrize("reason", list(FinishReason))
def test_every_reason_has_a_word_of_this_wire(reason: FinishReason) -> None:
    """H17"""
    told = frames([START, ChoiceEnd(finish=Finish(reason=reason)), StreamEnd()])

    finish = json.loads(told[-2])["choices"][0]["finish_reason"]
    assert finish in {"stop", "length", "tool_calls", "content_filter"}


def test_unknown_fields_of_this_wire_are_told_where_they_were() -> None:
    start = StreamStart(
        format="openai_chat",
        id="c1",
        model="m",
        created_at=1,
        extras=Extras(format="openai_chat", fields={"provider": "p", "prompt_filter_results": [{}]}),
    )
    end = ChoiceEnd(
        finish=Finish(reason=FinishReason.STOP, format="openai_chat", wire_word="eos"),
        extras=Extras(format="openai_chat", fields={"logprobs": {"content": []}, "message": {"annotations": [1]}}),
    )
    last = StreamEnd(extras=Extras(format="openai_chat", fields={"x_groq": {"id": "r"}}))

    first, finish, tail = (json.loads(data) for data in frames([start, end, last])[:-1])

    assert (first["provider"], first["prompt_filter_results"]) == ("p", [{}])
    assert finish["choices"] == [
        {"index": 0, "delta": {"annotations": [1]}, "finish_reason": "eos", "logprobs": {"content": []}}
    ]
    assert finish["provider"] == "p"
    assert "prompt_filter_results" not in finish
    assert (tail["choices"], tail["x_groq"]) == ([], {"id": "r"})
