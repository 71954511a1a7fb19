"""Answers, streams and errors of Converse."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import json

from prxy.canonical.errors import (
    ProviderAuthentication,
    ProviderBadResponse,
    ProviderError,
    ProviderOverloaded,
    ProviderPermission,
    ProviderRateLimited,
    ProviderRejected,
    ProviderStreamInterrupted,
    ProviderTimeout,
    ProviderUnavailable,
)
from prxy.canonical.events import StreamEnd, StreamError, StreamEvent
from prxy.canonical.parts import Opaque, Reasoning, ServerToolCall, ServerToolResult, Text, ToolCall
from prxy.canonical.response import ChatResponse, FinishReason
from prxy.canonical.stream import fold, through
from prxy.formats.bedrock_converse import FORMAT, parse_error, parse_response
from prxy.framing.eventstream import EXCEPTION
from prxy.framing.frame import Frame

USAGE = {"inputTokens": 7, "outputTokens": 2, "totalTokens": 1309}


def frame(event: str, **body: Any) -> Frame:
    return Frame(json.encode(body), event)


def delta(index: int, **body: Any) -> Frame:
    return frame("contentBlockDelta", contentBlockIndex=index, delta=body, p="abc")


def stop(index: int) -> Frame:
    return frame("contentBlockStop", contentBlockIndex=index)


START = frame("messageStart", role="assistant")
END = (frame("messageStop", stopReason="end_turn"), frame("metadata", usage=USAGE, metrics={"latencyMs": 1}))


def events(*frames: Frame) -> list[StreamEvent]:
    return list(through(FORMAT.decode_stream(), frames))


def answer(*blocks: Any, word: str = "end_turn", usage: Any = None) -> ChatResponse:
    message = {"role": "assistant", "content": list(blocks)}
    return parse_response({"output": {"message": message}, "stopReason": word, "usage": usage or USAGE})


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", FinishReason.STOP),
        ("tool_use", FinishReason.TOOL_CALL),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("guardrail_intervened", FinishReason.CONTENT_FILTER),
        ("content_filtered", FinishReason.CONTENT_FILTER),
        ("malformed_tool_use", FinishReason.ERROR),
        ("someday", FinishReason.STOP),
    ],
)
def test_why_the_answer_ended(word: str, reason: FinishReason) -> None:
    assert answer({"text": "x"}, word=word).choices[0].finish.reason is reason


def test_what_was_cached_counts_as_read() -> None:
    details = [{"ttl": "1h", "inputTokens": 200}, {"ttl": "5m", "inputTokens": 100}]
    told = {**USAGE, "cacheReadInputTokens": 1000, "cacheWriteInputTokens": 300, "cacheDetails": details}

    usage = answer({"text": "x"}, usage=told).usage

    assert usage is not None
    counts = (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens)
    assert counts == (1307, 1000, 300, 200)
    assert usage.reasoning_tokens is None


def test_cited_text_is_text_and_sources_alone_are_the_wires_own() -> None:
    cited = {"citationsContent": {"content": [{"text": "Plain"}], "citations": [{"title": "a"}]}}
    alone = {"citationsContent": {"citations": [{"title": "a"}]}}

    parts = answer(cited, alone).choices[0].parts

    assert isinstance(parts[0], Text)
    assert parts[0].text == "Plain"
    assert parts[1] == Opaque(format="bedrock_converse", value=alone)


def test_tools_of_the_provider_are_told_apart_from_the_clients() -> None:
    call = {"toolUseId": "1", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}
    result = {"toolUseId": "1", "content": [{"text": "x"}], "type": "nova_grounding_result"}

    parts = (
        answer({"toolUse": call}, {"toolResult": result}, {"toolUse": {**call, "type": "tool_use"}}).choices[0].parts
    )

    assert [type(part) for part in parts] == [ServerToolCall, ServerToolResult, ToolCall]


def test_text_begins_with_its_first_delta_and_a_call_without_input_is_empty() -> None:
    use = {"toolUse": {"toolUseId": "t1", "name": "look"}}
    begun = frame("contentBlockStart", contentBlockIndex=1, start=use)

    told = fold(events(START, delta(0, text="Hi"), stop(0), begun, delta(1, toolUse={"input": ""}), stop(1), *END))

    assert told.choices[0].parts == (Text(text="Hi"), ToolCall(id="t1", name="look", arguments="{}"))
    assert told.usage is not None


def test_a_signature_without_a_word_is_a_thought() -> None:
    """B06."""
    told = fold(events(START, delta(0, reasoningContent={"signature": "c2ln"}), stop(0), *END))

    part = told.choices[0].parts[0]
    assert isinstance(part, Reasoning)
    assert (part.text, part.signature and part.signature.value) == ("", "c2ln")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("throttlingException", ProviderRateLimited),
        ("modelStreamErrorException", ProviderUnavailable),
        ("internalServerException", ProviderUnavailable),
        ("serviceUnavailableException", ProviderOverloaded),
        ("validationException", ProviderRejected),
        ("ModelTimeoutException", ProviderTimeout),
        ("somethingElse", ProviderUnavailable),
    ],
)
@pytest.mark.parametrize("body", [b'{"message":"No."}', b"not json"])
def test_an_exception_ends_the_stream_with_an_error_of_its_type(
    kind: str, error: type[ProviderError], body: bytes
) -> None:
    """G25."""
    told = events(START, delta(0, text="Hel"), delta(0, text="lo"), Frame(body, EXCEPTION + kind), *END)

    last = told[-1]
    assert isinstance(last, StreamError)
    assert type(last.error) is error


def test_a_stream_without_its_last_frame_is_whole_and_one_without_a_reason_is_not() -> None:
    assert isinstance(events(START, delta(0, text="Hi"), stop(0), END[0])[-1], StreamEnd)
    broken = events(START, delta(0, text="Hi"), stop(0))[-1]
    assert isinstance(broken, StreamError)
    assert isinstance(broken.error, ProviderStreamInterrupted)


@pytest.mark.parametrize(
    "frames",
    [
        (START, START),
        (delta(0, text="x"),),
        (START, delta(0, text="x"), END[0]),
        (START, delta(0, text="x"), stop(0), delta(0, text="y")),
        (START, END[1]),
        (START, delta(0, text="x"), delta(0, reasoningContent={"text": "y"})),
        (START, delta(0, toolUse={"input": "{"})),
        (START, frame("contentBlockDelta", contentBlockIndex=0)),
        (START, Frame(b"{}", "")),
        (START, Frame(b"nope", "metadata")),
    ],
)
def test_frames_out_of_order_are_a_bad_answer(frames: tuple[Frame, ...]) -> None:
    with pytest.raises(ProviderBadResponse):
        events(*frames)


def test_events_of_the_future_are_passed_over() -> None:
    assert fold(events(START, frame("hologram", a=1), delta(0, text="x"), stop(0), *END)).choices[0].parts


@pytest.mark.parametrize(
    ("status", "message", "error", "code"),
    [
        (400, "Input is too long for requested model.", ProviderRejected, "context_length_exceeded"),
        (400, "The provided model identifier is invalid.", ProviderRejected, "provider_rejected"),
        (403, "The security token in the request is invalid.", ProviderAuthentication, "provider_authentication"),
        (403, "You don't have access to the model.", ProviderPermission, "provider_permission"),
        (408, "Model has timed out.", ProviderTimeout, "provider_timeout"),
        (424, "The model failed.", ProviderUnavailable, "provider_unavailable"),
        (429, "Too many requests.", ProviderRateLimited, "provider_rate_limit"),
        (429, "The model is not ready for inference.", ProviderOverloaded, "provider_overloaded"),
        (503, "Service capacity limit has been reached.", ProviderOverloaded, "provider_overloaded"),
    ],
)  # fmt: skip
def test_an_error_is_told_by_its_status_and_words(
    status: int, message: str, error: type[ProviderError], code: str
) -> None:
    """H11."""
    for name in ("message", "Message"):
        parsed = parse_error(status, {name: message})
        assert (type(parsed), parsed.code, parsed.message) == (error, code, message)
