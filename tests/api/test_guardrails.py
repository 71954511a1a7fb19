"""Guardrails at the door: what reaches the provider, what reaches the client, and what a refusal looks like."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

MODEL = "gpt-4o-mini"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
COST = Decimal("0.00045")
"""1,000 tokens in at $0.15 and 500 out at $0.60 a million, OpenAI's list price of gpt-4o-mini."""
HEAD = {"id": "chatcmpl-1", "created": 1, "model": MODEL}

both_ways = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def answer(text: str, *, streamed: bool, cut: int = 3) -> Answer:
    """An answer of the provider, whole or in deltas of a few characters."""
    if not streamed:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return Answer(
            body=json.dumps({**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}).encode()
        )
    deltas: list[dict[str, Any]] = [{"content": text[at : at + cut]} for at in range(0, len(text), cut)]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    chunks = [{**HEAD, "object": "chat.completion.chunk", "choices": [choice]} for choice in choices]
    chunks.append({**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": USAGE})
    frames = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    return Answer(body=[*frames, b"data: [DONE]\n\n"], headers={"content-type": "text/event-stream"})


def pipe(**options: object) -> str:
    return json.dumps([{"module": "guardrails", "config": options}])


def ask(text: str, *, streamed: bool = False, **more: object) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], "stream": streamed, **more}


def said(body: str, *, streamed: bool) -> str:
    if not streamed:
        return str(json.loads(body)["choices"][0]["message"]["content"])
    chunks = [json.loads(line[6:]) for line in body.split("\n") if line.startswith("data: ") and line != "data: [DONE]"]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk.get("choices", ()))


@both_ways
def test_personal_data_reaches_neither_provider_nor_client(
    gateway: Running, upstream: Upstream, *, streamed: bool
) -> None:
    key = upstream.put("guard-redact", answer("Ask eve@example.com or 415-555-2671 now", streamed=streamed))
    tool = {"type": "function", "function": {"name": "f", "description": "for amy@example.com", "parameters": {}}}

    reply = gateway.chat(
        ask("I am bob@example.com", streamed=streamed, tools=[tool], seed=7),
        x_provider_key=key,
        x_prxy_pipe=pipe(pii_redact=True),
    )

    asked = upstream.asked[key][0].body
    assert asked["messages"] == [{"role": "user", "content": "I am [REDACTED_EMAIL]"}]
    assert asked["tools"][0]["function"]["description"] == "for [REDACTED_EMAIL]"
    assert asked["seed"] == 7
    assert said(reply.text, streamed=streamed) == "Ask [REDACTED_EMAIL] or [REDACTED_PHONE] now"


@both_ways
def test_placeholders_come_back_as_what_they_stood_for(gateway: Running, upstream: Upstream, *, streamed: bool) -> None:
    key = upstream.put("guard-reversible", answer("Dear [EMAIL_1], from [EMAIL_2]", streamed=streamed))

    reply = gateway.chat(
        ask("From amy@example.com? No: bob@example.com, amy@example.com", streamed=streamed),
        x_provider_key=key,
        x_prxy_pipe=pipe(pii_redact=["email"], reversible=True),
    )

    assert upstream.asked[key][0].body["messages"][0]["content"] == "From [EMAIL_1]? No: [EMAIL_2], [EMAIL_1]"
    assert said(reply.text, streamed=streamed) == "Dear amy@example.com, from bob@example.com"


@both_ways
@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"pii_redact": True, "on_pii": "block"}, "guardrail_pii_block"),
        ({"profanity_block": True}, "guardrail_profanity_block"),
        ({"custom_patterns": ["project-x"]}, "guardrail_custom_block"),
    ],
)
def test_a_request_that_is_not_let_through_costs_nothing(
    gateway: Running, upstream: Upstream, options: dict[str, Any], code: str, *, streamed: bool
) -> None:
    key = upstream.put("guard-block", answer("never", streamed=streamed))

    reply = gateway.chat(
        ask("damn shit, bob@example.com of Project-X", streamed=streamed),
        x_provider_key=key,
        x_prxy_pipe=pipe(**options),
    )

    error = reply.json()["error"]
    assert (reply.status_code, error["type"], error["code"]) == (400, code, code)
    assert error["param"] == "messages[0].content"
    assert "messages[0].content" in error["message"]
    assert "bob" not in reply.text
    assert upstream.asked[key] == []


