"""Stable serialisation, for cache keys and fingerprints."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple, get_args

import msgspec
from msgspec import Struct, structs

from prxy.canonical.parts import Extras, Json

_encoder = msgspec.json.Encoder(order="deterministic")
_NOT_MEANING = frozenset({"at", "spelling"})
"""Fields of canonical values that tell where and how something was written, not what it says."""


class _Shape(NamedTuple):
    blank: dict[str, Json]
    """What stands in place of the fields that are not told."""
    inner: Sequence[str]
    """Fields that may hold canonical values."""


def digest(*values: Json) -> str:
    """SHA-256 over canonical values or JSON, in hex: equal meaning gives equal digests, whatever the order of keys."""
    return hashlib.sha256(_encoder.encode([_meaning(value) for value in values])).hexdigest()


def _meaning(value: Json) -> Json:
    """What is encoded for a canonical value, or a list of such; JSON stands for itself."""
    kind: type = type(value)
    if kind is tuple or kind is list:
        return [_meaning(each) for each in value]
    if kind is Extras and not value.fields:
        return None
    shape = _shape(kind)
    if shape is None:
        return value
    told = shape.blank.copy()
    for name in shape.inner:
        got = getattr(value, name)
        if got:
            told[name] = _meaning(got)
    return structs.replace(value, **told) if told else value


@cache
def _shape(kind: type) -> _Shape | None:
    """None for JSON, and for canonical values that are told as they are."""
    fields = structs.fields(kind) if issubclass(kind, Struct) else ()
    blank = dict.fromkeys(each.name for each in fields if each.name in _NOT_MEANING)
    inner = [each.name for each in fields if any(issubclass(one, Struct) for one in _classes(each.type))]
    return _Shape(blank, inner) if blank or inner else None


def _classes(hint: object) -> Iterator[type]:
    """Those that a type is made of."""
    if isinstance(hint, type):
        yield hint
    for argument in get_args(hint):
        yield from _classes(argument)
