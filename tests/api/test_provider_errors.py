"""What a provider does wrong reaches the client as the contract says, and nothing secret comes along."""

from __future__ import annotations

import json

import pytest
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

ASK = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 20}
MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5", "google": "gemini-2.5-flash"}
CANARY = "sk-proj-CANARYcanaryCANARY1234567890"

STATUSES = {
    400: (400, "invalid_request", "provider_rejected"),
    401: (401, "authentication_error", "provider_authentication"),
    403: (403, "permission_error", "provider_permission"),
    404: (404, "not_found", "model_not_found"),
    413: (413, "invalid_request", "request_too_large"),
    422: (400, "invalid_request", "provider_rejected"),
    429: (429, "rate_limit", "provider_rate_limit"),
    500: (502, "provider_error", "provider_unavailable"),
    502: (502, "provider_error", "provider_unavailable"),
    503: (503, "overloaded", "provider_overloaded"),
    504: (504, "timeout", "provider_timeout"),
    529: (503, "overloaded", "provider_overloaded"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
@pytest.mark.parametrize("status", STATUSES)
def test_a_status_becomes_the_clients_error(
    gateway: Running, upstream: Upstream, status: int, model: str, *, stream: bool
) -> None:
    """G17, G21."""
    body = json.dumps({"error": {"message": f"Sorry, {CANARY} will not do", "type": "whatever"}}).encode()
    key = upstream.put(f"status-{status}-{model}-{stream}", Answer(status=status, body=body))

    reply = gateway.chat({**ASK, "model": model, "stream": stream}, x_provider_key=key)

    expected_status, type_, code = STATUSES[status]
    assert reply.status_code == expected_status
    assert (reply.json()["error"]["type"], reply.json()["error"]["code"]) == (type_, code)
    assert CANARY not in reply.text
    assert "sk-operator-canary" not in reply.text
    assert len(upstream.asked[key]) == (2 if status in (503, 529) else 1)


def test_retry_after_is_kept(gateway: Running, upstream: Upstream) -> None:
    answer = Answer(status=429, body=b'{"error":{"message":"slow"}}', headers={"retry-after": "7"})
    key = upstream.put("retry-after", answer)

    reply = gateway.chat({**ASK, "model": "gpt-4o-mini"}, x_provider_key=key)

    assert reply.headers["retry-after"] == "7"


def test_html_is_not_echoed(gateway: Running, upstream: Upstream) -> None:
    """H04."""
    key = upstream.put("html", Answer(status=502, body=b"<html>nginx internal.host</html>"))

    reply = gateway.chat({**ASK, "model": "gpt-4o-mini"}, x_provider_key=key)

    assert reply.status_code == 502
    assert "<html>" not in reply.text


def sse(*events: object) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


START = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hal"}, "finish_reason": None}],
}
EVENTS = {"content-type": "text/event-stream"}


def test_an_error_as_the_first_event_is_a_plain_http_error(gateway: Running, upstream: Upstream) -> None:
    """G18."""
    key = upstream.put("first-error", Answer(body=sse({"error": {"message": "no", "code": 400}}), headers=EVENTS))

    reply = gateway.chat({**ASK, "model": "gpt-4o-mini", "stream": True}, x_provider_key=key)

    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "provider_rejected"


@pytest.mark.parametrize("cut", [False, True], ids=["closed", "broken"])
def test_a_stream_that_stops_short_ends_in_one_error_and_no_done(
    gateway: Running, upstream: Upstream, *, cut: bool
) -> None:
    """G32, G19."""
    key = upstream.put(f"short-{cut}", Answer(body=sse(START), headers=EVENTS, cut=cut))

    reply = gateway.chat({**ASK, "model": "gpt-4o-mini", "stream": True}, x_provider_key=key)

    assert reply.status_code == 200
    assert b"Hal" in reply.content
    assert len(upstream.asked[key]) == 1
    assert reply.content.count(b'"error"') == 1
    assert b"provider_stream_interrupted" in reply.content
    assert b"[DONE]" not in reply.content


def test_nothing_follows_the_terminal_event(gateway: Running, upstream: Upstream) -> None:
    """G28."""
    end = {**START, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    late = {**START, "choices": [{"index": 0, "delta": {"content": "LATE"}, "finish_reason": None}]}
    key = upstream.put("late", Answer(body=sse(START, end) + b"data: [DONE]\n\n" + sse(late), headers=EVENTS))

    reply = gateway.chat({**ASK, "model": "gpt-4o-mini", "stream": True}, x_provider_key=key)

    assert b"LATE" not in reply.content
    assert reply.content.rstrip().endswith(b"data: [DONE]")


def test_json_in_answer_to_a_stream_request_becomes_a_stream(gateway: Running, upstream: Upstream) -> None:
    """G29."""
    whole = {
        "id": "chatcmpl-9",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hallo"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }
    key = upstream.put("json-for-stream", Answer(body=json.dumps(whole).encode()))

    reply = gateway.chat({**ASK, "model": "gpt-4o-mini", "stream": True}, x_provider_key=key)

    assert reply.headers["content-type"].startswith("text/event-stream")
    assert b"Hallo" in reply.content
    assert reply.content.rstrip().endswith(b"data: [DONE]")


def test_a_provider_without_a_key_is_named(gateway: Running) -> None:
    reply = gateway.chat({**ASK, "model": "mistral/mistral-small-latest"})

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "provider_not_configured")
    assert "mistral" in reply.json()["error"]["message"]
