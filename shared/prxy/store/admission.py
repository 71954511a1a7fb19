"""The two writes of a paid call as expressions. Pure: no store, no clock; `verdicts` says what a refusal means.

Write 1 admits: status, version, expiry, day, month, minute and concurrency in one condition, the hold in the same
write. Write 2 settles: it gives back what the call did not cost, and only where its own hold still stands, so it may be
repeated.
A hold past its expiry is forfeited, never released: the provider may have billed the call whose process died.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from prxy.store.records import Account, Claim, Hold, KeyStatus, Lapsed, Limits, Use
from prxy.store.schema import (
    AMOUNT,
    EXPIRY,
    HOLD_DAY,
    HOLD_EXPIRY,
    HOLDS,
    NONCE,
    STATUS,
    UNCONFIRMED,
    USE,
    VERSION,
    Windows,
    mapping,
    number,
    reservation_id,
    text,
    unconfirmed_in,
    windows,
)
from prxy.store.table import Item, Returned, Update, Value
from prxy.store.use_text import render_use

HOLD_LASTS_S = 16 * 60
"""The longest function runs 15 minutes; one more for its last write."""
TOMBSTONE_LASTS_S = 120
"""By then no copy of a reserve that was given up can still arrive."""
CLEARED_AT_ONCE = 8
"""Dead holds and old windows that one settle clears: more would bloat the expression."""


class Shape(Struct, frozen=True):
    """Which limits apply; the expressions depend on nothing else."""

    day: bool
    month: bool
    minute: bool


def reserve(account: Account, claim: Claim) -> Update:
    """Write 1. `fits` must have been asked before: a fresh window would admit any amount."""
    at, limits, amount = windows(claim.now), limits_of(account, claim), claim.amount_nano
    counts = limits.requests_per_minute is not None and not claim.again
    shape = Shape(limits.per_day_nano is not None, limits.per_month_nano is not None, counts)
    expression, condition = _reserve_expressions(shape)
    names = {"#d": at.day, "#m": at.month, "#r": reservation_id(claim.request_id)}
    values: dict[str, Value] = {
        ":zero": 0,
        ":amount": amount,
        ":hold": {AMOUNT: amount, NONCE: claim.nonce, HOLD_EXPIRY: claim.now + HOLD_LASTS_S, HOLD_DAY: at.day[1:]},
        ":active": KeyStatus.ACTIVE.value,
        ":version": account.version,
        ":now": claim.now,
        ":places": limits.concurrency,
    }
    if limits.per_day_nano is not None:
        values[":day"] = limits.per_day_nano - amount
    if limits.per_month_nano is not None:
        values[":month"] = limits.per_month_nano - amount
    if limits.requests_per_minute is not None and counts:
        names["#q"] = at.minute
        values[":calls"], values[":one"] = limits.requests_per_minute, 1
    return Update(expression=expression, condition=condition, names=names, values=values, returned=Returned.NEW)


@lru_cache(maxsize=8)
def _reserve_expressions(shape: Shape) -> tuple[str, str]:
    changes = [
        "#d = if_not_exists(#d, :zero) + :amount",
        "#m = if_not_exists(#m, :zero) + :amount",
        f"{HOLDS}.#r = :hold",
    ]
    conditions = [
        f"{STATUS} = :active",
        f"{VERSION} = :version",
        f"(attribute_not_exists({EXPIRY}) OR {EXPIRY} > :now)",
        f"attribute_not_exists({HOLDS}.#r)",
        f"size({HOLDS}) < :places",
    ]
    if shape.day:
        conditions.append("(attribute_not_exists(#d) OR #d <= :day)")
    if shape.month:
        conditions.append("(attribute_not_exists(#m) OR #m <= :month)")
    if shape.minute:
        changes.append("#q = if_not_exists(#q, :zero) + :one")
        conditions.append("(attribute_not_exists(#q) OR #q < :calls)")
    return "SET " + ", ".join(changes), " AND ".join(conditions)


def limits_of(account: Account, claim: Claim) -> Limits:
    """Those of the account under what the call's own modules ask for."""
    return account.enforced.under(claim.limits)


def fits(account: Account, claim: Claim) -> bool:
    """Whether the claim can be admitted in an untouched window.

    Conditions cannot add, so the write compares what is spent with limit - amount, and a window that does not exist yet
    passes whatever that is.
    """
    limits = limits_of(account, claim)
    return (limits.least_nano is None or claim.amount_nano <= limits.least_nano) and limits.requests_per_minute != 0


def held(account: Account, claim: Claim, item: Item, *, resent: bool) -> Hold:
    """The confirmed hold, from the item after the write (or from the item that shows it)."""
    at = windows(claim.now)
    calls = limits_of(account, claim).requests_per_minute
    return Hold(
        account_id=account.id,
        rid=reservation_id(claim.request_id),
        nonce=claim.nonce,
        amount_nano=claim.amount_nano,
        day=at.day,
        month=at.month,
        minute=at.minute,
        resent=resent,
        requests_remaining=None if calls is None else max(0, calls - number(item.get(at.minute, 0))),
        reserved_at=claim.now,
        lapsed=lapsed_in(item, claim.now),
        outdated=tuple(name for name in item if at.outdates(name))[:CLEARED_AT_ONCE],
        warned=_beyond(account.announced, at, item),
    )


def _beyond(limits: Limits, at: Windows, item: Item) -> bool:
    rows = ((limits.per_day_nano, at.day), (limits.per_month_nano, at.month))
    return any(limit is not None and number(item.get(window, 0)) > limit for limit, window in rows)


