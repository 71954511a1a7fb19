"""The use of one call as the text in which the table keeps it."""

from __future__ import annotations

import msgspec

from prxy.store.records import Use
from prxy.store.schema import text
from prxy.store.table import Value

_uses = msgspec.json.Decoder(Use)


def render_use(use: Use) -> str:
    return msgspec.json.encode(use).decode()


def parse_use(value: Value) -> Use:
    """Raises TypeError and msgspec's DecodeError for what is none."""
    return _uses.decode(text(value))
