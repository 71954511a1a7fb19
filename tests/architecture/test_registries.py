"""Whoever adds a file to a folder of members cannot forget the line in its registry."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.exchanges import ROOT

REGISTRIES = {
    "prxy.formats": "FORMATS",
    "prxy.providers": "PROVIDERS",
    "prxy.modules": "MODULES",
    "prxy.api.routes": "ROUTES",
}
"""Package -> name of the registry in it."""

SHARED = {
    "prxy.formats": {
        *"base blocks calls fitting lenient losses openai_errors openai_media openai_options openai_tools".split(),
        *"places reading turns".split(),
    },
    "prxy.providers": {*"base auth aws calling egress errors lean limits through_httpx tls transport".split()},
    "prxy.modules": set[str](),
    "prxy.api.routes": set[str](),
}
"""What the members of a package stand on; no members themselves."""


def members() -> list[tuple[str, str]]:
    """Every file or package in the folders that has to be in a registry."""
    return [
        (package, path.stem)
        for package in REGISTRIES
        for path in sorted(folder(package).iterdir())
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem not in {"__init__", *SHARED[package]}
    ]


def folder(package: str) -> Path:
    return ROOT.joinpath("shared", *package.split("."))


def registered(package: str) -> set[str]:
    """Full names of what the registry is made of, directly, through functions and values beside it, or as a place of
    its own package that is imported when it is asked for.
    """
    tree = ast.parse((folder(package) / "__init__.py").read_bytes())
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    defined = {name: node for node in tree.body for name in _defines(node)}
    named = defined[REGISTRIES[package]]
    places = (node.value for node in ast.walk(named) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    reached = {imported[name] for name in _reached(REGISTRIES[package], defined) if name in imported}
    return reached | {f"{package}.{place}" for place in places if "." in place}


def _defines(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name):
            return [name]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case _:
            return []


def _reached(name: str, defined: Mapping[str, ast.stmt]) -> set[str]:
    """Names used in the definition of a name, and in the definitions of those."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        names = {node.id for node in ast.walk(defined[waiting.pop()]) if isinstance(node, ast.Name)}
        waiting += [name for name in names - reached if name in defined]
        reached |= names
    return reached


@pytest.mark.parametrize("package", REGISTRIES)
def test_every_folder_of_members_has_a_registry_that_is_not_empty(package: str) -> None:
    assert getattr(importlib.import_module(package), REGISTRIES[package])


@pytest.mark.parametrize(("package", "member"), members())
def test_every_file_in_a_folder_of_members_is_in_its_registry(package: str, member: str) -> None:
    own = f"{package}.{member}"

    assert any(f"{name}.".startswith(f"{own}.") for name in registered(package)), f"Add {own} to {REGISTRIES[package]}."


@pytest.mark.parametrize("package", ["prxy.formats", "prxy.providers", "prxy.modules"])
def test_every_member_is_registered_under_its_own_name(package: str) -> None:
    registry = getattr(importlib.import_module(package), REGISTRIES[package])

    assert {name: value.name for name, value in registry.items()} == {name: name for name in registry}
