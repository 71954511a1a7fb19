"""What it means that write 1 was not applied, read from the item as it stood."""

from __future__ import annotations

import time

from msgspec import Struct

from prxy.canonical.errors import (
    CostLimitExceeded,
    GatewayError,
    IdempotencyConflict,
    KeyChanged,
    NotAuthenticated,
    RateLimited,
)
from prxy.money.usd import usd_from_nano
from prxy.store.admission import held, limits_of
from prxy.store.attributes import Stored
from prxy.store.holds import lapsed_in
from prxy.store.records import Account, ApiKey, Claim, Hold, KeyStatus, Lapsed
from prxy.store.schema import (
    HOLDS,
    NONCE,
    day_ends_at,
    mapping,
    month_ends_at,
    number,
    parse_account,
    reservation_id,
    windows,
)


class Stale(Struct, frozen=True):
    """The account was changed since it was read; this is how it stands now."""

    account: Account


class Crowded(Struct, frozen=True):
    """All places are taken, some by holds of dead calls."""

    lapsed: tuple[Lapsed, ...]


class Admitted(Struct, frozen=True):
    """An earlier copy of the same claim was applied."""

    hold: Hold


class Unclear(Struct, frozen=True):
    """Nothing stands in the way any more: ask again."""


Verdict = Admitted | Stale | Crowded | Unclear | GatewayError


def judge(account: Account, claim: Claim, item: Stored | None) -> Verdict:
    """Why write 1 was not applied, from the item as it stood."""
    if item is None:
        return NotAuthenticated()
    hold = mapping(item[HOLDS]).get(reservation_id(claim.request_id))
    if hold is not None:
        if mapping(hold).get(NONCE) == claim.nonce:
            return Admitted(held(account, claim, item, resent=True))
        return IdempotencyConflict("The same request is running already; wait for its answer, then try again.")
    stored = parse_account(item)
    if isinstance(stored, ApiKey) and _is_dead(stored, claim.now):
        return NotAuthenticated()
    if stored.version != account.version:
        return Stale(stored)
    if not claim.bounded and limits_of(account, claim).money:
        return KeyChanged()
    return _over_money(account, claim, item) or _over_rate(account, claim, item) or Unclear()


def _is_dead(key: ApiKey, now: int) -> bool:
    return key.status is not KeyStatus.ACTIVE or (key.expires_at is not None and key.expires_at <= now)


def _name(account: Account) -> str:
    return "key" if isinstance(account, ApiKey) else account.kind


def _over_money(account: Account, claim: Claim, item: Stored) -> CostLimitExceeded | None:
    at, limits = windows(claim.now), limits_of(account, claim)
    rows = (
        ("request", limits.per_request_nano, 0, None),
        ("day", limits.per_day_nano, number(item.get(at.day, 0)), day_ends_at(claim.now)),
        ("month", limits.per_month_nano, number(item.get(at.month, 0)), month_ends_at(claim.now)),
    )
    for window, limit, spent, ends_at in rows:
        if limit is not None and spent + claim.amount_nano > limit:
            return _cost_limit(window, claim, Money(_name(account), limit, spent), ends_at)
    return None


class Money(Struct, frozen=True):
    whose: str
    limit_nano: int
    spent_nano: int


def _cost_limit(window: str, claim: Claim, money: Money, ends_at: int | None) -> CostLimitExceeded:
    resets_at = None if ends_at is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends_at))
    error = CostLimitExceeded(
        window,
        whose=money.whose,
        limit=usd_from_nano(money.limit_nano),
        spent=usd_from_nano(money.spent_nano),
        estimated=usd_from_nano(claim.amount_nano),
        resets_at=resets_at,
    )
    error.retry_after = None if ends_at is None else str(ends_at - claim.now)
    return error


def _over_rate(account: Account, claim: Claim, item: Stored) -> RateLimited | Crowded | None:
    limits, name = limits_of(account, claim), _name(account)
    calls = limits.requests_per_minute
    if calls is not None and number(item.get(windows(claim.now).minute, 0)) >= calls:
        wait_s = 60 - claim.now % 60
        return RateLimited(
            f"This {name} may make {calls} requests a minute; the next may start in {wait_s} s.",
            retry_after=str(wait_s),
        )
    if len(mapping(item[HOLDS])) < limits.concurrency:
        return None
    if lapsed := lapsed_in(item, claim.now):
        return Crowded(lapsed)
    return RateLimited(
        f"This {name} may have {limits.concurrency} requests running at a time; wait for one of them to end.",
        code="concurrency",
        retry_after="1",
    )
