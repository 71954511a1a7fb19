"""The functions: thin, quick to import, and nothing but their code in the package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.exchanges import ROOT

from prxy.api.routes import ROUTES
from prxy.local.template import read_template

TEMPLATE = read_template(ROOT / "template.yaml")
FOLDERS = sorted(path.parent for path in ROOT.glob("functions/*/app.py"))
CONTROL_PLANE = {"keys", "tenants", "provider_keys", "audit", "usage"}
BY_THE_CLOCK = {"housekeeping"}
LEAN = [folder for folder in FOLDERS if folder.name not in CONTROL_PLANE]
TOO_HEAVY = {
    "fastapi",
    "starlette",
    "email",
    "zipfile",
    "pydantic",
    "boto3",
    "botocore",
    "aws_xray_sdk",
    "genai_prices",
    "moto",
    "uvicorn",
    "click",
}
IMPORT = "import json, sys, app; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
STORE = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "us-east-1", "PRXY_TABLE": "t"}


def imported(folder: Path) -> set[str]:
    """Top-level names in a fresh interpreter that has imported the function."""
    environment = {**os.environ, **STORE, "PYTHONPATH": str(ROOT / "shared"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("folder", LEAN, ids=lambda folder: folder.name)
def test_a_function_without_the_admin_api_imports_nothing_heavy(folder: Path) -> None:
    assert not imported(folder) & TOO_HEAVY


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_function_is_about_ten_lines_of_wiring(folder: Path) -> None:
    files = {path.name for path in folder.iterdir() if path.name != "__pycache__"}

    assert files == {"app.py"}
    assert len((folder / "app.py").read_text(encoding="utf-8").splitlines()) <= 12


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_function_starts(folder: Path) -> None:
    assert "prxy" in imported(folder)


def test_every_route_of_the_data_plane_has_its_function() -> None:
    served = {TEMPLATE.functions[route.function].folder.name for route in TEMPLATE.routes}

    assert set(ROUTES) == {folder.name for folder in LEAN} - BY_THE_CLOCK
    assert set(ROUTES) <= served
