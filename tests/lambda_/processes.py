"""The streaming runtime as Lambda starts it: bin/stream-wrapper, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.exchanges import ROOT

from prxy.local.runtime_api import RuntimeApi

WRAPPER = ROOT / "layers" / "streaming" / "bin" / "stream-wrapper"
DEMO = Path(__file__).parent / "demo"


@asynccontextmanager
async def spawned(
    address: str, folder: Path, handler: str = "app.handler", variables: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A function process that asks the Runtime API at that address for work."""
    given = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "AWS_LAMBDA_RUNTIME_API": address,
        "LAMBDA_TASK_ROOT": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "_HANDLER": handler,
        **(variables or {}),
    }
    command = [str(WRAPPER), sys.executable, "-c", "print('stepped aside')"]
    running = await asyncio.create_subprocess_exec(
        *command, env=given, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


@asynccontextmanager
async def process(
    folder: Path, handler: str = "app.handler", variables: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[RuntimeApi, asyncio.subprocess.Process]]:
    """A Runtime API double and a function process that asks it for work."""
    async with RuntimeApi() as api, spawned(api.address, folder, handler, variables) as running:
        yield api, running
