"""Paths to endpoints. Starlette's router would bring with it half of the cold start of the data plane."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from msgspec import Struct

from prxy.api.http import App

_FIELD = re.compile(r"\{(\w+)(:path)?\}")


class Route(Struct, frozen=True, kw_only=True, dict=True):
    """`{name}` in a path stands for one segment of it, `{name:path}` for any text."""

    path: str
    app: App
    methods: tuple[str, ...] | None = None
    """None: all."""

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        """None where the path is to be met as it stands."""
        texts = _FIELD.split(self.path)
        fields = zip(texts[1::3], texts[2::3], texts[3::3], strict=True)
        if len(texts) == 1:
            return None
        found = (f"(?P<{name}>{'.*' if any_ else '[^/]+'}){re.escape(text)}" for name, any_, text in fields)
        return re.compile(re.escape(texts[0]) + "".join(found))

    def parameters(self, path: str) -> Mapping[str, str] | None:
        """What its fields stand for in this path, None where it is another one."""
        if self._pattern is None:
            return {} if path == self.path else None
        found = self._pattern.fullmatch(path)
        return found.groupdict() if found else None


def find(routes: Iterable[Route], method: str, path: str) -> tuple[App, Mapping[str, str]] | None:
    """The first route that takes both, else the first at the path: its endpoint says what it takes."""
    other = None
    for route in routes:
        parameters = route.parameters(path)
        if parameters is None:
            continue
        if route.methods is None or method in route.methods:
            return route.app, parameters
        other = other or (route.app, parameters)
    return other
