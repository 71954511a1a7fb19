"""Imports point down, third parties stay behind their fence, and one file reads the environment."""

from __future__ import annotations

import ast
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports
from tests.exchanges import ROOT

PACKAGE = ROOT / "shared" / "prxy"

FENCES = {
    "canonical": {"msgspec"},
    "framing": {"msgspec"},
    "formats": {"msgspec"},
    "providers": {"msgspec", "certifi", "httptools", "httpx"},
    "pipeline": {"msgspec", "yaml"},
    "modules": {"msgspec", "re2"},
    "money": {"msgspec"},
    "store": {"msgspec", "boto3", "botocore", "numpy"},
    "api": {"msgspec", "starlette", "fastapi", "pydantic", "pydantic_core"},
    "telemetry": {"msgspec", "aws_lambda_powertools"},
    "cli": {"msgspec", "click", "rich", "boto3", "botocore"},
    "local": {"msgspec", "cryptography", "moto", "uvicorn", "werkzeug", "yaml"},
}
"""Package -> third parties that it may import."""

CORE = {"msgspec"}
"""What the modules at the root of the package may import."""

READERS_OF_THE_ENVIRONMENT = {"settings.py"}


def imports(path: Path) -> Iterator[str]:
    """Full names of everything that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.ImportFrom():
                yield "relative import"


def third_parties(path: Path) -> set[str]:
    tops = {name.partition(".")[0] for name in imports(path)}
    return tops - sys.stdlib_module_names - {"prxy", "_typeshed"}


@pytest.fixture
def loggers_kept() -> Iterator[None]:
    """The linter silences every logger of the process, ours among them."""
    speaking = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    before = [(each, each.disabled) for each in speaking]
    yield
    for each, disabled in before:
        each.disabled = disabled


@pytest.mark.usefixtures("loggers_kept")
def test_every_contract_of_the_import_linter_holds(capsys: pytest.CaptureFixture[str]) -> None:
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)

    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize("package", FENCES)
def test_third_parties_stay_behind_their_fence(package: str) -> None:
    found = {
        str(path.relative_to(PACKAGE)): third_parties(path) - FENCES[package]
        for path in (PACKAGE / package).rglob("*.py")
    }

    assert not {path: names for path, names in found.items() if names}


def test_every_package_has_a_fence_and_the_root_imports_little() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    found = {path.name: third_parties(path) - CORE for path in PACKAGE.glob("*.py")}

    assert packages == set(FENCES)
    assert not {path: names for path, names in found.items() if names}


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Attribute | ast.alias)
        and (getattr(node, "attr", "") or getattr(node, "name", "")) in {"environ", "getenv", "environb"}
    }

    assert readers <= READERS_OF_THE_ENVIRONMENT


def test_no_import_is_relative() -> None:
    assert not [path for path in PACKAGE.rglob("*.py") if "relative import" in imports(path)]
