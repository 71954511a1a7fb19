"""Modules of other people: Python packages that are installed beside prxy and name themselves as entry points."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from prxy.canonical.errors import GatewayError
from prxy.pipeline.base import Module

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "prxy.modules"
_log = logging.getLogger(__name__)


class AvailableModules(Mapping[str, type[Module]]):
    """Those that come with prxy, which nobody can replace, and the installed ones, looked for when one is needed."""

    def __init__(self, built_in: Mapping[str, type[Module]]) -> None:
        self._built_in = built_in
        self._loaded: dict[str, type[Module]] = {}

    @cached_property
    def _installed(self) -> Mapping[str, EntryPoint]:
        from importlib.metadata import entry_points  # noqa: PLC0415  # with an archive's and an e-mail's parser in tow

        return {each.name: each for each in entry_points(group=GROUP) if each.name not in self._built_in}

    def __getitem__(self, name: str) -> type[Module]:
        """Raises KeyError where there is none, and GatewayError where an installed one cannot be loaded."""
        if name in self._built_in:
            return self._built_in[name]
        if name not in self._loaded:
            self._loaded[name] = _load(self._installed[name])
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._built_in or name in self._installed

    def __iter__(self) -> Iterator[str]:
        yield from self._built_in
        yield from self._installed

    def __len__(self) -> int:
        return len(self._built_in) + len(self._installed)


def _load(entry: EntryPoint) -> type[Module]:
    cause = f"it is no Module whose name is '{entry.name}'"
    try:
        found = entry.load()
    except Exception as error:  # noqa: BLE001  # importing it runs anybody's code
        found, cause = None, f"{type(error).__name__} while it was imported"
    if isinstance(found, type) and issubclass(found, Module) and found.name == entry.name:
        return found
    _log.error("module_not_loaded", extra={"prxy_module": entry.name, "from": entry.value, "cause": cause})
    raise GatewayError
