"""Runs a client as a process of its own: a clean environment, a home of its own, a limit in time, loopback only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.api.conftest import Running
from tests.api.upstream import Upstream

ROOT = Path(__file__).resolve().parents[2]
PYTHON_CLIENTS = ROOT / "build" / "clients-venv"
NODE_CLIENTS = Path(__file__).parent / "node"
LIMIT_S = 60

_NO_PROXY = {"NO_PROXY": "127.0.0.1", "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
"""Whatever a client would send elsewhere ends at a port of this machine where nobody listens."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a client plays on."""

    gateway: Running
    upstream: Upstream
    home: Path
    """The client's own, and empty."""

    def paths_asked(self, key: str) -> set[str]:
        """Where the provider was asked with a key."""
        return {asked.path for asked in self.upstream.asked[key]}


def run(command: Sequence[str], home: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The finished process. At the limit it and all that it started are killed, and the test fails."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    with subprocess.Popen(
        command,
        cwd=home,
        env={**kept, **_NO_PROXY, "HOME": str(home), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def steps(command: Sequence[str], stage: Stage, variables: Mapping[str, str]) -> dict[str, Any]:
    """What a client's script printed: one JSON object a line, by the name of its step."""
    gateway = {"PRXY_URL": stage.gateway.url, "PRXY_API_KEY": stage.gateway.api_key}
    done = run(command, stage.home, {**gateway, **variables})
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line.pop("step"): line for line in lines}