def lapsed_in(item: Item, now: int) -> tuple[Lapsed, ...]:
    """The holds that are past their expiry, tombstones among them."""
    holds = mapping(item[HOLDS])
    return tuple(
        Lapsed(
            rid=rid,
            nonce=text(hold[NONCE]) if NONCE in hold else None,
            amount_nano=number(hold[AMOUNT]),
            day=text(hold[HOLD_DAY]),
        )
        for rid, hold in ((rid, mapping(value)) for rid, value in holds.items())
        if number(hold[HOLD_EXPIRY]) <= now
    )[:CLEARED_AT_ONCE]


def settle(hold: Hold, actual_nano: int | None, use: Use | None = None) -> Update:
    """Write 2. Above what was held, the true amount is charged all the same. `use` says for what."""
    names = {"#r": hold.rid}
    values: dict[str, Value] = {":nonce": hold.nonce}
    changes: list[str] = []
    charged: dict[str, int] = {}
    if actual_nano is None:
        _forfeit(charged, hold.day[1:], hold.amount_nano)
    else:
        names |= {"#d": hold.day, "#m": hold.month}
        values[":back"] = hold.amount_nano - actual_nano
        changes += ["#d = if_not_exists(#d, :back) - :back", "#m = if_not_exists(#m, :back) - :back"]
    if use is not None:
        names["#use"], values[":use"] = USE, render_use(_charged(use, hold, actual_nano))
        changes.append("#use = :use")
    removed: list[str] = []
    if hold.resent:
        changes.append(f"{HOLDS}.#r = :tombstone")
        values[":tombstone"] = tombstone(hold.reserved_at, hold.day)
    else:
        removed.append(f"{HOLDS}.#r")
    conditions = [f"{HOLDS}.#r.{NONCE} = :nonce"]
    for at, each in enumerate(hold.lapsed):
        conditions.append(_clear(at, each, names, values))
        removed.append(f"{HOLDS}.#l{at}")
        _forfeit(charged, each.day, each.amount_nano)
    for at, window in enumerate(name for name in hold.outdated if name not in charged):
        names[f"#w{at}"] = window
        removed.append(f"#w{at}")
    expression = _clauses(changes, removed, _added(charged, names, values))
    return Update(expression=expression, condition=" AND ".join(conditions), names=names, values=values)


def _charged(use: Use, hold: Hold, actual_nano: int | None) -> Use:
    """With what the same write does to the counters."""
    return replace(
        use,
        nonce=hold.nonce,
        at=hold.reserved_at,
        cost_nano=actual_nano or 0,
        unconfirmed_nano=hold.amount_nano if actual_nano is None else 0,
    )


def sweep(lapsed: tuple[Lapsed, ...]) -> Update:
    """Forfeit dead holds without any call of one's own to settle."""
    names: dict[str, str] = {}
    values: dict[str, Value] = {}
    charged: dict[str, int] = {}
    conditions = [_clear(at, each, names, values) for at, each in enumerate(lapsed)]
    removed = [f"{HOLDS}.#l{at}" for at in range(len(lapsed))]
    for each in lapsed:
        _forfeit(charged, each.day, each.amount_nano)
    expression = _clauses([], removed, _added(charged, names, values))
    return Update(expression=expression, condition=" AND ".join(conditions), names=names, values=values)


def block(hold: Hold) -> Update:
    """A tombstone where a reserve that was given up has not landed, so that it never can. An older one is renewed."""
    return Update(
        expression=f"SET {HOLDS}.#r = :tombstone",
        condition=f"attribute_exists({HOLDS}) AND attribute_not_exists({HOLDS}.#r.{NONCE})",
        names={"#r": hold.rid},
        values={":tombstone": tombstone(hold.reserved_at, hold.day)},
    )


def tombstone(reserved_at: int, day: str) -> Mapping[str, Value]:
    return {AMOUNT: 0, HOLD_EXPIRY: reserved_at + TOMBSTONE_LASTS_S, HOLD_DAY: day[1:]}


def _clear(at: int, lapsed: Lapsed, names: dict[str, str], values: dict[str, Value]) -> str:
    """The condition under which a dead hold may be counted as forfeited: that nobody else did so before."""
    names[f"#l{at}"] = lapsed.rid
    if lapsed.nonce is None:
        return f"attribute_not_exists({HOLDS}.#l{at}.{NONCE})"
    values[f":l{at}"] = lapsed.nonce
    return f"{HOLDS}.#l{at}.{NONCE} = :l{at}"


def _forfeit(charged: dict[str, int], day: str, amount_nano: int) -> None:
    """The windows keep what was held; that it is unconfirmed is counted beside them."""
    for name in (UNCONFIRMED, unconfirmed_in("d" + day), unconfirmed_in("m" + day[:6])):
        charged[name] = charged.get(name, 0) + amount_nano


def _added(charged: dict[str, int], names: dict[str, str], values: dict[str, Value]) -> list[str]:
    added: list[str] = []
    for at, (name, amount) in enumerate(sorted(charged.items())):
        if amount:
            names[f"#u{at}"], values[f":u{at}"] = name, amount
            added.append(f"#u{at} :u{at}")
    return added


def _clauses(changes: list[str], removed: list[str], added: list[str]) -> str:
    clauses = (("SET", changes), ("REMOVE", removed), ("ADD", added))
    return " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses if parts)
