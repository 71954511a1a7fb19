"""The processes of a run: one store, some gateways that may be killed and come back. Only its own are ever touched."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.exchanges import ROOT

STARTS = 8
"""A gateway that meets a fault of the store while it starts ends; it is started again."""
PATIENCE_S = 60.0


def bare_environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT / "shared")}


@asynccontextmanager
async def running_store() -> AsyncIterator[str]:
    """Gives its URL."""
    command = (sys.executable, "-m", "tests.history.store")
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=bare_environment(), stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield (await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)).decode().strip()
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), PATIENCE_S)


class GatewayProcess:
    """`prxy serve`, under a new name each time it starts."""

    def __init__(self, name: str, folder: Path) -> None:
        self.variables: Mapping[str, str] = {}
        self.up = False
        self._name, self._folder = name, folder
        self._process: Process | None = None
        self._starts = 0
        self.url = ""

    @property
    def host(self) -> str:
        return self.name_now()

    def name_now(self) -> str:
        return f"{self._name}.{self._starts}"

    async def start(self) -> None:
        for _ in range(STARTS):
            if await self._started():
                return
        raise AssertionError(f"gateway {self._name} did not start in {STARTS} attempts")

    async def _started(self) -> bool:
        self._starts += 1
        command = (str(Path(sys.executable).with_name("prxy")), "serve", "--port", "0")
        with (self._folder / f"{self._name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self._folder,
                env={**bare_environment(), **self.variables},
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=log,
            )
        assert process.stdout is not None
        self._process = process
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
        if not line:
            await process.wait()
            return False
        self.url, self.up = json.loads(line)["url"], True
        return True

    def told(self) -> Iterator[Mapping[str, object]]:
        """What it has logged, under all its names."""
        lines = (self._folder / f"{self._name}.log").read_text(encoding="utf-8").splitlines()
        return (json.loads(line) for line in lines if line.startswith("{") and line.endswith("}"))

    async def kill(self) -> str:
        """At once, without a chance to write anything. Gives the name it had."""
        return await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> str:
        host, process = self.host, self._process
        self.up = False
        if process is not None and process.returncode is None:
            process.send_signal(how)
            await asyncio.wait_for(process.wait(), PATIENCE_S)
        return host
