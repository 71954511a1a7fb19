"""GET /v1/usage: what calls used, to the nano-dollar what the ledger charged."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from tests.api.conftest import Running, provider_variables, start_gateway
from tests.api.test_money import ASK, COST, MODEL, USAGE, WHOLE
from tests.api.upstream import Answer, Upstream

from prxy.cli import prxy

OPERATOR = provider_variables("")["OPENAI_API_KEY"]
HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
EVENTS: list[dict[str, Any]] = [
    {**HEAD, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hi"}, "finish_reason": None}]},
    {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {**HEAD, "choices": [], "usage": USAGE},
]
STREAM = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in EVENTS]
SSE = {"content-type": "text/event-stream"}
GOOD = Answer(body=json.dumps(WHOLE).encode())
STREAMED = Answer(body=[*STREAM, b"data: [DONE]\n\n"], headers=SSE)
BROKEN_OFF = Answer(body=STREAM[:1], headers=SSE, cut=True)
REFUSED = Answer(status=400, body=b'{"error":{"message":"no"}}')
CHAIN = [{"router": {"strategy": "fallback", "prefer": [MODEL], "fallback_chain": ["gpt-4.1-mini"]}}]

RICH = {"per_day_usd": "1", "per_month_usd": "10"}


@pytest.fixture(scope="module")
def gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With few keys: what an admin asks for is read key by key, and the store of a laptop is slow."""
    yield from start_gateway(provider_variables(upstream.url), tmp_path_factory.mktemp("usage"))


class Team:
    """A key of its own, and what its usage says."""

    def __init__(
        self, gateway: Running, *, limits: Mapping[str, str] = RICH, tenant: str = "default", text: str = ""
    ) -> None:
        """`text`: of a key that is there already."""
        self._gateway = gateway
        self.text = text or gateway.make_key(limits=limits, tenant=tenant)
        self.id = self.text.removeprefix("prxy_live_")[:12]
        self._bearer = f"Bearer {self.text}"

    def chat(self, provider_key: str, *, pipe: str = "none", word: str = "", **body: object) -> httpx.Response:
        """`word`: of Idempotency-Key."""
        named = {"x_prxy_pipe": pipe} | ({"idempotency_key": word} if word else {})
        return self._gateway.chat({**ASK, **body}, x_provider_key=provider_key, authorization=self._bearer, **named)

    def routed(self) -> httpx.Response:
        return self._gateway.chat(ASK, x_prxy_pipe=json.dumps(CHAIN), authorization=self._bearer)

    def get(self, query: str = "", **headers: str) -> httpx.Response:
        return self._gateway.http.get(f"/v1/usage{query}", headers={"authorization": self._bearer, **headers})

    def usage(self, calls: int, query: str = "") -> dict[str, Any]:
        """As soon as it counts so many calls, and all that the ledger charged."""
        for _ in range(200):
            answer = self.get(query)
            assert answer.status_code == 200, answer.text
            told: dict[str, Any] = answer.json()
            charged = Decimal(told["totals"]["cost_usd"]) + Decimal(told["totals"]["unconfirmed_usd"])
            if told["totals"]["calls"] >= calls and {spent for spent, _, _ in ledger_of(told)} == {charged}:
                break
            time.sleep(0.05)
        return told


def ledger_of(told: Mapping[str, Any]) -> set[tuple[Decimal, Decimal, Decimal]]:
    """Spent, reserved and unconfirmed of the budgets: one entry where day and month agree."""
    return {
        (Decimal(each["spent_usd"]), Decimal(each["reserved_usd"]), Decimal(each["unconfirmed_usd"]))
        for each in told["budgets"]
    }


