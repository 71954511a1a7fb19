"""The functions: thin, quick to import, and nothing but their code in the package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
from tests.exchanges import ROOT

from prxy.api.routes import ROUTES
from prxy.formats import FORMATS
from prxy.local.template import read_template

TEMPLATE = read_template(ROOT / "template.yaml")
FOLDERS = sorted(path.parent for path in ROOT.glob("functions/*/app.py"))
CONTROL_PLANE = {"keys", "tenants", "provider_keys", "audit", "usage"}
BY_THE_CLOCK = {"housekeeping"}
LEAN = [folder for folder in FOLDERS if folder.name not in CONTROL_PLANE]
SPEAKS = {
    "chat_completions": {"openai_chat"},
    "messages": {"anthropic_messages"},
    "responses": {"openai_responses"},
    "generate_content": {"anthropic_messages", "gemini_generate"},
    "count_tokens": {"anthropic_messages", "gemini_generate"},
}
"""Formats that a function imports before its first event; the others, once a provider is asked in them."""
MOST_OF_OURS = {
    "chat_completions": 173,
    "messages": 174,
    "responses": 180,
    "generate_content": 192,
    "count_tokens": 192,
    "housekeeping": 149,
    "health": 149,
    "models": 149,
    "pipeline": 149,
}
"""Modules of the project that a function imports before its first event, each about half a thousandth of its start."""
TOO_HEAVY = {
    "fastapi",
    "starlette",
    "difflib",
    "email",
    "pathlib",
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
IMPORT = """
import json, sys
before = set(sys.modules)
import app
print(json.dumps(sorted(set(sys.modules) - before)))
"""
STORE = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "us-east-1", "PRXY_TABLE": "t"}


@cache
def imported(folder: Path) -> frozenset[str]:
    """Modules in a fresh interpreter that has imported the function."""
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
    return frozenset(json.loads(done.stdout))


def tops(names: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("folder", LEAN, ids=lambda folder: folder.name)
def test_a_function_without_the_admin_api_imports_nothing_heavy(folder: Path) -> None:
    assert not tops(imported(folder)) & TOO_HEAVY


@pytest.mark.parametrize("folder", LEAN, ids=lambda folder: folder.name)
def test_a_function_imports_the_formats_that_its_clients_speak_and_no_module_of_a_pipeline(folder: Path) -> None:
    modules = imported(folder)

    assert {name for name in FORMATS if f"prxy.formats.{name}" in modules} == SPEAKS.get(folder.name, set())
    assert not [name for name in modules if name.startswith("prxy.modules.")]


def test_every_format_that_counts_tokens_is_counted_in() -> None:
    assert SPEAKS["count_tokens"] == {name for name, format_ in FORMATS.items() if format_.counting}


@pytest.mark.parametrize("folder", LEAN, ids=lambda folder: folder.name)
def test_a_function_stays_within_its_budget_of_imports(folder: Path) -> None:
    ours = [name for name in imported(folder) if name.partition(".")[0] == "prxy"]

    assert len(ours) <= MOST_OF_OURS[folder.name]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_function_is_about_ten_lines_of_wiring(folder: Path) -> None:
    files = {path.name for path in folder.iterdir() if path.name != "__pycache__"}

    assert files == {"app.py"}
    assert len((folder / "app.py").read_text(encoding="utf-8").splitlines()) <= 12


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_function_starts(folder: Path) -> None:
    assert "prxy" in tops(imported(folder))


def test_every_route_of_the_data_plane_has_its_function() -> None:
    served = {TEMPLATE.functions[route.function].folder.name for route in TEMPLATE.routes}

    assert set(ROUTES) == {folder.name for folder in LEAN} - BY_THE_CLOCK
    assert set(ROUTES) <= served
