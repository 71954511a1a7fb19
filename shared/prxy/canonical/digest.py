"""Stable serialisation, for cache keys and fingerprints."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct

from prxy.canonical.parts import Extras, Json

_encoder = msgspec.json.Encoder(order="sorted")
_NOT_MEANING = frozenset({"at", "spelling"})
"""Fields of canonical values that tell where and how something was written, not what it says."""


def digest(*values: Json) -> str:
    """SHA-256 over canonical values or JSON, in hex: equal meaning gives equal digests, whatever the order of keys."""
    return hashlib.sha256(_encoder.encode([meaning(value) for value in values])).hexdigest()


def meaning(value: Json) -> Json:
    """A canonical value as JSON without its `at` and `spelling`; JSON inside it stays as it is."""
    if isinstance(value, Extras) and not value.fields:
        return None
    if isinstance(value, Struct):
        said = {name: meaning(getattr(value, name)) for name in value.__struct_fields__ if name not in _NOT_MEANING}
        return {"": type(value).__name__, **said}
    if isinstance(value, tuple | list):
        return [meaning(each) for each in value]
    if isinstance(value, dict):
        return {key: meaning(each) for key, each in value.items()}
    return value
