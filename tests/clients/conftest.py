"""The gateway of the API's tests, and the places where other people's clients are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.api.conftest import Running, gateway, upstream
from tests.api.upstream import Upstream
from tests.clients.running import NODE_CLIENTS, PYTHON_CLIENTS, Stage

__all__ = ["gateway", "upstream"]


@pytest.fixture(scope="session")
def client_python() -> str:
    """The interpreter that has the Python clients."""
    if not (PYTHON_CLIENTS / "clients.stamp").exists():
        pytest.skip("The Python clients are not installed: `make clients` installs them from the network.")
    return str(PYTHON_CLIENTS / "bin" / "python")


@pytest.fixture(scope="session")
def node() -> str:
    """Node, in a version that every client runs on."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("The Node clients need Node 20 or later, and there is no `node` here.")
    version = subprocess.run(
        [found, "--version"], capture_output=True, text=True, timeout=20, check=True
    ).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < 20:
        pytest.skip(f"The Node clients need Node 20 or later; here is {version}.")
    if not (NODE_CLIENTS / "node_modules" / "clients.stamp").exists():
        pytest.skip("The Node clients are not installed: `make clients` installs them from the network.")
    return found


@pytest.fixture
def stage(gateway: Running, upstream: Upstream, tmp_path: Path) -> Stage:
    home = tmp_path / "home"
    home.mkdir()
    return Stage(gateway=gateway, upstream=upstream, home=home)
