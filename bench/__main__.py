"""`python -m bench`: the command line of the benchmark."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from bench.gateways import GATEWAYS
from bench.measure import Effort
from bench.processes import ROOT
from bench.report import render
from bench.rounds import Choice, run
from bench.scenarios import SCENARIOS

_Named = TypeVar("_Named")
_PAGE = ROOT / "docs" / "bench.md"
_MEMORY_MARKS = (100, 1000, 10_000)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    scenarios = ", ".join(f"{scenario.key} ({scenario.title})" for scenario in SCENARIOS)
    parser.add_argument("--scenarios", default="", metavar="S1,S3", help=f"default all: {scenarios}")
    names = ", ".join(gateway.name for gateway in GATEWAYS)
    parser.add_argument("--gateways", default="", metavar="A,B", help=f"default all: {names}")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for one cell (3)")
    parser.add_argument("--connections", type=int, default=16, help="for throughput and CPU (16)")
    parser.add_argument("--quick", action="store_true", help="one short round, no memory test, nothing written")
    parser.add_argument(
        "--output", type=Path, default=None, help="the page to write (docs/bench.md; with --quick none)"
    )
    return parser


def _chosen(wanted: str, of: dict[str, _Named], parser: argparse.ArgumentParser) -> list[_Named]:
    names = [name for name in wanted.split(",") if name] or list(of)
    unknown = [name for name in names if name not in of]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(of)}")
    return [of[name] for name in names]


def main(arguments: Sequence[str]) -> None:
    parser = _parser()
    asked = parser.parse_args(arguments)
    seconds = min(asked.seconds, 1.0) if asked.quick else asked.seconds
    findings = run(
        Choice(
            command=" ".join(["python -m bench", *arguments]),
            scenarios=_chosen(asked.scenarios, {scenario.key: scenario for scenario in SCENARIOS}, parser),
            gateways=_chosen(asked.gateways, {gateway.name: gateway for gateway in GATEWAYS}, parser),
            rounds=1 if asked.quick else asked.rounds,
            effort=Effort(seconds=seconds, connections=asked.connections),
            memory_marks=() if asked.quick else _MEMORY_MARKS,
            cold_rounds=1 if asked.quick else 7,
        )
    )
    page = render(findings)
    output = asked.output or (None if asked.quick else _PAGE)
    if output is not None:
        output.write_text(page)
    print(page)


if __name__ == "__main__":
    main(sys.argv[1:])
