"""One cell of a table: a gateway, a scenario, a round."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from bench.answers import WORDS
from bench.client import Caller, Plan, Result
from bench.gateways.base import LOAD_CORE, Gateway, Started, module_command
from bench.processes import ROOT, pin
from bench.scenarios import PATHS, Asking, Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """`cpu_s` is per answer, and None for the upstream itself; latencies are with one connection."""

    cpu_s: float | None
    per_second: float
    p50_s: float
    p99_s: float
    first_word_s: float
    """NaN where nothing was streamed."""
    answers: int
    failures: int
    reason: str

    def cpu_us(self) -> float | None:
        return None if self.cpu_s is None else self.cpu_s * 1e6

    def cpu_us_per_word(self) -> float | None:
        return None if self.cpu_s is None else self.cpu_s * 1e6 / len(WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Bounds of one cell."""

    seconds: float
    connections: int
    limit: int = 200_000


def load(gateway: Gateway, started: Started, scenario: Scenario, effort: Effort) -> Result:
    """Run the load client to its end. Raises CalledProcessError or TimeoutExpired where it fails itself."""
    shape = "openai" if gateway.translates else scenario.upstream
    plan = Plan(
        port=started.port,
        path=PATHS[shape],
        callers=callers(started, scenario),
        body=scenario.body(shape).decode(),
        shape=shape,
        stream=scenario.stream,
        connections=effort.connections,
        seconds=effort.seconds,
        limit=effort.limit,
    )
    return msgspec.json.decode(_run_client(msgspec.json.encode(plan), effort.seconds + 60), type=Result)


def callers(started: Started, scenario: Scenario) -> list[Caller]:
    """Whose calls these are; a relay, which knows no keys, has one caller for all scenarios."""
    match scenario.asking:
        case Asking.ALL:
            chosen = started.callers
        case Asking.SPENT:
            chosen = tuple(each for each in started.callers if each.refused) or started.callers
        case Asking.ONE:
            chosen = started.callers[:1]
    meant = started.by_upstream.get(scenario.upstream, {})
    return [replace(each, headers={**each.headers, **meant}) for each in chosen]


def _run_client(plan: bytes, patience_s: float) -> bytes:
    client = subprocess.Popen(module_command("bench.client"), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    pin(client.pid, LOAD_CORE)
    try:
        printed, _ = client.communicate(plan, timeout=patience_s)
    except subprocess.TimeoutExpired:
        client.kill()
        client.wait(10)
        raise
    if client.returncode:
        raise subprocess.CalledProcessError(client.returncode, [sys.executable, "-m", "bench.client"])
    return printed


def measure(gateway: Gateway, started: Started, scenario: Scenario, effort: Effort) -> Sample:
    """Load with many connections for throughput and CPU, then with one for latency."""
    before = started.process.cpu_s() if started.process else None
    many = load(gateway, started, scenario, effort)
    used = started.process.cpu_s() - before if started.process and before is not None else None
    alone_s = effort.seconds if scenario.stream else effort.seconds / 2  # a paced stream lasts 0.8 s
    one = load(gateway, started, scenario, Effort(seconds=alone_s, connections=1))
    return Sample(
        cpu_s=None if used is None else used / max(many.answers, 1),
        per_second=many.answers / many.seconds,
        p50_s=_quantile(one.totals_s, 0.5),
        p99_s=_quantile(one.totals_s, 0.99),
        first_word_s=_quantile(one.firsts_s, 0.5),
        answers=many.answers + one.answers,
        failures=many.failures + one.failures,
        reason=many.reason or one.reason,
    )


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values) or [float("nan")]
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
