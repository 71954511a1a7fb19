"""`python -m bench.served`: what a server executes for a call, beside the bare relay, in thousands of instructions.

The whole process as it serves 16 connections: what `bench.hot_path` counts, and the server, the log and the other calls
in flight besides, in its own code and in the kernel. Two runs differ by some hundredths however busy the machine is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.gateways.bare_asgi import BARE_ASGI
from bench.gateways.base import Gateway, Started
from bench.gateways.prxy import PRXY
from bench.instructions import InstructionsOf
from bench.measure import Effort, load
from bench.rounds import upstream
from bench.scenarios import BY_KEY, Scenario

_PATIENCE_S = 60.0


class Served(NamedTuple):
    """Thousands of instructions a call, and how many calls were answered right and wrong."""

    thousands: float
    answers: int
    failures: int


def count(gateway: Gateway, started: Started, scenario: Scenario, effort: Effort) -> Served:
    """Raises NotAvailable where the machine does not let a process count."""
    assert started.process is not None
    load(gateway, started, scenario, replace(effort, limit=effort.limit // 4))  # the first are dearer
    counter = InstructionsOf(started.process.pid)
    before = counter.read()
    found = load(gateway, started, scenario, effort)
    return Served((counter.read() - before) / found.answers / 1000, found.answers, found.failures)


def _rows(scenarios: Iterable[str], effort: Effort) -> Iterator[str]:
    yield "| scenario | gateway | thousands a call | x bare ASGI | failures |"
    yield "| --- | --- | --: | --: | --: |"
    with ExitStack() as stack:
        place = stack.enter_context(upstream(Path(stack.enter_context(TemporaryDirectory()))))
        up = [(gateway, gateway.start(place)) for gateway in (BARE_ASGI, PRXY)]
        for _, started in up:
            stack.callback(started.stop)
        for scenario in scenarios:
            found = [(gateway, count(gateway, started, BY_KEY[scenario], effort)) for gateway, started in up]
            floor = found[0][1].thousands
            for gateway, (thousands, answers, failures) in found:
                figures = f"{thousands:,.0f} | {thousands / floor:.2f} | {failures} of {answers}"
                yield f"| {scenario} | {gateway.title} | {figures} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.served", description=__doc__)
    parser.add_argument("--scenarios", metavar="S1,S3", default="S1,S2,S3,S4,S5", help="S1,S2,S3,S4,S5")
    parser.add_argument("--calls", type=int, default=200, help="for each (200)")
    parser.add_argument("--connections", type=int, default=16, help="16")
    asked = parser.parse_args()
    effort = Effort(seconds=_PATIENCE_S, connections=asked.connections, limit=asked.calls)
    for row in _rows(asked.scenarios.split(","), effort):
        print(row, flush=True)


if __name__ == "__main__":
    main()
