"""What the two writes that charge an account tell of it: the stream of the table is where it can be looked up later."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from prxy.store.records import Hold, Lapsed, Use
from prxy.store.use_text import render_use, render_uses

UNKNOWN = "unknown"
"""Provider and model of a call whose process died."""


def told_by_settle(hold: Hold, actual_nano: int | None, use: Use | None) -> str | None:
    """What the call did use; and every hold that is forfeited with it, its own where nobody knows what for."""
    lost = _lost_of(hold.lapsed)
    if use is not None:
        own = _charged(use, hold, actual_nano)
        return render_uses([own, *lost]) if lost else render_use(own)
    if actual_nano is None and hold.amount_nano:
        lost.append(_lost(hold))
    return render_uses(lost) if lost else None


def told_by_sweep(lapsed: Iterable[Lapsed]) -> str | None:
    lost = _lost_of(lapsed)
    return render_uses(lost) if lost else None


def _lost_of(lapsed: Iterable[Lapsed]) -> list[Use]:
    return [_lost(each) for each in lapsed if each.amount_nano]


def _lost(hold: Hold | Lapsed) -> Use:
    """Of a hold that is forfeited, where nobody is left to say what for."""
    return Use(
        request_id=hold.rid,
        provider=UNKNOWN,
        model=UNKNOWN,
        calls=0,
        status=500,
        error="forfeited",
        project=hold.project if isinstance(hold, Lapsed) else None,
        nonce=hold.nonce or "",
        at=hold.at if isinstance(hold, Lapsed) else hold.reserved_at,
        unconfirmed_nano=hold.amount_nano,
    )


def _charged(use: Use, hold: Hold, actual_nano: int | None) -> Use:
    """With what the same write does to the counters."""
    return replace(
        use,
        nonce=hold.nonce,
        at=hold.reserved_at,
        cost_nano=actual_nano or 0,
        unconfirmed_nano=hold.amount_nano if actual_nano is None else 0,
    )
