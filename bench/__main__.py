"""What a call costs: this gateway beside bare relays, Portkey and LiteLLM, every answer checked word for word."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from bench.gateways import GATEWAYS
from bench.measure import Effort
from bench.processes import ROOT
from bench.report import render
from bench.rounds import Choice, run
from bench.scenarios import BY_KEY

_Named = TypeVar("_Named")
_PAGE = ROOT / "docs" / "bench.md"
_MEMORY_MARKS = (1_000, 10_000, 20_000)
_QUICK_S, _QUICK_WARM_S = 0.5, 0.3
_EPILOG = """\
A whole run takes about 45 minutes and writes docs/bench.md, at whose top stand the bars and whether they are met. Peers
are installed under build/ when they are first wanted (LiteLLM 700 MB; Portkey 25 MB, where node is); one that cannot be
is named at the end of the page, and the rest goes on. Besides the scenarios it measures memory after 20,000 calls, the
time from spawn to first answer, the functions behind the double of Lambda, and imports. Progress goes to stderr, the
page to stdout. Further tables: `python -m bench.X --help`, where X is store, pipeline, guardrails, runtime, vectors."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, epilog=_EPILOG)
    scenarios = ", ".join(f"{scenario.key} ({scenario.title})" for scenario in BY_KEY.values())
    parser.add_argument("--scenarios", default="", metavar="S1,S3", help=f"default all: {scenarios}")
    names = ", ".join(gateway.name for gateway in GATEWAYS)
    parser.add_argument("--gateways", default="", metavar="A,B", help=f"default all: {names}")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for one cell (3)")
    parser.add_argument("--connections", type=int, default=16, help="for throughput and CPU (16)")
    parser.add_argument("--quick", action="store_true", help="two minutes: one short round, no memory; writes nothing")
    parser.add_argument("--output", type=Path, help="the page to write (docs/bench.md; with --quick none)")
    return parser


def _chosen(wanted: str, of: dict[str, _Named], parser: argparse.ArgumentParser) -> list[_Named]:
    names = [name for name in wanted.split(",") if name] or list(of)
    unknown = [name for name in names if name not in of]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(of)}")
    return [of[name] for name in names]


def main(arguments: Sequence[str]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # whoever ends the run ends all that it started
    parser = _parser()
    asked = parser.parse_args(arguments)
    quick: bool = asked.quick
    seconds = min(asked.seconds, _QUICK_S) if quick else asked.seconds
    findings = run(
        Choice(
            command=" ".join(["python -m bench", *arguments]),
            scenarios=_chosen(asked.scenarios, BY_KEY, parser),
            gateways=_chosen(asked.gateways, {gateway.name: gateway for gateway in GATEWAYS}, parser),
            rounds=1 if quick else asked.rounds,
            effort=Effort(seconds=seconds, connections=asked.connections),
            most_warm_s=_QUICK_WARM_S if quick else asked.seconds * 3,
            memory_marks=() if quick else _MEMORY_MARKS,
            start_rounds=1 if quick else 5,
            invocations=100 if quick else 500,
        )
    )
    page = render(findings)
    output = asked.output or (None if quick else _PAGE)
    if output is not None:
        output.write_text(page)
    print(page)


if __name__ == "__main__":
    main(sys.argv[1:])