def test_usage_is_what_the_ledger_charged_to_the_nano(gateway: Running, upstream: Upstream) -> None:
    """Whole and streamed answers, a refusal, a stream that breaks off."""
    team = Team(gateway)
    key = upstream.put("usage", GOOD, GOOD, STREAMED, REFUSED, BROKEN_OFF)

    team.chat(key)
    team.chat(key, model=f"openai/{MODEL}")
    team.chat(key, stream=True)
    assert team.chat(key).status_code == 400
    team.chat(key, stream=True)
    told = team.usage(5)

    totals = told["totals"]
    [(spent, reserved, unconfirmed)] = ledger_of(told)
    assert (totals["calls"], totals["input_tokens"], totals["output_tokens"]) == (5, 3000, 1500)
    assert Decimal(totals["cost_usd"]) == 3 * COST
    assert Decimal(totals["unconfirmed_usd"]) == unconfirmed > 0
    assert (spent, reserved) == (3 * COST + unconfirmed, 0)


def test_what_a_cache_answered_counts_as_a_call_and_as_what_it_saved(gateway: Running, upstream: Upstream) -> None:
    """A replay is no new call: it was counted when it was first answered."""
    team = Team(gateway)
    key = upstream.put("usage-saved", GOOD)

    answers = [team.chat(key, pipe="exact-cache", stream=stream) for stream in (False, False, True, False)]
    replays = [team.chat(key, word="once") for _ in range(3)]
    told = team.usage(5)

    totals = told["totals"]
    assert [answer.headers.get("x-prxy-cache") for answer in answers] == [None, *["exact-cache"] * 3]
    assert [answer.headers.get("x-prxy-replayed") for answer in replays] == [None, "true", "true"]
    assert (totals["calls"], totals["input_tokens"], totals["output_tokens"]) == (5, 2000, 1000)
    assert (Decimal(totals["cost_usd"]), Decimal(totals["saved_usd"])) == (2 * COST, 3 * COST)
    assert ledger_of(told) == {(2 * COST, 0, 0)}


def test_every_attempt_of_a_call_is_told_and_the_call_counts_once(gateway: Running, upstream: Upstream) -> None:
    team = Team(gateway)
    busy = Answer(status=503, body=b'{"error":{"message":"busy"}}')
    lost = Answer(body=b"{", cut=True)
    upstream.put(OPERATOR, busy, GOOD, lost, GOOD)

    answers = [team.routed(), team.routed()]
    del upstream.answers[OPERATOR]
    told = team.usage(2, "?group_by=model")

    [(spent, _, unconfirmed)] = ledger_of(told)
    rows = {row["model"]: (row["calls"], row["output_tokens"]) for row in told["data"]}
    assert [answer.status_code for answer in answers] == [200, 200]
    assert rows == {f"openai/{MODEL}": (2, 0), "openai/gpt-4.1-mini": (0, 1000)}
    assert spent == Decimal(told["totals"]["cost_usd"]) + unconfirmed
    assert Decimal(told["totals"]["unconfirmed_usd"]) == unconfirmed > 0


def test_what_is_held_for_a_running_call_shows_as_reserved(gateway: Running, upstream: Upstream) -> None:
    team = Team(gateway)
    body = json.dumps({**ASK, "stream": True}).encode()
    key = upstream.put("usage-held", Answer(body=[*STREAM, b"data: [DONE]\n\n"], headers=SSE, pause_s=0.3))
    headers = {"authorization": f"Bearer {team.text}", "content-type": "application/json", "x-provider-key": key}

    with gateway.http.stream("POST", "/v1/chat/completions", content=body, headers=headers) as answer:
        during = ledger_of(team.usage(0))
        answer.read()
    after = ledger_of(team.usage(1))

    [(spent, reserved, _)] = during
    assert (spent, reserved > 0) == (0, True)
    assert after == {(COST, 0, 0)}


