"""What imports take, each in an interpreter of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench.processes import ROOT

MODULES = (
    "asyncio",
    "msgspec",
    "starlette.routing",
    "uvicorn",
    "prxy.api.app",
    "prxy.wiring",
    "prxy.local.server",
    "prxy.api.control.app",
    "httpx",
    "mangum",
    "fastapi",
    "boto3",
    "moto.dynamodb.models",
)
_CODE = """\
import json, sys, time
from pathlib import Path
def resident(): return int(Path("/proc/self/statm").read_text().split()[1])
modules, pages, cpu, wall = len(sys.modules), resident(), time.process_time(), time.perf_counter()
import {module}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps([wall, cpu, len(sys.modules) - modules, (resident() - pages) * {page}]))
"""
_PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """Of one module, with all that it imports in turn."""

    module: str
    wall_s: Sequence[float]
    cpu_s: Sequence[float]
    modules: int
    resident_bytes: int


def imports(rounds: int) -> Sequence[Import]:
    return [_import(module, rounds) for module in MODULES] if rounds else []


def _import(module: str, rounds: int) -> Import:
    taken = [_once(module) for _ in range(rounds + 1)][1:]  # the first may write bytecode
    walls, cpus, modules, sizes = zip(*taken, strict=True)
    return Import(module=module, wall_s=walls, cpu_s=cpus, modules=int(modules[0]), resident_bytes=int(sizes[0]))


def _once(module: str) -> tuple[float, float, float, float]:
    code = _CODE.format(module=module, page=_PAGE_BYTES)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=True, timeout=60)
    wall_s, cpu_s, modules, size = json.loads(ran.stdout)
    return wall_s, cpu_s, modules, size
