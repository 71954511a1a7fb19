"""Members of a package by name, each imported when it is first asked for: a cold start pays for those that it uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TypeVar, cast

Member = TypeVar("Member")


class Registry(Mapping[str, Member]):
    """Whether a name is in it can be asked without importing anything."""

    def __init__(self, package: str, places: Mapping[str, str]) -> None:
        """`places`: name of a member -> where it is in the package, `module.attribute`."""
        self._package, self._places = package, places
        self._found: dict[str, Member] = {}

    def __getitem__(self, name: str) -> Member:
        """Raises KeyError."""
        if name not in self._found:
            module, _, attribute = self._places[name].rpartition(".")
            self._found[name] = cast("Member", getattr(import_module(f"{self._package}.{module}"), attribute))
        return self._found[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
