"""The two writes of a paid call. Pure: no store, no clock; `verdicts` says what a refusal means, `forms` their text.

Write 1 admits: status, version, expiry, day, month, minute and concurrency in one condition, the hold in the same
write. Write 2 settles: it gives back what the call did not cost, and only where its own hold still stands, so it may be
repeated.
A hold past its expiry is forfeited, never released: the provider may have billed the call whose process died.
"""

from __future__ import annotations

from collections.abc import Mapping

from prxy.store.attributes import Stored
from prxy.store.forms import ending, reserving
from prxy.store.holds import CLEARED_AT_ONCE, HOLD_LASTS_S, lapsed_in
from prxy.store.records import NO_LIMITS, Account, ApiKey, Budget, Claim, Hold, Lapsed, Limits, Use
from prxy.store.schema import (
    AMOUNT,
    HOLD_DAY,
    HOLD_EXPIRY,
    HOLDS,
    NONCE,
    UNCONFIRMED,
    USE,
    Windows,
    number,
    reservation_id,
    unconfirmed_in,
    windows,
)
from prxy.store.table import Filled, Item, Update, Value
from prxy.store.telling import told_by_settle, told_by_sweep

TOMBSTONE_LASTS_S = 120
"""By then no copy of a reserve that was given up can still arrive."""


def reserve(account: Account, claim: Claim) -> Filled | None:
    """Write 1. None where the claim fits into no window, however little is spent in it.

    Conditions cannot add, so the write compares what is spent with limit - amount, and a window that does not exist yet
    passes whatever that is. An amount that bounds nothing fits under no limit: the version, which the write compares,
    stands for there being none.
    """
    at, limits, amount = windows(claim.now), limits_of(account, claim), claim.amount_nano
    day, month, calls = limits.per_day_nano, limits.per_month_nano, limits.requests_per_minute
    least = limits.least_nano
    if (least is not None and (amount > least or not claim.bounded)) or calls == 0:
        return None
    counts = calls is not None and not claim.again
    project = account.project if isinstance(account, ApiKey) else None
    blanks: dict[str, str | int] = {
        "#d": at.day,
        "#m": at.month,
        "#q": at.minute,
        "#r": reservation_id(claim.request_id),
        ":amount": amount,
        ":nonce": claim.nonce,
        ":until": claim.now + HOLD_LASTS_S,
        ":today": at.day[1:],
        ":version": account.version,
        ":now": claim.now,
        ":places": limits.concurrency,
        ":day": (day or 0) - amount,
        ":month": (month or 0) - amount,
        ":calls": calls or 0,
        ":project": project or "",
    }
    form = reserving(day=day is not None, month=month is not None, minute=counts, project=project is not None)
    return Filled(form, blanks)


def limits_of(account: Account, claim: Claim) -> Limits:
    """Those of the account under what the call's own modules ask for."""
    return account.enforced.under(claim.limits)


def held(account: Account, claim: Claim, item: Stored, *, resent: bool) -> Hold:
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
        outdated=_outdated(account, item, at),
        warned=account.announced is not NO_LIMITS and _beyond(account.announced, at, item),
    )


def _outdated(account: Account, item: Stored, at: Windows) -> tuple[str, ...]:
    """Attributes that nobody will ask for. What was told of a budget's dead holds is in the stream by now; keys tell
    something anew with each settlement.
    """
    old = at.outdated(item)
    if isinstance(account, Budget) and USE in item:
        old.append(USE)
    return tuple(old[:CLEARED_AT_ONCE])


def _beyond(limits: Limits, at: Windows, item: Item) -> bool:
    rows = ((limits.per_day_nano, at.day), (limits.per_month_nano, at.month))
    return any(limit is not None and number(item.get(window, 0)) > limit for limit, window in rows)


def settle(hold: Hold, actual_nano: int | None, use: Use | None = None) -> Filled:
    """Write 2. Above what was held, the true amount is charged all the same. `use` says for what.

    Whatever the write forfeits, it tells: the stream of the table is where that can be looked up later.
    """
    blanks: dict[str, str | int] = {"#r": hold.rid, ":r": hold.nonce}
    charged: dict[str, int] = {}
    if actual_nano is None:
        _forfeit(charged, hold.day[1:], hold.amount_nano)
    else:
        blanks["#d"], blanks["#m"], blanks[":back"] = hold.day, hold.month, hold.amount_nano - actual_nano
    told = told_by_settle(hold, actual_nano, use)
    if told is not None:
        blanks["#use"], blanks[":use"] = USE, told
    if hold.resent:
        blanks[":until"], blanks[":today"] = hold.reserved_at + TOMBSTONE_LASTS_S, hold.day[1:]
    _clear(hold.lapsed, charged, blanks)
    kept = charged if told is None else {*charged, USE}
    for at, name in enumerate(hold.outdated):
        if name not in kept:
            blanks[f"#w{at}"] = name
    return Filled(ending(tuple(blanks)), blanks)


def sweep(lapsed: tuple[Lapsed, ...]) -> Filled:
    """Forfeit dead holds without any call of one's own to settle."""
    blanks: dict[str, str | int] = {}
    if told := told_by_sweep(lapsed):
        blanks["#use"], blanks[":use"] = USE, told
    _clear(lapsed, {}, blanks)
    return Filled(ending(tuple(blanks)), blanks)


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


def _clear(lapsed: tuple[Lapsed, ...], charged: dict[str, int], blanks: dict[str, str | int]) -> None:
    """Dead holds are counted as forfeited beside what is `charged` already, each where nobody else did so before."""
    for at, each in enumerate(lapsed):
        blanks[f"#l{at}"] = each.rid
        if each.nonce is not None:
            blanks[f":l{at}"] = each.nonce
        _forfeit(charged, each.day, each.amount_nano)
    for at, name in enumerate(sorted(charged)):
        if charged[name]:
            blanks[f"#c{at}"], blanks[f":c{at}"] = name, charged[name]


def _forfeit(charged: dict[str, int], day: str, amount_nano: int) -> None:
    """The windows keep what was held; that it is unconfirmed is counted beside them."""
    for name in (UNCONFIRMED, unconfirmed_in("d" + day), unconfirmed_in("m" + day[:6])):
        charged[name] = charged.get(name, 0) + amount_nano
