"""Reading what a provider sent: a field of an unexpected type is absent, unless the structure hangs on it."""

from __future__ import annotations

from prxy.canonical.errors import ProviderBadResponse
from prxy.canonical.parts import Json, Wire
from prxy.formats.reading import MAX_INTEGER

MAX_TOKENS = 10**9
"""No call reads or writes as many."""


def string(body: Wire, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def count(body: Wire, name: str) -> int | None:
    """A whole number from 0, also where it was written as a float."""
    value = body.get(name)
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MAX_INTEGER else None


def are_counts(body: Wire, *names: str) -> bool:
    """Whether each of these fields is absent or a count. Usage that says anything else is no usage at all:
    money goes by it, and a lie in it must not make a call cheaper than its bound.
    """
    for name in names:
        if body.get(name) is not None:
            tokens = count(body, name)
            if tokens is None or tokens >= MAX_TOKENS:
                return False
    return True


def objects(value: Json) -> list[Wire]:
    """A list of objects, which may be absent."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ProviderBadResponse("The provider sent a chunk in which a list of objects is something else.")
    return value


def object_(value: Json) -> Wire:
    """An object, which may be absent."""
    if value is not None and not isinstance(value, dict):
        raise ProviderBadResponse("The provider sent a chunk in which an object is something else.")
    return value or {}


def index_or(wire: Wire, missing: int) -> int:
    index = wire.get("index")
    return index if type(index) is int else missing
