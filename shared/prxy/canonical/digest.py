"""Stable serialisation, for cache keys and fingerprints."""

from __future__ import annotations

import hashlib

import msgspec

from prxy.canonical.parts import Json

_encoder = msgspec.json.Encoder(order="sorted")


def digest(*values: Json) -> str:
    """SHA-256 over canonical values or JSON, in hex. Equal values give equal digests whatever the order of their keys."""
    return hashlib.sha256(_encoder.encode(values)).hexdigest()