def test_a_key_sees_itself_and_an_admin_everything(gateway: Running, upstream: Upstream) -> None:
    mine, other = Team(gateway, tenant="usage-mine"), Team(gateway, tenant="usage-other")
    key = upstream.put("usage-own", GOOD)
    mine.chat(key)
    other.chat(key)
    mine.usage(1)
    other.usage(1)

    own = mine.usage(1, "?group_by=key")
    foreign = mine.get(f"?key_id={other.id}")
    every = gateway.admin("GET", "/v1/usage?group_by=tenant").json()
    one = gateway.admin("GET", f"/v1/usage?group_by=key&key_id={other.id}").json()
    nobody = gateway.admin("GET", "/v1/usage?key_id=000000000000")

    assert [row["key"] for row in own["data"]] == [mine.id]
    assert {budget["key_id"] for budget in own["budgets"]} == {mine.id}
    assert mine.get(f"?key_id={mine.id}").status_code == 200
    assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "admin_required")
    assert {"usage-mine", "usage-other"} <= {row["tenant"] for row in every["data"]}
    assert [row["key"] for row in one["data"]] == [other.id]
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (404, "key_not_found")
    assert gateway.http.get("/v1/usage").status_code == 401


def test_pages_follow_one_another_and_the_totals_are_of_all(gateway: Running, upstream: Upstream) -> None:
    team, names = Team(gateway, limits={}), [f"gpt-4o-mini-{at}" for at in range(5)]
    key = upstream.put("usage-pages", GOOD)
    for name in names:
        team.chat(key, model=f"vllm/{name}")
    whole = team.usage(5, "?group_by=model")

    pages: list[dict[str, Any]] = []
    query = "?group_by=model&limit=2"
    for _ in range(5):
        pages.append(team.get(query).json())
        if pages[-1]["next"] is None:
            break
        query = f"?group_by=model&limit=2&cursor={pages[-1]['next']}"

    assert [row["model"] for page in pages for row in page["data"]] == [f"vllm/{name}" for name in names]
    assert [len(page["data"]) for page in pages] == [2, 2, 1]
    assert {page["totals"]["calls"] for page in pages} == {5}
    assert [row for page in pages for row in page["data"]] == whole["data"]
    assert whole["totals"]["unpriced_calls"] == 5


def test_usage_comes_as_csv_where_that_is_asked_for(gateway: Running, upstream: Upstream) -> None:
    team = Team(gateway)
    team.chat(upstream.put("usage-csv", GOOD))
    team.usage(1)

    named, accepted = team.get("?group_by=month&format=csv"), team.get("?group_by=month", accept="text/csv")

    [row] = csv.DictReader(io.StringIO(named.text))
    assert named.headers["content-type"].startswith("text/csv")
    assert accepted.text == named.text
    assert row["month"] == time.strftime("%Y-%m", time.gmtime())
    assert (row["calls"], Decimal(row["cost_usd"])) == ("1", COST)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("from=yesterday", "from"),
        ("from=1795348800", "from"),
        ("to=2026-13-01", "to"),
        ("from=2026-11-02&to=2026-11-01", "from"),
        ("from=2020-01-01&to=2026-11-01", "from"),
        ("group_by=colour", "group_by"),
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("key_id=../x", "key_id"),
        ("cursor=%25%25", "cursor"),
        ("cursor=_w==", "cursor"),
        ("format=xml", "format"),
        ("form=2026-11-01", "form"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(gateway: Running, query: str, param: str) -> None:
    answer = gateway.admin("GET", f"/v1/usage?{query}")

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_the_command_line_shows_usage(gateway: Running, upstream: Upstream, tmp_path: Path) -> None:
    team = Team(gateway)
    team.chat(upstream.put("usage-cli", GOOD))
    team.usage(1)
    asked = ["usage", "--url", gateway.url, "--key", gateway.admin_key, "--key-id", team.id, "--by", "model"]

    shown, told = CliRunner().invoke(prxy, asked), CliRunner().invoke(prxy, [*asked, "--json"])

    assert (shown.exit_code, told.exit_code) == (0, 0), shown.output + told.output
    assert [line.split()[:2] for line in shown.output.splitlines()] == [[f"openai/{MODEL}", "1"], ["total", "1"]]
    assert Decimal(json.loads(told.output)["totals"]["cost_usd"]) == COST
