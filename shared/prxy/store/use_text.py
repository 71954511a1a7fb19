"""The use of one call, or of several, as the text in which the table keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import msgspec

from prxy.store.records import Use
from prxy.store.schema import text
from prxy.store.table import Value


@cache
def _decoder() -> msgspec.json.Decoder[Use | list[Use]]:
    """Made late: who serves calls only writes uses."""
    return msgspec.json.Decoder(Use | list[Use])


def render_use(use: Use) -> str:
    return msgspec.json.encode(use).decode()


def render_uses(uses: Sequence[Use]) -> str:
    return msgspec.json.encode(uses).decode()


def parse_uses(value: Value) -> Sequence[Use]:
    """One as well as several. Raises TypeError and msgspec's DecodeError for what is none."""
    match _decoder().decode(text(value)):
        case Use() as use:
            return (use,)
        case uses:
            return uses
