"""Commands of a page, in a shell that knows where the gateway is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.api.conftest import Running

LIMIT_S = 60


def shell(script: str, folder: Path, variables: Mapping[str, str], *, status: int = 0) -> str:
    """What a script prints, in a clean environment. Fails where it ends otherwise."""
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def whereabouts(gateway: Running) -> dict[str, str]:
    """The variables that the examples read."""
    return {"PRXY_URL": gateway.url, "PRXY_KEY": gateway.api_key, "PRXY_ADMIN_KEY": gateway.admin_key}


def program(text: str) -> str:
    """A page's Python as a command."""
    return f"python - <<'END'\n{text}END\n"
