"""Pipelines, budgets and headers as somebody writes them who means harm, or who erred."""

from __future__ import annotations

import json
import secrets
from typing import Any

import httpx
import pytest
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

ASK: dict[str, Any] = {"model": "prxy/echo", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def said(text: str) -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "any"}
    return Answer(body=json.dumps({**head, "choices": [choice], "usage": USAGE}).encode())


@pytest.mark.parametrize(
    "pipe",
    [
        "- cost-guard: {perDay: !!bool foo}",
        '- cost-guard: {perDay: !!int ""}',
        "- cost-guard: {perDay: !!timestamp foo}",
        '- guardrails: {custom_patterns: ["\\ud800"]}',
        "- {a: [" * 300,
        "- cost-guard: {? [1] : 2}",
        '[{"cost-guard": {"perDay": "NaN"}}]',
        '[{"cost-guard": {"perDay": "-0.5"}}]',
    ],
)
def test_a_pipeline_that_makes_no_sense_is_told_so(gateway: Running, pipe: str) -> None:
    reply = gateway.chat(ASK, x_prxy_pipe=pipe)
    kept = gateway.admin("POST", "/v1/keys", {"name": "n", "pipeline": pipe})

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_pipeline")
    assert (kept.status_code, kept.json()["error"]["code"]) == (400, "invalid_pipeline")


def test_a_header_that_comes_twice_is_refused(gateway: Running) -> None:
    headers = [("authorization", f"Bearer {gateway.api_key}"), ("x-prxy-pipe", "cost-guard"), ("x-prxy-pipe", "none")]

    reply = gateway.http.post("/v1/chat/completions", json=ASK, headers=headers)
    listed = gateway.http.get("/v1/pipeline", headers=headers)

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_header")
    assert listed.status_code == 400


@pytest.mark.parametrize("zero", ["-0", "-0.0", "0"])
def test_a_zero_has_no_sign(gateway: Running, zero: str) -> None:
    budget = gateway.admin("PUT", "/v1/tenants/zero", {"limits": {"per_day_usd": zero}})
    key = gateway.admin("POST", "/v1/keys", {"name": "zero", "limits": {"per_day_usd": zero}})

    assert budget.json()["limits"]["per_day_usd"] == key.json()["limits"]["per_day_usd"] == "0"


@pytest.mark.parametrize("name", ["-x", "%2e%2e", "%00", "x" * 200])
def test_a_tenant_that_cannot_be_named_is_refused_in_our_words(gateway: Running, name: str) -> None:
    anonymous = gateway.http.put(f"/v1/tenants/{name}", json={})
    named = gateway.admin("PUT", f"/v1/tenants/{name}", {})

    assert (anonymous.status_code, anonymous.json()["error"]["code"]) == (401, "invalid_api_key")
    assert (named.status_code, named.json()["error"]["param"]) == (400, "tenant")


def test_every_tenant_that_a_key_may_have_may_have_a_budget(gateway: Running) -> None:
    made = gateway.admin("POST", "/v1/keys", {"name": "n", "tenant": "a/b"})
    budget = gateway.admin("PUT", "/v1/tenants/a%2Fb", {"mode": "off"})

    assert made.json()["tenant"] == budget.json()["id"] == "a/b"


def test_a_limit_for_one_request_holds_over_all_that_a_router_asks(gateway: Running, upstream: Upstream) -> None:
    """Each attempt breaks off, so each is charged in full: together they stay within the limit of the one call."""
    key = gateway.make_key(limits={"per_request_usd": "0.0007", "per_day_usd": "1"})
    chain = ["gpt-4o-mini", "gpt-4o-mini-2024-07-18", "gpt-4.1-nano", "gpt-5-nano", "gpt-4.1-nano-2025-04-14"]
    fixture = upstream.put(f"hostile-{secrets.token_hex(4)}", Answer(body=[b'{"id": "chatcmpl-1", "cho'], cut=True))
    pipe = json.dumps([{"router": {"strategy": "fallback", "fallback_chain": chain}}])
    ask = {**ASK, "model": "gpt-4o-mini", "max_tokens": 700}

    reply = gateway.chat(ask, x_provider_key=fixture, x_prxy_pipe=pipe, authorization=f"Bearer {key}")

    dear = sum(0.6 if "4o" in each.body["model"] else 0.4 for each in upstream.asked[fixture])
    assert reply.status_code == 502
    assert len(upstream.asked[fixture]) >= 1
    assert dear * 700 / 1e6 <= 0.0007


def test_an_answer_of_another_model_is_kept_for_nobody_else(gateway: Running, upstream: Upstream) -> None:
    routed = json.dumps([{"exact-cache": {"scope": "global"}}, {"router": {"prefer": ["gpt-4.1-nano"]}}])
    plain = json.dumps([{"exact-cache": {"scope": "global"}}])
    one, other = gateway.make_key(tenant="shared"), gateway.make_key(tenant="shared", models=["gpt-4o"])
    fixture = upstream.put(f"hostile-{secrets.token_hex(4)}", said("from whoever was asked"))
    ask = {**ASK, "model": "gpt-4o", "messages": [{"role": "user", "content": secrets.token_hex(8)}]}

    gateway.chat(ask, x_provider_key=fixture, x_prxy_pipe=routed, authorization=f"Bearer {one}")
    reply = gateway.chat(ask, x_provider_key=fixture, x_prxy_pipe=plain, authorization=f"Bearer {other}")

    assert "x-prxy-cache" not in reply.headers
    assert [each.body["model"] for each in upstream.asked[fixture]] == ["gpt-4.1-nano", "gpt-4o"]


def test_what_only_one_call_may_see_is_not_kept_by_a_cache_before_the_guard(
    gateway: Running, upstream: Upstream
) -> None:
    cache = {"exact-cache": {"scope": "global", "excludeFields": ["messages"]}}
    pipe = json.dumps([cache, {"guardrails": {"pii_redact": True, "reversible": True}}])
    keys = [gateway.make_key(tenant=f"private-{secrets.token_hex(4)}")] * 2
    fixture = upstream.put(f"hostile-{secrets.token_hex(4)}", said("I wrote to [EMAIL_1]."))
    words = ("Write to ada@example.org", "Write to my colleague")

    replies = [_asked(gateway, key, fixture, pipe, text) for key, text in zip(keys, words, strict=True)]

    assert "ada@example.org" in replies[0].text
    assert "ada@example.org" not in replies[1].text
    assert "x-prxy-cache" not in replies[1].headers


def _asked(gateway: Running, key: str, fixture: str, pipe: str, text: str) -> httpx.Response:
    ask = {**ASK, "model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
    return gateway.chat(ask, x_provider_key=fixture, x_prxy_pipe=pipe, authorization=f"Bearer {key}")
