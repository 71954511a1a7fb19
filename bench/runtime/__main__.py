"""`python -m bench.runtime`: prints a table; the exit status is 1 where a bar is missed."""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.gateways.base import LOAD_CORE, Place, module_command
from bench.processes import Command, Running, free_port
from bench.runtime.measures import MIB, Growth, Sides, growth, sides

_NOTE = """\
Python {python}, {rounds} rounds by turns, {invocations} invocations each; a figure is the median over the rounds, with
the least and the greatest in brackets. The app says one word, at once. The time to its first byte begins with the last
byte of the event. CPU is that of the function's processes for a whole invocation: translating the event, answering,
asking for the next one. Function and adapter have one core, as small functions have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    title: str
    shown: str
    bar: str = ""
    met: bool = True


def _spread(values: Sequence[float], unit: str = "") -> str:
    return f"{median(values):.2f}{unit} [{min(values):.2f}, {max(values):.2f}]"


def _of_sides(found: Sides) -> Iterator[Line]:
    ours, adapter = found.ours, found.adapter
    cpu = [each.cpu_s * 1e3 for each in ours]
    yield Line(title="runtime, CPU", shown=_spread(cpu, " ms"), bar="<= 1 ms", met=median(cpu) <= 1)
    yield Line(title="uvicorn and adapter, CPU", shown=_spread([each.cpu_s * 1e3 for each in adapter], " ms"))
    yield Line(title="runtime, first byte", shown=_spread([each.first_s * 1e3 for each in ours], " ms"))
    yield Line(title="uvicorn and adapter, first byte", shown=_spread([each.first_s * 1e3 for each in adapter], " ms"))
    ratios = [mine.first_s / other.first_s for mine, other in zip(ours, adapter, strict=True)]
    yield Line(title="first byte, ratio", shown=_spread(ratios), bar="<= 0.7", met=median(ratios) <= 0.7)


def _of_growth(found: Growth) -> Iterator[Line]:
    first, last = (each / MIB for each in found.resident_bytes)
    yield Line(title="chat function, resident", shown=f"{last:.1f} MiB", bar="<= 70 MB", met=last * MIB <= 70e6)
    shown = f"{last - first:+.2f} MiB over {found.invocations} invocations"
    yield Line(title="chat function, growth", shown=shown, bar="<= 2 MiB", met=last - first <= 2)
    before, after = found.descriptors
    yield Line(title="chat function, descriptors", shown=f"{before}, then {after}", bar="equal", met=before == after)


async def _measure(place: Place, rounds: int, invocations: int, long_run: int) -> list[Line]:
    return [
        *_of_sides(sides(place, rounds, invocations)),
        *_of_growth(await growth(place, long_run)),
    ]


def _table(lines: Sequence[Line]) -> str:
    rows = (f"| {line.title} | {line.shown} | {line.bar}{'' if line.met else ' MISSED'} |" for line in lines)
    return "\n".join(["| what | found | bar |", "| --- | --- | --- |", *rows])


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.runtime", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="of each side, by turns (9)")
    parser.add_argument("--invocations", type=int, default=200, help="in a round (200)")
    parser.add_argument("--long-run", type=int, default=1000, help="invocations without growth (1000)")
    asked = parser.parse_args(arguments)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(upstream_port=port, folder=Path(folder))
        provider = Command(arguments=module_command("bench.upstream", port), env=place.environment())
        running = Running(provider, port, core=LOAD_CORE, patience_s=30)
        try:
            lines = asyncio.run(_measure(place, asked.rounds, asked.invocations, asked.long_run))
        finally:
            running.stop()
    print(_NOTE.format(python=platform.python_version(), rounds=asked.rounds, invocations=asked.invocations))
    print("\n" + _table(lines))
    return 0 if all(line.met for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
