"""The holds that stand in the item of an account. Every reserve looks through all of them, so they are read at once."""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

from prxy.store.attributes import Stored
from prxy.store.records import Lapsed
from prxy.store.schema import AMOUNT, HOLD_DAY, HOLD_EXPIRY, HOLD_PROJECT, HOLDS, NONCE, parse_account

HOLD_LASTS_S = 16 * 60
"""The longest function runs 15 minutes; one more for its last write."""
CLEARED_AT_ONCE = 8
"""Dead holds and old windows that one settle clears: more would bloat the expression."""


class _Number(Struct, frozen=True, gc=False):
    N: str


class _Text(Struct, frozen=True, gc=False):
    S: str


class _Hold(Struct, frozen=True, gc=False):
    amount: _Number = field(name=AMOUNT)
    expiry: _Number = field(name=HOLD_EXPIRY)
    day: _Text = field(name=HOLD_DAY)
    nonce: _Text | None = field(name=NONCE, default=None)
    project: _Text | None = field(name=HOLD_PROJECT, default=None)


class _Entry(Struct, frozen=True, gc=False):
    M: _Hold


class _Entries(Struct, frozen=True, gc=False):
    M: dict[str, _Entry]


_decoder = msgspec.json.Decoder(_Entries)


def lapsed_in(item: Stored, now: int) -> tuple[Lapsed, ...]:
    """The holds that are past their expiry, tombstones among them, and no more than are cleared at once."""
    entries = item.read(HOLDS, _decoder).M.items()
    dead = [(rid, entry.M) for rid, entry in entries if int(entry.M.expiry.N) <= now]
    if not dead:
        return ()
    project = parse_account(item).project
    return tuple([_lapsed(rid, hold, project) for rid, hold in dead[:CLEARED_AT_ONCE]])


def _lapsed(rid: str, hold: _Hold, project: str | None) -> Lapsed:
    """`project`: where the account belongs by now, for a hold that names none."""
    return Lapsed(
        rid=rid,
        nonce=hold.nonce.S if hold.nonce else None,
        amount_nano=int(hold.amount.N),
        day=hold.day.S,
        at=int(hold.expiry.N) - HOLD_LASTS_S,
        project=hold.project.S if hold.project else project,
    )
