"""Field names of this wire: Google reads camelCase and snake_case alike; a body goes back in the spelling it came in.

https://protobuf.dev/programming-guides/json/#field-names (as of 2026-11)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from prxy.canonical.parts import Extras, Json, Wire
from prxy.formats.base import own_fields
from prxy.formats.reading import FORBIDDEN, Fields

NAME = "gemini_generate"

_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")


class Names(Fields):
    """One object whose fields are read by their camelCase name. `spelling` gathers the names that were not so spelt."""

    def __init__(self, value: Json, at: str = "", *, spelling: set[str] | None = None, inside: str = "") -> None:
        super().__init__(value, at)
        self.spelling: set[str] = set() if spelling is None else spelling
        self._inside = inside
        self._given: dict[str, str] = {}
        for name in [name for name in self._left if "_" in name and name not in FORBIDDEN]:
            if _SNAKE.fullmatch(name):
                self._rename(name)

    def _rename(self, name: str) -> None:
        camel = camel_case(name)
        if self._left.get(camel) is not None and self._left[name] is not None:
            self.fail(name, f"is given twice, also as '{camel}'. Keep one.")
        value = self._left.pop(name)
        if value is not None:
            self._left[camel] = value
            self._given[camel] = name
            self.spelling.add(f"snake:{self._inside}{name}")

    def path(self, name: str) -> str:
        return super().path(self._given.get(name, name))

    def has(self, name: str) -> bool:
        return self._left.get(name) is not None

    def inner(self, name: str) -> Names | None:
        value = self.take(name)
        return None if value is None else self._inner(name, value)

    def required_inner(self, name: str) -> Names:
        return self._inner(name, self.required(name))

    def _inner(self, name: str, value: Json) -> Names:
        return Names(value, self.path(name), spelling=self.spelling, inside=f"{self._inside}{name}.")

    def each(self, name: str) -> Iterator[Names]:
        """The objects of a list, each with a spelling of its own."""
        for position, value in enumerate(self.array(name) or ()):
            yield Names(value, f"{self.path(name)}[{position}]")


def camel_case(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def respell(value: Wire, extras: Extras | None) -> Wire:
    """The same object with its names as the client spelt them."""
    if extras is None or extras.format != NAME:
        return value
    marks = [entry.removeprefix("snake:") for entry in extras.spelling if entry.startswith("snake:")]
    return _respell(value, marks) if marks else value


def _respell(value: Wire, marks: list[str]) -> Wire:
    names = {camel_case(mark): mark for mark in marks if "." not in mark}
    out: Wire = {}
    for name, item in value.items():
        below = [mark.removeprefix(f"{name}.") for mark in marks if mark.startswith(f"{name}.")]
        out[names.get(name, name)] = _respell(item, below) if below and isinstance(item, dict) else item
    return out


def flat(prefix: str, fields: Mapping[str, Json]) -> Wire:
    """Unknown fields of an inner object, under their path."""
    return {f"{prefix}.{name}": value for name, value in fields.items()}


def inner_fields(extras: Extras | None, prefix: str) -> Wire:
    """What `flat` kept for that inner object."""
    begin = f"{prefix}."
    return {key.removeprefix(begin): value for key, value in own_fields(extras, NAME).items() if key.startswith(begin)}


def outer_fields(extras: Extras | None, *prefixes: str) -> Wire:
    """Unknown fields of the object itself, without those of the named inner ones."""
    own = own_fields(extras, NAME)
    if not own:
        return {}
    begins = tuple(f"{prefix}." for prefix in prefixes)
    return {key: value for key, value in own.items() if not key.startswith(begins)}
