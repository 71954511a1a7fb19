"""What it means that write 1 was not applied, read from the item as it stood."""

from __future__ import annotations

import time

from msgspec import Struct

from prxy.canonical.errors import CostLimitExceeded, GatewayError, IdempotencyConflict, NotAuthenticated, RateLimited
from prxy.money.usd import usd_from_nano
from prxy.store.admission import held, lapsed_in
from prxy.store.records import ApiKey, Claim, Hold, KeyStatus, Lapsed, Limits
from prxy.store.schema import (
    HOLDS,
    NONCE,
    day_ends_at,
    mapping,
    month_ends_at,
    number,
    parse_api_key,
    reservation_id,
    windows,
)
from prxy.store.table import Item


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
