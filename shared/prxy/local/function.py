"""A function's process on this machine, started by the first event and again after it has ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prxy.local.runtime_api import Delivery, FunctionFailed, RuntimeApi
from prxy.local.template import FunctionTemplate

EVENTS_AT_ONCE = 16
"""In AWS each has a process of its own. The runtime serves as many side by side where it is told to."""


@dataclass(slots=True)
class LocalFunction:
    """Used inside `async with`; on leaving it the process is ended."""

    template: FunctionTemplate
    wrapper: Path
    """layers/streaming/bin/stream-wrapper."""
    variables: Mapping[str, str]
    """For every function, over the template's."""
    _api: RuntimeApi = field(default_factory=RuntimeApi)
    _process: asyncio.subprocess.Process | None = None
    _watcher: asyncio.Task[None] | None = None
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __aenter__(self) -> LocalFunction:
        await self._api.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._watcher is not None:
            self._process.terminate()
            await self._watcher
        await self._api.__aexit__()

    async def invoke(self, event: bytes) -> Delivery:
        async with self._starting:
            if self._process is None:
                await self._start()
        return self._api.invoke(event, timeout_s=self.template.timeout_s)

    async def _start(self) -> None:
        variables = {
            **self.template.variables,
            **self.variables,
            "AWS_LAMBDA_FUNCTION_NAME": self.template.name,
            "AWS_LAMBDA_MAX_CONCURRENCY": str(EVENTS_AT_ONCE),
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "LAMBDA_TASK_ROOT": str(self.template.folder),
            "_HANDLER": self.template.handler,
        }
        assignments = [f"{name}={value}" for name, value in variables.items()]
        # `env` adds to what the process inherits, so that this file need not read it. What a function prints is a log.
        self._process = await asyncio.create_subprocess_exec(
            *("env", *assignments, str(self.wrapper), sys.executable),
            cwd=self.template.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
        )
        self._watcher = asyncio.create_task(self._watch(self._process))

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        self._process = None
        self._api.abandon(FunctionFailed("Runtime.ExitError", {"errorMessage": f"the process ended with {status}"}))
