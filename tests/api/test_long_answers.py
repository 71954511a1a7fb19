"""Whole answers that may take long are streamed upstream and assembled, in whatever wire the client speaks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 1},
}
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Long "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "story."}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 9},
    },
    {"type": "message_stop"},
]
STREAM = b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in EVENTS)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
def test_a_long_whole_answer_is_assembled(gateway: Running, upstream: Upstream, path: str) -> None:
    key = upstream.put("long", Answer(body=STREAM, headers={"content-type": "text/event-stream"}))
    body = {"model": "claude-sonnet-4-5", "max_tokens": 100_000, "messages": [{"role": "user", "content": "Tell."}]}

    reply = gateway.post(path, body, x_provider_key=key)

    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/json"
    assert upstream.asked[key][0].body["stream"] is True
    if path == "/v1/messages":
        assert reply.json()["content"] == [{"type": "text", "text": "Long story."}]
        assert reply.json()["usage"] == {"input_tokens": 10, "output_tokens": 9}
    else:
        assert reply.json()["choices"][0]["message"]["content"] == "Long story."


def test_a_short_one_is_asked_for_whole(gateway: Running, upstream: Upstream) -> None:
    whole = {**MESSAGE, "content": [{"type": "text", "text": "Short."}], "stop_reason": "end_turn"}
    key = upstream.put("short", Answer(body=json.dumps(whole).encode()))
    body = {"model": "claude-sonnet-4-5", "max_tokens": 1000, "messages": [{"role": "user", "content": "Tell."}]}

    reply = gateway.post("/v1/messages", body, x_provider_key=key)

    assert reply.json() == whole
    assert "stream" not in upstream.asked[key][0].body
