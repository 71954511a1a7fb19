"""Limits hold at the door: refused before any provider is called, charged exactly after."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

MODEL = "gpt-4o-mini"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hallo"}, "finish_reason": "stop"}],
    "usage": USAGE,
}
COST = Decimal("0.00045")
"""1,000 tokens in at $0.15 and 500 out at $0.60 a million, OpenAI's list price of gpt-4o-mini."""
ASK: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "x" * 4000}], "max_tokens": 500}


def answer() -> Answer:
    return Answer(body=json.dumps(WHOLE).encode())


def test_the_cost_of_a_call_is_told(gateway: Running, upstream: Upstream) -> None:
    reply = gateway.chat(ASK, x_provider_key=upstream.put("cost", answer()))

    assert Decimal(reply.headers["x-prxy-cost-usd"]) == COST


def test_a_stream_tells_its_cost_before_its_last_event(gateway: Running, upstream: Upstream) -> None:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    events = [
        {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hi"}, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**head, "choices": [], "usage": USAGE},
    ]
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    key = upstream.put("stream-cost", Answer(body=body, headers={"content-type": "text/event-stream"}))

    reply = gateway.chat({**ASK, "stream": True}, x_provider_key=key)

    lines = reply.text.split("\n")
    comment = next(line for line in lines if line.startswith(": prxy"))
    assert comment == f": prxy cost_usd={COST} provider=openai model={MODEL}"
    assert lines.index(comment) < lines.index("data: [DONE]")
    assert upstream.asked[key][0].body["stream_options"] == {"include_usage": True}
    assert b'"usage"' not in reply.content


def test_a_call_that_could_cost_too_much_never_reaches_the_provider(gateway: Running, upstream: Upstream) -> None:
    poor = gateway.make_key(limits={"per_request_usd": "0.0001"})
    key = upstream.put("per-request", answer())

    reply = gateway.chat(ASK, x_provider_key=key, authorization=f"Bearer {poor}")

    error = reply.json()["error"]
    assert (reply.status_code, error["type"], error["code"]) == (
        429,
        "cost_limit_per_request",
        "cost_limit_per_request",
    )
    assert reply.headers["x-should-retry"] == "false"
    assert Decimal(error["limit"]) == Decimal("0.0001") < Decimal(error["estimated"])
    assert upstream.asked[key] == []


def test_many_at_once_never_overspend_a_day(gateway: Running, upstream: Upstream) -> None:
    """J01."""
    limit = Decimal("0.004")
    team = gateway.make_key(limits={"per_day_usd": str(limit), "concurrency": 200})
    key = upstream.put("per-day", answer())

    def call(_: int) -> int:
        return gateway.chat(ASK, x_provider_key=key, authorization=f"Bearer {team}").status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(call, range(60)))

    assert set(statuses) <= {200, 429}
    assert statuses.count(200) == len(upstream.asked[key])
    assert 1 <= statuses.count(200) <= limit / COST


def test_an_unknown_price_is_refused_only_under_a_limit(gateway: Running, upstream: Upstream) -> None:
    """I07."""
    limited = gateway.make_key(limits={"per_day_usd": "5"})
    ask = {**ASK, "model": "openai/unheard-of-model"}
    key = upstream.put("unknown-price", answer())

    refused = gateway.chat(ask, x_provider_key=key, authorization=f"Bearer {limited}")
    allowed = gateway.chat(ask, x_provider_key=key)

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "model_price_unknown")
    assert allowed.status_code == 200
    assert allowed.headers["x-prxy-cost-usd"] == "unknown"


def test_a_limit_without_max_tokens_is_fitted(gateway: Running, upstream: Upstream) -> None:
    limited = gateway.make_key(limits={"per_request_usd": "0.002"})
    ask = {name: value for name, value in ASK.items() if name != "max_tokens"}
    key = upstream.put("fitted", answer())

    reply = gateway.chat(ask, x_provider_key=key, authorization=f"Bearer {limited}")

    assert reply.status_code == 200, reply.text
    chosen = int(reply.headers["x-prxy-max-tokens"])
    assert upstream.asked[key][0].body["max_completion_tokens"] == chosen
    assert Decimal(chosen) * Decimal("0.0000006") <= Decimal("0.002")


def test_a_failed_call_costs_nothing(gateway: Running, upstream: Upstream) -> None:
    """I11, J05."""
    team = gateway.make_key(limits={"per_day_usd": "0.002"})
    key = upstream.put("fails", Answer(status=401, body=b'{"error":{"message":"no"}}'))

    failed = [gateway.chat(ASK, x_provider_key=key, authorization=f"Bearer {team}").status_code for _ in range(20)]
    upstream.put("fails", answer())
    served = gateway.chat(ASK, x_provider_key=key, authorization=f"Bearer {team}")

    assert set(failed) == {401}
    assert served.status_code == 200


def test_cost_guard_tightens_one_request(gateway: Running, upstream: Upstream) -> None:
    key = upstream.put("guarded", answer())

    reply = gateway.chat(ASK, x_provider_key=key, x_prxy_pipe='[{"cost-guard": {"perRequest": 0.0001}}]')

    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "cost_limit_per_request")
    assert upstream.asked[key] == []


