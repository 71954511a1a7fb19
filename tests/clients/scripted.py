"""What scripted providers say: one answer as the stream, or as the whole body, of two vendors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.api.upstream import Answer

_SSE = {"content-type": "text/event-stream"}


def openai_text(text: str) -> dict[str, object]:
    return {"role": "assistant", "content": text}


def openai_call(name: str, arguments: object) -> dict[str, object]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}


def openai_stream(message: dict[str, object]) -> Answer:
    """A message of Chat Completions, as its chunks."""
    calls = message.get("tool_calls")
    delta = {**message, "tool_calls": [{"index": 0, **call} for call in calls]} if isinstance(calls, list) else message
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    chunks: Sequence[dict[str, object]] = (
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}]},
        {**base, "choices": [], "usage": _OPENAI_USAGE},
    )
    data = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    return Answer(body=[*data, b"data: [DONE]\n\n"], headers=_SSE)


def openai_whole(message: dict[str, object]) -> Answer:
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}
    base = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini"}
    return Answer(body=json.dumps({**base, "choices": [choice], "usage": _OPENAI_USAGE}).encode())


def claude_text(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}


def claude_call(name: str, arguments: object) -> dict[str, object]:
    return {"type": "tool_use", "id": "toolu_1", "name": name, "input": arguments}


def claude_stream(block: dict[str, object]) -> Answer:
    """A message of one block, as its events."""
    empty, delta = (
        ({**block, "text": ""}, {"type": "text_delta", "text": block["text"]})
        if block["type"] == "text"
        else ({**block, "input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(block["input"])})
    )
    whole = _claude_message(block)
    events: Sequence[dict[str, object]] = (
        {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": whole["stop_reason"], "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    )
    data = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
    return Answer(body=data, headers=_SSE)


def claude_whole(block: dict[str, object]) -> Answer:
    return Answer(body=json.dumps(_claude_message(block)).encode())


def _claude_message(block: dict[str, object]) -> dict[str, object]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [block],
        "stop_reason": "end_turn" if block["type"] == "text" else "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 20, "output_tokens": 7},
    }


_OPENAI_USAGE = {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27}

MODELS = {"openai": "openai/gpt-4o-mini", "anthropic": "anthropic/claude-sonnet-4-5"}
"""Vendor -> a model of its, as a client asks for it."""

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
"""Vendor -> where it is asked."""

_CITY = {"city": "Oslo"}
_PERSON = {"name": "Ada", "age": 36}

CONVERSATIONS: dict[str, Sequence[Answer]] = {
    "openai": (
        openai_whole(openai_text("Good day.")),
        openai_stream(openai_text("One two three.")),
        openai_whole(openai_call("get_weather", _CITY)),
        openai_whole(openai_text("It is cold.")),
        openai_whole(openai_text(json.dumps(_PERSON))),
    ),
    "anthropic": (
        claude_whole(claude_text("Good day.")),
        claude_stream(claude_text("One two three.")),
        claude_whole(claude_call("get_weather", _CITY)),
        claude_whole(claude_text("It is cold.")),
        claude_whole(claude_text(json.dumps(_PERSON))),
    ),
}
"""Vendor -> what it answers to a script's five requests: whole, streamed, the tool's call and its end, structured."""


def answered(done: Mapping[str, Any], door: str = "") -> None:
    """Asserts that the four steps of a script, at one door, say what the conversation said."""
    assert done[f"{door}plain"]["text"] == "Good day."
    assert done[f"{door}stream"]["text"] == "One two three."
    assert done[f"{door}tool"]["text"] == "It is cold."
    assert done[f"{door}structured"]["value"] == _PERSON
    assert 7 in done[f"{door}plain"]["usage"].values()
    assert 7 in done[f"{door}stream"]["usage"].values()
