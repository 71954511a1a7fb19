"""What a gateway under measurement is: how to start it, and in which wire its client speaks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.client import Caller
from bench.processes import Command, NotAvailable, Running, free_port

LOAD_CORE, GATEWAY_CORE = 0, 1
_INSTALL_S = 600
_KEPT = ("PATH", "HOME", "LANG", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a gateway is started."""

    upstream_port: int
    folder: Path
    """Its own, thrown away afterwards."""

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing of the caller's but what a process needs; both providers are the mock, with keys that it ignores."""
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "OPENAI_API_KEY": "sk-bench-openai",
            "ANTHROPIC_API_KEY": "sk-ant-bench",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self.upstream_port}/v1",
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self.upstream_port}",
            **more,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A gateway whose port is open. `process` is None for the upstream itself."""

    port: int
    process: Running | None
    callers: tuple[Caller, ...] = (Caller(headers={}),)
    """Who may ask it. The first one's calls are answered; all take turns where budgets are measured."""
    by_upstream: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Further headers, by the wire of the provider that is meant."""
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
    warm_s: float = 2.0
    """Of load before a scenario is measured."""
    unenforced: str = ""
    """Why the budgets of its keys are not measured."""


def module_command(module: str, *arguments: int) -> tuple[str, ...]:
    """A module of the benchmark as a process."""
    return (sys.executable, "-m", module, *map(str, arguments))


def start_relay(module: str, place: Place) -> Started:
    port = free_port()
    command = Command(arguments=module_command(module, port, place.upstream_port), env=place.environment())
    return Started(port=port, process=Running(command, port, core=GATEWAY_CORE, patience_s=20))


def install(*command: str, folder: Path | None = None) -> None:
    """One step of the installation of a peer. Raises NotAvailable."""
    try:
        subprocess.run(command, check=True, timeout=_INSTALL_S, capture_output=True, cwd=folder)
    except FileNotFoundError as error:
        raise NotAvailable(f"{command[0]} is not here") from error
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise NotAvailable(f"could not be installed: {error}") from error
