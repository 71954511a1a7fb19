"""GET /v1/usage/calls: each call of a day by itself, complete."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.api.conftest import Running
from tests.api.test_money import COST, MODEL, WHOLE
from tests.api.test_usage import BROKEN_OFF, GOOD, REFUSED, STREAMED, Team
from tests.api.upstream import Answer, Upstream

DATED = "gpt-4o-mini-2024-07-18"


def calls_of(team: Team, query: str = "", **headers: str) -> httpx.Response:
    return team.get(f"/calls{query}", **headers)


def timings(call: Mapping[str, Any]) -> list[int]:
    return [call["admitted_ms"], call["first_byte_ms"], call["lasted_ms"]]


def test_a_record_says_all_that_is_known_of_its_call(gateway: Running, upstream: Upstream) -> None:
    team = Team(gateway, tenant="usage-record")
    key = upstream.put("used-calls", GOOD)

    answers = [team.chat(key, pipe="exact-cache", model=f"openai/{MODEL}") for _ in range(2)]
    team.usage(2)
    [first, hit] = sorted(calls_of(team).json()["data"], key=lambda call: call["cache"] or "")

    assert [call["request_id"] for call in (first, hit)] == [answer.headers["x-request-id"] for answer in answers]
    assert {name: first[name] for name in first if not name.endswith("_ms")} == {
        "attempt": first["attempt"],
        "request_id": first["request_id"],
        "admitted_at": first["admitted_at"],
        "key_id": team.id,
        "tenant": "usage-record",
        "project": None,
        "calls": 1,
        "provider": "openai",
        "model": MODEL,
        "requested_model": MODEL,
        "answered_model": DATED,
        "status": 200,
        "error": None,
        "cache": None,
        "modules": ["exact-cache"],
        "input_tokens": 1000,
        "cached_input_tokens": 0,
        "cache_write_tokens": 0,
        "output_tokens": 500,
        "reasoning_tokens": 0,
        "cost_usd": f"{COST}",
        "unconfirmed_usd": "0",
        "saved_usd": "0",
    }
    assert first["admitted_at"][:10] == time.strftime("%Y-%m-%d", time.gmtime())
    assert all(value is not None and value >= 0 for call in (first, hit) for value in timings(call))
    assert (hit["cache"], hit["saved_usd"], hit["cost_usd"]) == ("exact-cache", f"{COST}", "0")
    assert (hit["provider"], hit["model"], hit["answered_model"]) == ("openai", MODEL, DATED)
    assert (hit["input_tokens"], hit["output_tokens"], hit["modules"]) == (0, 0, ["exact-cache"])


def test_failures_are_told_with_what_they_cost(gateway: Running, upstream: Upstream) -> None:
    team = Team(gateway)
    key = upstream.put("used-failures", REFUSED, BROKEN_OFF, STREAMED)

    team.chat(key)
    team.chat(key, stream=True)
    team.chat(key, stream=True)
    team.usage(3)
    told = {(call["status"], call["error"]): call for call in calls_of(team).json()["data"]}

    refused, broken = told[(400, "provider_rejected")], told[(502, "provider_stream_interrupted")]
    assert set(told) == {(400, "provider_rejected"), (502, "provider_stream_interrupted"), (200, None)}
    assert (refused["cost_usd"], refused["unconfirmed_usd"]) == ("0", "0")
    assert (broken["cost_usd"], Decimal(broken["unconfirmed_usd"]) > 0) == ("0", True)


def test_pages_follow_one_another(gateway: Running, upstream: Upstream) -> None:
    team = Team(gateway)
    key = upstream.put("used-pages", GOOD)
    for _ in range(5):
        team.chat(key)
    team.usage(5)

    pages: list[Any] = []
    query = "?limit=2"
    for _ in range(5):
        pages.append(calls_of(team, query).json())
        if pages[-1]["next"] is None:
            break
        query = f"?limit=2&cursor={pages[-1]['next']}"

    found = [call["request_id"] for page in pages for call in page["data"]]
    assert [len(page["data"]) for page in pages] == [2, 2, 1]
    assert len(set(found)) == 5
    assert found == [call["request_id"] for call in calls_of(team).json()["data"]]


def test_calls_come_as_csv_and_of_one_day(gateway: Running, upstream: Upstream) -> None:
    team = Team(gateway)
    team.chat(upstream.put("used-csv", GOOD))
    team.usage(1)

    named, accepted = calls_of(team, "?format=csv"), calls_of(team, accept="text/csv")
    before = calls_of(team, "?day=2026-01-01").json()

    [row] = csv.DictReader(io.StringIO(named.text))
    assert accepted.text == named.text
    assert (row["key_id"], row["provider"], Decimal(row["cost_usd"]), row["modules"]) == (team.id, "openai", COST, "")
    assert before == {"object": "list", "data": [], "next": None}


def test_what_a_provider_calls_its_model_is_no_formula_in_a_spreadsheet(gateway: Running, upstream: Upstream) -> None:
    team = Team(gateway)
    team.chat(upstream.put("used-formula", Answer(body=json.dumps({**WHOLE, "model": "@SUM(1+1)"}).encode())))
    team.usage(1)

    [row] = csv.DictReader(io.StringIO(calls_of(team, "?format=csv").text))

    assert row["answered_model"] == "'@SUM(1+1)"


def test_a_key_sees_its_own_calls_and_an_admin_names_whose(gateway: Running, upstream: Upstream) -> None:
    team, other = Team(gateway), Team(gateway)
    team.chat(upstream.put("used-whose", GOOD))
    team.usage(1)

    foreign = calls_of(other, f"?key_id={team.id}")
    nobody = gateway.admin("GET", "/v1/usage/calls")
    named = gateway.admin("GET", f"/v1/usage/calls?key_id={team.id}")
    missing = gateway.admin("GET", "/v1/usage/calls?key_id=000000000000")

    assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "admin_required")
    assert (nobody.status_code, nobody.json()["error"]["param"]) == (400, "key_id")
    assert [call["key_id"] for call in named.json()["data"]] == [team.id]
    assert calls_of(other).json()["data"] == []
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "key_not_found")
    assert gateway.http.get("/v1/usage/calls").status_code == 401


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("day=today", "day"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=%25%25", "cursor"),
        ("cursor=bm8gcGxhY2U=", "cursor"),
        ("format=xml", "format"),
        ("from=2026-11-01", "from"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(gateway: Running, query: str, param: str) -> None:
    answer = gateway.http.get(f"/v1/usage/calls?{query}", headers={"authorization": f"Bearer {gateway.api_key}"})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
