"""The two writes of a paid call as expressions, and what a refusal means. Pure: no store, no clock.

Write 1 admits: status, version, expiry, day, month, minute and concurrency in one condition, the hold in the same
write. Write 2 settles: it gives back what the call did not cost, and only where its own hold still stands, so it may be
repeated.
A hold past its expiry is forfeited, never released: the provider may have billed the call whose process died.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from prxy.canonical.errors import CostLimitExceeded, GatewayError, IdempotencyConflict, NotAuthenticated, RateLimited
from prxy.money.usd import usd_from_nano
from prxy.store.records import ApiKey, Claim, Hold, KeyStatus, Lapsed, Limits
from prxy.store.schema import (
    AMOUNT,
    EXPIRY,
    HOLD_DAY,
    HOLD_EXPIRY,
    HOLDS,
    NONCE,
    STATUS,
    UNCONFIRMED,
    VERSION,
    day_ends_at,
    mapping,
    month_ends_at,
    number,
    parse_api_key,
    reservation_id,
    text,
    unconfirmed_in,
    windows,
)
from prxy.store.table import Item, Returned, Update, Value

HOLD_LASTS_S = 16 * 60
"""The longest function runs 15 minutes; one more for its last write."""
TOMBSTONE_LASTS_S = 120
"""By then no copy of a reserve that was given up can still arrive."""
CLEARED_AT_ONCE = 8
"""Dead holds and old windows that one settle clears: more would bloat the expression."""


class Stale(Struct, frozen=True):
    """The key was changed since it was read; `key` is how it stands now."""

    key: ApiKey


class Crowded(Struct, frozen=True):
    """All places are taken, some by holds of dead calls."""

    lapsed: tuple[Lapsed, ...]


class Admitted(Struct, frozen=True):
    """An earlier copy of the same claim was applied."""

    hold: Hold


class Unclear(Struct, frozen=True):
    """Nothing stands in the way any more: ask again."""


Verdict = Admitted | Stale | Crowded | Unclear | GatewayError


class Shape(Struct, frozen=True):
    """Which limits apply; the expressions depend on nothing else."""

    day: bool
    month: bool
    minute: bool


def reserve(key: ApiKey, claim: Claim) -> Update:
    """Write 1. `fits` must have been asked before: a fresh window would admit any amount."""
    at, limits, amount = windows(claim.now), claim.limits, claim.amount_nano
    shape = Shape(
        limits.per_day_nano is not None, limits.per_month_nano is not None, limits.requests_per_minute is not None
    )
    expression, condition = _reserve_expressions(shape)
    names = {"#d": at.day, "#m": at.month, "#r": reservation_id(claim.request_id)}
    values: dict[str, Value] = {
        ":zero": 0,
        ":amount": amount,
        ":hold": {AMOUNT: amount, NONCE: claim.nonce, HOLD_EXPIRY: claim.now + HOLD_LASTS_S, HOLD_DAY: at.day[1:]},
        ":active": KeyStatus.ACTIVE.value,
        ":version": key.version,
        ":now": claim.now,
        ":places": limits.concurrency,
    }
    if limits.per_day_nano is not None:
        values[":day"] = limits.per_day_nano - amount
    if limits.per_month_nano is not None:
        values[":month"] = limits.per_month_nano - amount
    if limits.requests_per_minute is not None:
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


def fits(claim: Claim) -> bool:
    """Whether the claim can be admitted in an untouched window.

    Conditions cannot add, so the write compares what is spent with limit - amount, and a window that does not exist yet
    passes whatever that is.
    """
    limits, amount = claim.limits, claim.amount_nano
    money = (limits.per_request_nano, limits.per_day_nano, limits.per_month_nano)
    return all(limit is None or amount <= limit for limit in money) and limits.requests_per_minute != 0


def held(key: ApiKey, claim: Claim, item: Item, *, resent: bool) -> Hold:
    """The confirmed hold, from the item after the write (or from the item that shows it)."""
    at = windows(claim.now)
    calls = claim.limits.requests_per_minute
    return Hold(
        key_id=key.id,
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
    )


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


def judge(key: ApiKey, claim: Claim, item: Item | None) -> Verdict:
    """Why write 1 was not applied, from the item as it stood."""
    if item is None:
        return NotAuthenticated()
    hold = mapping(item[HOLDS]).get(reservation_id(claim.request_id))
    if hold is not None:
        if mapping(hold).get(NONCE) == claim.nonce:
            return Admitted(held(key, claim, item, resent=True))
        return IdempotencyConflict("The same request is running already; wait for its answer, then try again.")
    stored = parse_api_key(item)
    if stored.status is not KeyStatus.ACTIVE or (stored.expires_at is not None and stored.expires_at <= claim.now):
        return NotAuthenticated()
    if stored.version != key.version:
        return Stale(stored)
    return _over_money(claim, item) or _over_rate(claim, item) or Unclear()


def tightened(fresh: Limits, claim: Claim) -> Limits:
    """The fresh limits of the key under what the call's own modules asked for."""
    asked = claim.module_limits or claim.limits
    return Limits(
        per_request_nano=_least(fresh.per_request_nano, asked.per_request_nano),
        per_day_nano=_least(fresh.per_day_nano, asked.per_day_nano),
        per_month_nano=_least(fresh.per_month_nano, asked.per_month_nano),
        requests_per_minute=_least(fresh.requests_per_minute, asked.requests_per_minute),
        concurrency=min(fresh.concurrency, asked.concurrency),
    )


