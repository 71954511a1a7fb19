"""What a gateway under measurement is: how to start it, and in which wire its client speaks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import Running

LOAD_CORE, GATEWAY_CORE = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a gateway is started."""

    upstream_port: int
    folder: Path
    """Its own, thrown away afterwards."""

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing of the caller's but what a process needs; both providers are the mock, with keys that it ignores."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE") if name in os.environ}
        return {
            **kept,
            "OPENAI_API_KEY": "sk-bench-openai",
            "ANTHROPIC_API_KEY": "sk-ant-bench",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self.upstream_port}/v1",
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self.upstream_port}",
            **more,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A gateway that answers. `process` is None for the upstream itself."""

    port: int
    process: Running | None
    headers: Mapping[str, str] = field(default_factory=dict)
    others: tuple[Running, ...] = ()
    """Processes that it needs and whose time is not its own."""

    def stop(self) -> None:
        for running in (self.process, *self.others):
            if running is not None:
                running.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    name: str
    title: str
    translates: bool
    """False: a relay, called in the upstream's own wire."""
    start: Callable[[Place], Started]
    """Raises NotAvailable with the sentence for its row."""


def module_command(module: str, *arguments: int) -> tuple[str, ...]:
    """A module of the benchmark as a process."""
    return (sys.executable, "-m", module, *map(str, arguments))
