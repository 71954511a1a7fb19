"""Stable serialisation, for cache keys and fingerprints."""

from __future__ import annotations

import hashlib
from functools import cache

import msgspec
from msgspec import Struct

from prxy.canonical.parts import Extras, Json

_encoder = msgspec.json.Encoder(order="sorted")
_NOT_MEANING = frozenset({"at", "spelling"})
"""Fields of canonical values that tell where and how something was written, not what it says."""
_PLAIN = frozenset({str, int, bool, float})


def digest(*values: Json) -> str:
    """SHA-256 over canonical values or JSON, in hex: equal meaning gives equal digests, whatever the order of keys."""
    return hashlib.sha256(_encoder.encode([meaning(value) for value in values])).hexdigest()


def meaning(value: Json) -> Json:
    """A canonical value as JSON without its `at` and `spelling`, and without what it leaves open; JSON inside it stays
    as it is.
    """
    kind = type(value)
    if value is None or kind in _PLAIN:
        return value
    if isinstance(value, Extras) and not value.fields:
        return None
    if isinstance(value, Struct):
        said = {name: meaning(got) for name in _telling(type(value)) if (got := getattr(value, name)) is not None}
        return {"": kind.__name__, **said}
    if isinstance(value, tuple | list):
        return [meaning(each) for each in value]
    if isinstance(value, dict):
        return {key: meaning(each) for key, each in value.items()}
    return value


@cache
def _telling(kind: type[Struct]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if name not in _NOT_MEANING)