def _least(one: int | None, other: int | None) -> int | None:
    return min((limit for limit in (one, other) if limit is not None), default=None)


def _over_money(claim: Claim, item: Item) -> CostLimitExceeded | None:
    at, limits = windows(claim.now), claim.limits
    rows = (
        ("request", limits.per_request_nano, 0, None),
        ("day", limits.per_day_nano, number(item.get(at.day, 0)), day_ends_at(claim.now)),
        ("month", limits.per_month_nano, number(item.get(at.month, 0)), month_ends_at(claim.now)),
    )
    for window, limit, spent, ends_at in rows:
        if limit is not None and spent + claim.amount_nano > limit:
            return _cost_limit(window, claim, (limit, spent), ends_at)
    return None


def _cost_limit(window: str, claim: Claim, money: tuple[int, int], ends_at: int | None) -> CostLimitExceeded:
    limit, spent = money
    resets_at = None if ends_at is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends_at))
    error = CostLimitExceeded(
        window,
        limit=usd_from_nano(limit),
        spent=usd_from_nano(spent),
        estimated=usd_from_nano(claim.amount_nano),
        resets_at=resets_at,
    )
    error.retry_after = None if ends_at is None else str(ends_at - claim.now)
    return error


def _over_rate(claim: Claim, item: Item) -> RateLimited | Crowded | None:
    limits = claim.limits
    calls = limits.requests_per_minute
    if calls is not None and number(item.get(windows(claim.now).minute, 0)) >= calls:
        wait_s = 60 - claim.now % 60
        return RateLimited(
            f"This key may make {calls} requests a minute; the next may start in {wait_s} s.", retry_after=str(wait_s)
        )
    if len(mapping(item[HOLDS])) < limits.concurrency:
        return None
    if lapsed := lapsed_in(item, claim.now):
        return Crowded(lapsed)
    return RateLimited(
        f"This key may have {limits.concurrency} requests running at a time; wait for one of them to end.",
        code="concurrency",
        retry_after="1",
    )


def settle(hold: Hold, actual_nano: int | None) -> Update:
    """Write 2. Above what was held, the true amount is charged all the same."""
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
    """A tombstone where a reserve that was given up has not landed, so that it never can."""
    return Update(
        expression=f"SET {HOLDS}.#r = :tombstone",
        condition=f"attribute_exists({HOLDS}) AND attribute_not_exists({HOLDS}.#r)",
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
