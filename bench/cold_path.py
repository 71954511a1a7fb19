"""`python -m bench.cold_path`: what functions execute behind the double of Lambda, cold and warm, in instructions.

Cold: from spawning the process to the first byte of the right answer. Two runs differ by less than a hundredth however
busy the machine is. With --imports, what importing the chat function takes, module by module.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.gateways.base import LOAD_CORE, Place, module_command
from bench.instructions import InstructionsOfChildren
from bench.lambda_double import Variant, ask, variants
from bench.processes import ROOT, Command, Running, free_port
from bench.runtime.functions import in_process

WARM, SHOWN = 50, 60
_IMPORTS = """\
import importlib._bootstrap as bootstrap, os
from bench.instructions import Instructions
counter, find, inside, found = Instructions(), bootstrap._find_and_load, [0], []
def counted(name, import_):
    before = counter.read()
    inside.append(0)
    try:
        return find(name, import_)
    finally:
        whole = counter.read() - before
        found.append((whole - inside.pop(), whole, name))
        inside[-1] += whole
bootstrap._find_and_load = counted
import gc; gc.disable()
import prxy_streaming.__main__, app
print(f"{inside[0] / 1e6:8.1f}          all {len(found)}")
for own, whole, name in sorted(found, reverse=True)[:%d]:
    print(f"{own / 1e6:8.1f} {whole / 1e6:8.1f} {name}")
"""


class Counted(NamedTuple):
    """Millions of instructions in the function's own code, and in the kernel."""

    own: float
    kernel: float


async def _cold(variant: Variant) -> Counted:
    with closing(InstructionsOfChildren()) as counter:
        async with in_process(variant.env, variant.command) as function:
            await ask(variant, function)
            return Counted(*(number / 1e6 for number in counter.read()))


async def _warm(variant: Variant, invocations: int) -> Counted:
    """Of one invocation."""
    with closing(InstructionsOfChildren()) as counter:
        async with in_process(variant.env, variant.command) as function:
            for _ in range(WARM):
                await ask(variant, function)
            before = counter.read()
            for _ in range(invocations):
                await ask(variant, function)
            after = counter.read()
    return Counted(*((new - old) / invocations / 1e6 for old, new in zip(before, after, strict=True)))


async def _run(place: Place, rounds: int, invocations: int, *, imports: bool) -> None:
    async with variants(place) as functions:
        if imports:
            _show_imports(functions[0].env)
            return
        for each in functions:
            colds = [await _cold(each) for _ in range(rounds + 1)][1:]  # the first may write bytecode
            own, kernel = (median(numbers) for numbers in zip(*colds, strict=True))
            warm = await _warm(each, invocations)
            print(f"{each.title}: cold {own:,.0f} + {kernel:,.0f} in the kernel, ", end="")
            print(f"warm {warm.own:,.2f} + {warm.kernel:,.2f} million instructions", flush=True)


def _show_imports(env: Mapping[str, str]) -> None:
    """Twice, since the first run may write bytecode."""
    for quiet in (subprocess.DEVNULL, None):
        subprocess.run([sys.executable, "-c", _IMPORTS % SHOWN], env=env, cwd=ROOT, stdout=quiet, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cold_path", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of cold starts (3)")
    parser.add_argument("--invocations", type=int, default=100, help="of each warm function (100)")
    parser.add_argument("--imports", action="store_true", help="own and whole millions of each module's import")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        place = Place(upstream_port=free_port(), folder=Path(folder))
        command = Command(arguments=module_command("bench.upstream", place.upstream_port), env=place.environment())
        upstream = Running(command, place.upstream_port, core=LOAD_CORE, patience_s=30)
        try:
            asyncio.run(_run(place, arguments.rounds, arguments.invocations, imports=arguments.imports))
        finally:
            upstream.stop()


if __name__ == "__main__":
    main()
