"""The page tells what was found: bars met and missed, what was not measured, and why."""

from __future__ import annotations

import pytest
from bench.answers import wrong_refusal
from bench.bars import BARS
from bench.client import Caller
from bench.findings import Findings, Growth, Invoked, Start
from bench.gateways.base import Started
from bench.lambda_double import CHAT, USUAL
from bench.measure import Effort, Sample, callers
from bench.report import render
from bench.scenarios import BY_KEY

TITLES = {
    "direct": "the upstream itself",
    "bare-asgi": "bare",
    "prxy": "prxy",
    "portkey": "Portkey",
    "litellm": "LiteLLM",
}


def sample(cpu_s: float | None, p50_s: float = 0.001) -> Sample:
    return Sample(
        cpu_s=cpu_s,
        per_second=1.0,
        p50_s=p50_s,
        p99_s=p50_s,
        first_word_s=p50_s,
        answers=1,
        failures=0,
        reason="",
    )


def findings() -> Findings:
    """One round, in which this gateway takes five times the CPU of the bare relay."""
    of_all = {
        "direct": [sample(None)],
        "bare-asgi": [sample(0.0001)],
        "prxy": [sample(0.0005, 0.0015)],
        "portkey": [sample(0.001, 0.003)],
    }
    return Findings(
        command="python -m bench",
        rounds=1,
        effort=Effort(seconds=1, connections=16),
        titles=TITLES,
        samples={scenario: of_all for scenario in BY_KEY.values()},
        growths={"prxy": Growth(answers=(1_000, 20_000), resident_bytes=(40_000_000, 40_500_000))},
        starts=[Start(name="prxy", title="prxy", seconds=[0.3]), Start(name="portkey", title="Portkey", seconds=[0.2])],
        invoked=[invoked(CHAT, 0.1), invoked(USUAL, 0.4)],
        missing={"litellm": "it is | not\nhere"},
    )


def invoked(title: str, cold_s: float) -> Invoked:
    return Invoked(title=title, cold_s=[cold_s], first_s=0.001, whole_s=0.001, cpu_s=0.002, resident_bytes=36_000_000)


def bar(title: str, of: Findings) -> list[str]:
    return next(row for each in BARS if (row := each.row(of))[0] == title)


@pytest.mark.parametrize(
    ("title", "measured", "met"),
    [
        ("S1, CPU of a call, x bare ASGI", "5.00", "yes"),
        ("S5, CPU of a call, x bare ASGI", "5.00", "**no**"),
        ("S1, added p50 with one connection, x Portkey", "0.25", "yes"),
        ("S3p, first word later by", "0.50 ms", "yes"),
        ("spawn to first right answer", "0.30 s", "yes"),
        ("spawn to first right answer, x Portkey", "1.50", "**no**"),
        ("chat function, cold, x awslambdaric + Mangum + FastAPI + httpx", "0.25", "yes"),
        ("chat function, warm, CPU of a call", "2.00 ms", "**no**"),
        ("resident after the last answers", "40.5 MB", "yes"),
        ("resident, growth from the first mark to the last", "0.5 MB", "yes"),
    ],
)
def test_a_bar_is_compared_with_what_was_measured(title: str, measured: str, met: str) -> None:
    assert bar(title, findings())[2:] == [measured, met]


def test_no_bar_counts_as_met_that_was_not_measured() -> None:
    nothing = Findings(command="", rounds=0, effort=Effort(seconds=1, connections=1), titles=TITLES)

    assert {tuple(each.row(nothing)[2:]) for each in BARS} == {("not measured", "-")}


def test_memory_that_was_not_reached_in_time_meets_no_bar() -> None:
    short = Findings(
        command="",
        rounds=0,
        effort=Effort(seconds=1, connections=1),
        titles=TITLES,
        growths={"prxy": Growth(answers=(1_000, 20_000), resident_bytes=(40_000_000,))},
    )

    assert bar("resident after the last answers", short)[2] == "not measured"


def test_the_page_begins_with_the_bars_and_ends_with_what_is_missing() -> None:
    page = render(findings())

    sections = [line for line in page.splitlines() if line.startswith("#")]
    assert sections[:2] == ["# Benchmark", "## S1: OpenAI to OpenAI, JSON"]
    assert page.index("| figure | bar | measured | met |") < page.index("## S1")
    assert page.endswith("## Not measured\n\n- LiteLLM: it is / not here\n")


def test_where_budgets_are_measured_the_page_says_who_has_none() -> None:
    page = render(findings())

    section = page.partition("## S6:")[2].partition("## ")[0]
    assert "Portkey (the open version has neither keys nor budgets)" in section


SPENT = b'{"error":{"code":"cost_limit_per_day"}}'


@pytest.mark.parametrize(
    ("status", "body", "right"),
    [
        (429, SPENT, True),
        (200, SPENT, False),
        (429, b'{"error":{"code":"concurrency"}}', False),
        (429, b'{"error":null}', False),
        (429, b"<html>", False),
    ],
)
def test_a_refusal_is_right_only_where_it_says_that_the_budget_is_spent(status: int, body: bytes, right: bool) -> None:
    assert (wrong_refusal(status, body) == "") is right


def test_each_scenario_asks_with_the_keys_that_it_is_about() -> None:
    room, spent = Caller(headers={"authorization": "a"}), Caller(headers={"authorization": "b"}, refused=True)
    started = Started(port=1, process=None, callers=(room, spent), by_upstream={"openai": {"to": "openai"}})

    asked = {key: callers(started, BY_KEY[key]) for key in ("S1", "S2", "S6", "S6r")}

    assert asked["S1"] == [Caller(headers={"authorization": "a", "to": "openai"})]
    assert asked["S2"] == [room]
    assert [each.refused for each in asked["S6"]] == [False, True]
    assert [each.refused for each in asked["S6r"]] == [True]
