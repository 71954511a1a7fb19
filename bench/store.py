"""`python -m bench.store`: what admission costs, in tables. `python -m bench.store PORT`: a table in memory to ask."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median

from bench import table
from bench.admission import SDK, Crowd, Trips, Writes, cpu, crowds, round_trips
from bench.gateways.base import LOAD_CORE, module_command
from bench.processes import ROOT, Command, Running, free_port
from bench.table import UNIT_BYTES

BEGIN, END = "<!-- python -m bench.store writes this -->", "<!-- up to here -->"
USD_PER_MILLION_UNITS = 0.625
"""Write request unit, on demand, us-east-1: https://aws.amazon.com/dynamodb/pricing/on-demand/, as of 2026-11-22."""

_PAGE = ROOT / "docs" / "operations.md"
_MOST = 64
_SHOWN = (1, 12, 32)

_CPU_NOTE = """\
CPU of the gateway's process, user and system, with the table in a process of its own: the mean of {pairs} calls is a
round, rounds are interleaved, a cell is the median over {rounds} rounds with the least and the greatest in brackets.
The same ledger, the same expressions and the same answers on every row, a key with five holds in flight, no TLS."""

_UNITS_NOTE = """\
Both writes of a call, while that many calls of its key are in flight, itself included. A write is billed by the size of
the item, rounded up to whole KB, at {usd} USD a million units (on demand, us-east-1, as of 2026-11-22). The item has a
daily, a monthly and a minute limit, and the windows of yesterday, last month and the last minutes. {steps}"""


def main(arguments: Sequence[str]) -> None:
    asked = _parser().parse_args(arguments)
    if asked.port is not None:
        asyncio.run(table.serve(asked.port))
        return
    found = _measured(asked.rounds, asked.pairs)
    if asked.write:
        _PAGE.write_text(placed(_PAGE.read_text(), found))
    print(found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=__doc__)
    parser.add_argument("port", type=int, nargs="?", help="serve a table in memory there, and measure nothing")
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (7)")
    parser.add_argument("--pairs", type=int, default=300, help="reserves and settles of one round (300)")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/operations.md")
    return parser


def _measured(rounds: int, pairs: int) -> str:
    port = free_port()
    command = Command(arguments=module_command("bench.store", port), env=os.environ)
    running = Running(command, port, core=LOAD_CORE, patience_s=30)
    try:
        writes = asyncio.run(cpu(port, rounds, pairs))
    finally:
        running.stop()
    sections = (
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores, CPython {platform.python_version()}.",
        _cpu_table(writes),
        _CPU_NOTE.format(pairs=pairs, rounds=rounds),
        _trips_table(asyncio.run(round_trips())),
        _units(asyncio.run(crowds(_MOST))),
    )
    return "\n\n".join(sections)


def placed(page: str, found: str) -> str:
    """The page with what stood between the markers replaced. Raises ValueError where it has no markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The page has no place for the tables: it needs '{BEGIN}' and after it '{END}'.")
    return f"{before}{BEGIN}\n\n{found}\n\n{END}{after}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _spread(values: Sequence[float], digits: int) -> str:
    least, middle, greatest = (f"{value:.{digits}f}" for value in (min(values), median(values), max(values)))
    return f"{middle} [{least} to {greatest}]"


def _cpu_table(writes: Mapping[str, Sequence[Writes]]) -> str:
    rows = []
    for title, own in writes.items():
        ratios = [mine.both_us / sdk.both_us for mine, sdk in zip(own, writes[SDK], strict=True)]
        reserve, settle = [each.reserve_us for each in own], [each.settle_us for each in own]
        rows.append([title, _spread(reserve, 0), _spread(settle, 0), _spread(ratios, 2)])
    return _table(["through", "reserve, us CPU", "settle, us CPU", f"both, x {SDK}"], rows)


def _trips_table(found: Sequence[Trips]) -> str:
    rows = [
        [each.title, str(each.reads()), str(each.writes_before()), str(each.writes_after()), " ".join(each.journal)]
        for each in found
    ]
    return _table(["call", "reads", "writes before the provider", "writes after", "in order"], rows)


def _units(found: Sequence[Crowd]) -> str:
    rows = [
        [str(each.holds), str(each.item_bytes), str(each.units), f"{each.units * USD_PER_MILLION_UNITS:.2f}"]
        for each in found
        if each.holds in _SHOWN
    ]
    note = _UNITS_NOTE.format(usd=USD_PER_MILLION_UNITS, steps=_steps(found))
    shown = _table(["calls in flight", "item, bytes", "write units a call", "USD a million calls"], rows)
    return f"{shown}\n\n{textwrap.fill(note, 120)}"


def _steps(found: Sequence[Crowd]) -> str:
    hold = found[1].item_bytes - found[0].item_bytes
    beyond = [each.holds for each in found if each.item_bytes > UNIT_BYTES]
    if not beyond:
        return f"A hold takes {hold} bytes; the item stays within 1 KB up to {found[-1].holds} calls in flight."
    return f"A hold takes {hold} bytes; from {beyond[0]} calls in flight on the item is larger than 1 KB."


if __name__ == "__main__":
    main(sys.argv[1:])