def test_a_refusal_on_the_messages_route_has_its_own_shape(gateway: Running, upstream: Upstream) -> None:
    body = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "123-45-6789"}]}

    reply = gateway.post(
        "/v1/messages",
        body,
        x_provider_key=upstream.put("guard-anthropic", answer("never", streamed=False)),
        x_prxy_pipe=pipe(pii_redact=True, on_pii="block"),
    )

    assert reply.status_code == 400
    assert reply.json()["type"] == "error"
    assert reply.json()["error"]["type"] == "guardrail_pii_block"


@both_ways
def test_an_answer_that_is_not_let_through_is_an_error_and_is_paid(
    gateway: Running, upstream: Upstream, *, streamed: bool
) -> None:
    paying = f"Bearer {gateway.make_key(limits={'per_day_usd': '0.0013'})}"
    body = ask("x" * 4000, streamed=streamed, max_tokens=500)
    text = "A long and harmless beginning. " * 20 + "Then eve@example.com appears. And then it goes on."
    key = upstream.put("guard-answer", answer(text, streamed=streamed, cut=7))

    reply = gateway.chat(
        body, x_provider_key=key, x_prxy_pipe=pipe(pii_redact=True, on_pii="block"), authorization=paying
    )
    second = gateway.chat(body, x_provider_key=key, authorization=paying)

    assert reply.status_code == (200 if streamed else 400)
    assert reply.text.count('"guardrail_pii_block"') == 2
    assert "[DONE]" not in reply.text
    assert "eve@" not in reply.text
    assert second.status_code == 429
    assert Decimal(second.json()["error"]["spent"]) == COST


@both_ways
def test_what_is_only_logged_leaves_the_bytes_alone(gateway: Running, upstream: Upstream, *, streamed: bool) -> None:
    key = upstream.put("guard-log", answer("eve@example.com", streamed=streamed))
    options = {"stream_options": {"include_usage": True}} if streamed else {}
    body = ask("I am bob@example.com", streamed=streamed, **options)

    plain = gateway.chat(body, x_provider_key=key)
    logged = gateway.chat(body, x_provider_key=key, x_prxy_pipe=pipe(pii_redact=True, on_pii="log-only"))

    assert logged.content == plain.content
    assert upstream.asked[key][0].body == upstream.asked[key][1].body


def test_tool_results_and_arguments_are_looked_at(gateway: Running, upstream: Upstream) -> None:
    key = upstream.put("guard-tools", answer("fine", streamed=False))
    arguments = '{"to": "bob@example.com",  "n": 1.50}'
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "SSN 123-45-6789"}]},
    ]

    gateway.chat(
        {"model": MODEL, "messages": messages}, x_provider_key=key, x_prxy_pipe=pipe(pii_redact=["email", "ssn"])
    )

    asked = upstream.asked[key][0].body["messages"]
    assert asked[1]["tool_calls"][0]["function"]["arguments"] == '{"to": "[REDACTED_EMAIL]",  "n": 1.50}'
    assert asked[2]["content"] == [{"type": "text", "text": "SSN [REDACTED_SSN]"}]


@pytest.mark.parametrize(
    ("options", "named"),
    [({"custom_patterns": ["(a"]}, "'(a'"), ({"pii": True}, "pii_redact"), ({"moderation": ""}, "length >= 1")],
)
def test_options_that_cannot_be_used_are_refused(gateway: Running, options: dict[str, Any], named: str) -> None:
    reply = gateway.chat(ask("hello"), x_prxy_pipe=pipe(**options))

    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "invalid_pipeline"
    assert named in reply.json()["error"]["message"]


def test_a_caller_cannot_leave_a_mandatory_guard_out(gateway: Running, upstream: Upstream) -> None:
    guarded = gateway.make_key(
        pipeline=[{"module": "guardrails", "config": {"pii_redact": True}}], mandatory=["guardrails"]
    )
    key = upstream.put("guard-mandatory", answer("fine", streamed=False))

    gateway.chat(ask("123-45-6789"), x_provider_key=key, x_prxy_pipe="none", authorization=f"Bearer {guarded}")

    assert upstream.asked[key][0].body["messages"][0]["content"] == "[REDACTED_SSN]"
