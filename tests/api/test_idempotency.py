"""Idempotency-Key from outside: run once, given again free, and free to retry what was refused."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx
import pytest
from anthropic import Anthropic
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

GPT, CLAUDE, GEMINI = "gpt-4o-mini", "claude-sonnet-5", "gemini-2.5-flash"
EVENTS = {"content-type": "text/event-stream"}
TOOL = {"type": "function", "function": {"name": "look", "arguments": '{"at":"sky"}'}}
CHAT = {
    "id": "chatcmpl-7",
    "object": "chat.completion",
    "created": 1,
    "model": GPT,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "The sky is blue.", "tool_calls": [{"id": "call_1", **TOOL}]},
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}
MESSAGE = {
    "id": "msg_7",
    "type": "message",
    "role": "assistant",
    "model": CLAUDE,
    "content": [{"type": "text", "text": "The sky is blue."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 5},
}
RESPONSE = {
    "id": "resp_7",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": GPT,
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "The sky is blue.", "annotations": []}],
        }
    ],
    "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
}
CONTENT = {
    "responseId": "gem_7",
    "modelVersion": GEMINI,
    "candidates": [
        {"index": 0, "content": {"role": "model", "parts": [{"text": "The sky is blue."}]}, "finishReason": "STOP"}
    ],
    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
}
WORDS = [{"role": "user", "content": "Why?"}]
ASK: dict[str, Any] = {"model": GPT, "messages": WORDS}
ROUTES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", ASK, CHAT),
    "messages": ("/v1/messages", {"model": CLAUDE, "max_tokens": 100, "messages": WORDS}, MESSAGE),
    "responses": ("/v1/responses", {"model": GPT, "input": "Why?"}, RESPONSE),
    "gemini": (
        f"/v1beta/models/{GEMINI}:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]},
        CONTENT,
    ),
    "translated": ("/v1/chat/completions", {"model": CLAUDE, "max_tokens": 100, "messages": WORDS}, MESSAGE),
}


def scripted(upstream: Upstream, name: str, *bodies: object) -> str:
    return upstream.put(name, *(Answer(body=json.dumps(body).encode()) for body in bodies))


def chunks(*deltas: dict[str, object]) -> list[bytes]:
    head = {"id": "chatcmpl-8", "object": "chat.completion.chunk", "created": 1, "model": GPT}
    wires: list[dict[str, object]] = [
        *({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas),
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**head, "choices": [], "usage": CHAT["usage"]},
    ]
    return [b"data: " + json.dumps(wire).encode() + b"\n\n" for wire in wires] + [b"data: [DONE]\n\n"]


def told(stream: str) -> dict[str, Any]:
    """What a Chat stream says, however it is cut."""
    wires = [json.loads(line[6:]) for line in stream.split("\n") if line.startswith("data: {")]
    choices = [choice for wire in wires for choice in wire["choices"]]
    return {
        "ids": {wire["id"] for wire in wires},
        "text": "".join(choice["delta"].get("content") or "" for choice in choices),
        "finish": [choice["finish_reason"] for choice in choices if choice["finish_reason"]],
        "usage": [
            {name: wire["usage"][name] for name in CHAT["usage"]}  # type: ignore[attr-defined]
            for wire in wires
            if wire.get("usage")
        ],
    }


def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


@pytest.mark.parametrize("route", ROUTES)
def test_a_repeated_request_is_given_the_first_answer_free(gateway: Running, upstream: Upstream, route: str) -> None:
    path, ask, answer = ROUTES[route]
    word = f"again-{route}"
    key = scripted(upstream, word, answer, {"error": "asked twice"})

    first = gateway.post(path, ask, x_provider_key=key, idempotency_key=word)
    second = gateway.post(path, ask, x_provider_key=key, idempotency_key=word)

    assert first.status_code == second.status_code == 200, first.text
    assert second.json() == first.json()
    assert len(upstream.asked[key]) == 1
    assert "x-prxy-replayed" not in first.headers
    assert (second.headers["x-prxy-replayed"], second.headers["x-prxy-cost-usd"]) == ("true", "0")
    assert first.headers["x-prxy-cost-usd"] != "0"
    assert second.headers["x-prxy-model"] == first.headers["x-prxy-model"]
    assert "x-prxy-cache" not in second.headers
    assert second.headers["x-request-id"] != first.headers["x-request-id"]


def test_a_stream_is_given_again_as_a_stream(gateway: Running, upstream: Upstream) -> None:
    pieces = chunks({"role": "assistant", "content": "The sky "}, {"content": "is blue."})
    key = upstream.put("again-streamed", Answer(body=pieces, headers=EVENTS), Answer(status=400, body=b"{}"))
    ask = {**ASK, "stream": True, "stream_options": {"include_usage": True}}

    first, second = (gateway.chat(ask, x_provider_key=key, idempotency_key="again-streamed") for _ in range(2))

    assert len(upstream.asked[key]) == 1
    assert told(first.text)["text"] == "The sky is blue."
    assert told(second.text) == told(first.text)
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["x-prxy-replayed"] == "true"
    assert f": prxy cost_usd=0 provider=replayed model={GPT}" in second.text
    assert second.text.rstrip().endswith("data: [DONE]")


def test_an_sdk_reads_a_replayed_stream_as_the_first(gateway: Running, upstream: Upstream) -> None:
    key = scripted(upstream, "again-sdk", MESSAGE)
    headers = {"x-provider-key": key, "idempotency-key": "again-sdk"}
    messages: list[dict[str, Any]] = []

    with Anthropic(base_url=gateway.url, api_key=gateway.api_key, max_retries=0) as client:
        for _ in range(2):
            with client.messages.stream(
                model=CLAUDE,
                max_tokens=100,
                messages=[{"role": "user", "content": "Why?"}],
                extra_headers=headers,
            ) as stream:
                messages.append(stream.get_final_message().model_dump())

    assert messages[0] == messages[1]
    assert messages[0]["content"][0]["text"] == "The sky is blue."
    assert len(upstream.asked[key]) == 1


def test_a_replay_is_no_request_of_the_key(gateway: Running, upstream: Upstream) -> None:
    """Neither the rate nor the money of the key is asked again."""
    slow = gateway.make_key(limits={"requests_per_minute": 1, "per_day_usd": "0.01"})
    key = scripted(upstream, "again-limited", CHAT)
    headers = {"x_provider_key": key, "authorization": f"Bearer {slow}"}

    replies = [gateway.chat(ASK, idempotency_key="again-limited", **headers) for _ in range(3)]

    assert [reply.status_code for reply in replies] == [200] * 3
    assert len(upstream.asked[key]) == 1


def test_a_repeat_waits_while_the_first_runs(gateway: Running, upstream: Upstream) -> None:
    pieces = chunks({"role": "assistant", "content": "Slowly."})
    key = upstream.put("running", Answer(body=pieces, headers=EVENTS, pause_s=0.4))
    ask, headers = {**ASK, "stream": True}, {"x_provider_key": key, "idempotency_key": "running"}
    replies: list[httpx.Response] = []
    first = threading.Thread(target=lambda: replies.append(gateway.chat(ask, **headers)))

    first.start()
    for _ in range(100):
        if upstream.asked[key]:
            break
        time.sleep(0.02)
    early = gateway.chat(ask, **headers)
    first.join(20)
    late = gateway.chat(ask, **headers)

    assert code(early) == (409, "idempotency_in_progress")
    assert early.json()["error"]["type"] == "idempotency_error"
    assert "x-should-retry" not in early.headers
    assert told(late.text) == told(replies[0].text)
    assert len(upstream.asked[key]) == 1


def test_a_key_stands_for_one_body_and_one_route(gateway: Running, upstream: Upstream) -> None:
    key = scripted(upstream, "reused", CHAT)
    headers = {"x_provider_key": key, "idempotency_key": "reused"}
    gateway.chat(ASK, **headers)

    other_body = gateway.chat({**ASK, "temperature": 0}, **headers)
    other_route = gateway.post("/v1/messages", ASK | {"max_tokens": 100}, **headers)

    assert code(other_body) == code(other_route) == (422, "idempotency_key_reused")
    assert other_body.json()["error"]["param"] == "Idempotency-Key"
    assert len(upstream.asked[key]) == 1


def test_a_key_stands_for_one_pipeline(gateway: Running, upstream: Upstream) -> None:
    key = scripted(upstream, "other-pipe", CHAT)
    headers = {"x_provider_key": key, "idempotency_key": "other-pipe"}
    gateway.chat(ASK, **headers, x_prxy_pipe="exact-cache")

    again = gateway.chat(ASK, **headers, x_prxy_pipe="exact-cache")
    others = [gateway.chat(ASK, **headers), gateway.chat(ASK, **headers, x_prxy_pipe="guardrails,exact-cache")]

    assert again.headers["x-prxy-replayed"] == "true"
    assert [code(other) for other in others] == [(422, "idempotency_key_reused")] * 2
    assert len(upstream.asked[key]) == 1


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_what_a_provider_refused_may_be_tried_again(
    gateway: Running, upstream: Upstream, status: int, *, streamed: bool
) -> None:
    word = f"refused-{status}-{streamed}"
    refusal = Answer(status=status, body=b'{"error":{"message":"no"}}')
    key = upstream.put(word, refusal)
    ask = {**ASK, "stream": streamed}

    first = gateway.chat(ask, x_provider_key=key, idempotency_key=word)
    good = (
        Answer(body=chunks({"content": "Yes."}), headers=EVENTS) if streamed else Answer(body=json.dumps(CHAT).encode())
    )
    upstream.put(word, good)
    second = gateway.chat(ask, x_provider_key=key, idempotency_key=word)

    assert first.status_code >= 400
    assert second.status_code == 200, second.text
    assert "x-prxy-replayed" not in second.headers


def test_a_stream_that_broke_off_may_be_tried_again(gateway: Running, upstream: Upstream) -> None:
    pieces = chunks({"role": "assistant", "content": "The sky "}, {"content": "is blue."})
    broken = Answer(body=pieces[:1], headers=EVENTS, cut=True)
    key = upstream.put("broken", broken, Answer(body=pieces, headers=EVENTS))
    ask = {**ASK, "stream": True}

    first, second = (gateway.chat(ask, x_provider_key=key, idempotency_key="broken") for _ in range(2))

    assert "provider_stream_interrupted" in first.text
    assert told(second.text)["text"] == "The sky is blue."
    assert "x-prxy-replayed" not in second.headers


def test_what_the_gateway_refused_may_be_mended_and_tried_again(gateway: Running, upstream: Upstream) -> None:
    poor = gateway.make_key(limits={"per_request_usd": "0.001"})
    key = scripted(upstream, "mended", CHAT)
    headers = {"x_provider_key": key, "idempotency_key": "mended", "authorization": f"Bearer {poor}"}

    dear = gateway.chat({**ASK, "max_tokens": 16_000}, **headers)
    cheap = gateway.chat({**ASK, "max_tokens": 10}, **headers)

    assert code(dear) == (429, "cost_limit_per_request")
    assert cheap.status_code == 200, cheap.text


def test_two_keys_do_not_share_what_was_asked(gateway: Running, upstream: Upstream) -> None:
    key = scripted(upstream, "shared", CHAT)
    headers = {"x_provider_key": key, "idempotency_key": "shared"}
    other = gateway.make_key()

    replies = [gateway.chat(ASK, **headers), gateway.chat(ASK, **headers, authorization=f"Bearer {other}")]

    assert ["x-prxy-replayed" in reply.headers for reply in replies] == [False, False]
    assert len(upstream.asked[key]) == 2


def test_what_a_module_answered_is_given_again_too(gateway: Running, upstream: Upstream) -> None:
    ask = {**ASK, "messages": [{"role": "user", "content": "Why, once more?"}]}
    headers = {"x_provider_key": scripted(upstream, "cached-once", CHAT), "x_prxy_pipe": "exact-cache"}
    gateway.chat(ask, **headers)

    hit, again = (gateway.chat(ask, **headers, idempotency_key="cached-once") for _ in range(2))

    assert hit.headers["x-prxy-cache"] == "exact-cache"
    assert "x-prxy-cache" not in again.headers
    assert again.headers["x-prxy-replayed"] == "true"
    assert again.json() == hit.json()


def test_an_answer_too_large_to_keep_is_not_paid_for_twice(gateway: Running, upstream: Upstream) -> None:
    message = {"role": "assistant", "content": "x" * 360_000}
    large = {**CHAT, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    key = scripted(upstream, "large", large)

    first, second = (gateway.chat(ASK, x_provider_key=key, idempotency_key="large") for _ in range(2))

    assert first.json() == large
    assert code(second) == (409, "idempotency_result_too_large")
    assert second.headers["x-should-retry"] == "false"
    assert len(upstream.asked[key]) == 1


@pytest.mark.parametrize("word", ["", "x" * 256, "schlüssel", "a\tb"], ids=["empty", "long", "umlaut", "tab"])
def test_a_key_that_is_no_plain_text_is_refused(gateway: Running, upstream: Upstream, word: str) -> None:
    key = scripted(upstream, "bad-word", CHAT)
    headers = {
        b"authorization": f"Bearer {gateway.api_key}".encode(),
        b"x-provider-key": key.encode(),
        b"idempotency-key": word.encode("latin-1"),
    }

    reply = gateway.http.post("/v1/chat/completions", json=ASK, headers=headers)

    assert code(reply) == (400, "invalid_header")
    assert reply.json()["error"]["param"] == "Idempotency-Key"
    assert upstream.asked[key] == []


def test_the_longest_key_is_taken(gateway: Running, upstream: Upstream) -> None:
    key = scripted(upstream, "longest", CHAT)

    replies = [gateway.chat(ASK, x_provider_key=key, idempotency_key="~ " * 127 + "~") for _ in range(2)]

    assert [reply.status_code for reply in replies] == [200, 200]
    assert len(upstream.asked[key]) == 1