def test_requests_per_minute_are_counted(gateway: Running) -> None:
    slow = gateway.make_key(limits={"requests_per_minute": 2})
    ask = {"model": "prxy/echo", "messages": [{"role": "user", "content": "x"}]}

    replies = [gateway.chat(ask, authorization=f"Bearer {slow}") for _ in range(5)]

    statuses = [reply.status_code for reply in replies]
    assert 2 <= statuses.count(200) <= 4
    refused = next(reply for reply in replies if reply.status_code == 429)
    assert refused.json()["error"]["code"] == "requests_per_minute"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert replies[0].headers["x-ratelimit-limit-requests"] == "2"


def test_a_revoked_key_is_refused_by_the_next_call(gateway: Running) -> None:
    made = gateway.admin("POST", "/v1/keys", {"name": "short-lived"}).json()
    ask = {"model": "prxy/echo", "messages": [{"role": "user", "content": "x"}]}
    bearer = f"Bearer {made['key']}"
    assert gateway.chat(ask, authorization=bearer).status_code == 200

    assert gateway.admin("DELETE", f"/v1/keys/{made['id']}").status_code == 204

    assert gateway.chat(ask, authorization=bearer).status_code == 401


def test_what_is_left_of_a_day_still_buys_a_shorter_answer(gateway: Running, upstream: Upstream) -> None:
    """Most of the day is spent: a limit chosen for a whole day would not fit any more."""
    team = gateway.make_key(limits={"per_day_usd": "0.003"})
    ask = {name: value for name, value in ASK.items() if name != "max_tokens"}
    key = upstream.put("what-is-left", answer())

    replies = [gateway.chat(ask, x_provider_key=key, authorization=f"Bearer {team}") for _ in range(7)]

    served = [reply for reply in replies if reply.status_code == 200]
    caps = [int(reply.headers["x-prxy-max-tokens"]) for reply in served]
    assert len(served) >= 4
    assert caps == sorted(caps, reverse=True)
    assert caps[-1] < caps[0]
    assert [reply.json()["error"]["code"] for reply in replies[len(served) :]] == ["cost_limit_per_day"] * (
        7 - len(served)
    )


def test_a_tenants_budget_holds_over_all_of_its_keys(gateway: Running, upstream: Upstream) -> None:
    budget = {"limits": {"per_day_usd": "0.002"}}
    made = gateway.admin("PUT", "/v1/tenants/frugal", budget)
    keys = [gateway.make_key(tenant="frugal", limits={"per_day_usd": "1"}) for _ in range(2)]
    fixture = upstream.put("frugal", answer())

    replies = [
        gateway.chat(ASK, x_provider_key=fixture, authorization=f"Bearer {key}") for _ in range(4) for key in keys
    ]

    refused = [reply.json()["error"] for reply in replies if reply.status_code == 429]
    assert made.json()["limits"]["per_day_usd"] == "0.002"
    assert 1 <= len(upstream.asked[fixture]) <= 4
    assert len(refused) == 8 - len(upstream.asked[fixture])
    assert {error["code"] for error in refused} == {"cost_limit_per_day"}
    assert "tenant's" in refused[0]["message"]


def test_a_budget_that_warns_lets_calls_go_on(gateway: Running, upstream: Upstream) -> None:
    gateway.admin("PUT", "/v1/tenants/lavish", {"mode": "warn", "limits": {"per_day_usd": "0.0005"}})
    key = gateway.make_key(tenant="lavish")
    fixture = upstream.put("lavish", answer())

    replies = [gateway.chat(ASK, x_provider_key=fixture, authorization=f"Bearer {key}") for _ in range(3)]

    assert [reply.status_code for reply in replies] == [200] * 3
    assert replies[-1].headers["x-prxy-budget-warning"] == "tenant"


def test_an_unknown_price_is_refused_under_a_tenants_limit(gateway: Running, upstream: Upstream) -> None:
    gateway.admin("PUT", "/v1/tenants/careful", {"limits": {"per_month_usd": "5"}})
    key = gateway.make_key(tenant="careful")
    fixture = upstream.put("careful", answer())

    refused = gateway.chat(
        {**ASK, "model": "openai/unheard-of-model"}, x_provider_key=fixture, authorization=f"Bearer {key}"
    )

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "model_price_unknown")
    assert upstream.asked[fixture] == []


def test_budgets_of_tenants_are_an_admins_business(gateway: Running) -> None:
    gateway.admin("PUT", "/v1/tenants/listed", {"mode": "off"})

    ordinary = gateway.http.get("/v1/tenants", headers={"authorization": f"Bearer {gateway.api_key}"})
    listed = gateway.admin("GET", "/v1/tenants").json()["data"]
    wrong = gateway.admin("PUT", "/v1/tenants/listed", {"mode": "perhaps"})
    nobody = gateway.admin("GET", "/v1/tenants/nobody")

    assert (ordinary.status_code, ordinary.json()["error"]["code"]) == (403, "admin_required")
    assert [each["mode"] for each in listed if each["id"] == "listed"] == ["off"]
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "mode")
    assert nobody.status_code == 404
