"""Short histories written by hand: the words they are made of, and those in which every promise is kept."""

from __future__ import annotations

from collections.abc import Sequence

from tests.history.events import (
    Answered,
    Asked,
    Began,
    Ended,
    Event,
    GaveUp,
    Killed,
    Kind,
    Limited,
    Owed,
    Reading,
    ReadingBegan,
    Write,
)

HELD, BILL = 700, 400
LIMIT = Limited(key="k", limit_nano=1000, done=True)


def began(call: int = 1, word: str | None = None) -> Began:
    return Began(call=call, key="k", host="g0.1", word=word)


def reserve(rid: str = "r1", *, applied: bool = True) -> Write:
    return Write(kind=Kind.RESERVE, key="k", host="g0.1", rid=rid, amount_nano=HELD, applied=applied)


def settle(back: int | None = HELD - BILL, *, rid: str = "r1", applied: bool = True) -> Write:
    return Write(kind=Kind.SETTLE, key="k", host="g0.1", rid=rid, amount_nano=back, applied=applied)


def asked(call: int = 1, *, bill: int = BILL, owed: Owed = Owed.USAGE) -> Asked:
    return Asked(call=call, bill_nano=bill, owed=owed)


def whole(call: int = 1, *, rid: str | None = "r1", cost: int = BILL, replayed: bool = False) -> Ended:
    return Ended(call=call, status=200, whole=True, rid=rid, cost_nano=cost, replayed=replayed)


def refused(code: str, call: int = 1) -> Ended:
    return Ended(call=call, status=429, code=code, rid="r1")


def reading(
    used: int, *, unconfirmed: int = 0, month: int | None = None, holds: int = 0, closed: bool = False
) -> tuple[Event, Event]:
    counters = {"d20261122": used, "m202611": used if month is None else month, "unc": unconfirmed}
    return ReadingBegan(key="k"), Reading(key="k", counters=counters, holds=holds, closed=closed)


def closing(used: int, *, unconfirmed: int = 0, holds: int = 0) -> tuple[Event, Event]:
    return reading(used, unconfirmed=unconfirmed, holds=holds, closed=True)


PAID = (began(), reserve(), asked(), Answered(call=1), settle(), whole())

KEPT: dict[str, Sequence[Event]] = {
    "a paid call": (LIMIT, *PAID, *reading(BILL), *closing(BILL)),
    "a reading while the call runs": (
        LIMIT,
        began(),
        reserve(),
        asked(),
        *reading(HELD),
        settle(),
        whole(),
        *closing(400),
    ),
    "a reading that began before the bill": (
        LIMIT,
        began(),
        ReadingBegan(key="k"),
        reserve(),
        asked(),
        Reading(key="k", counters={}),
        settle(),
        whole(),
        *closing(BILL),
    ),
    "no usage": (
        LIMIT,
        began(),
        reserve(),
        asked(owed=Owed.ALL),
        settle(None),
        whole(cost=700),
        *closing(700, unconfirmed=700),
    ),
    "a refusal by the provider": (
        LIMIT,
        began(),
        reserve(),
        asked(bill=0, owed=Owed.NOTHING),
        settle(HELD),
        refused("provider_rate_limit"),
        *closing(0),
    ),
    "an answer that broke off behind its report": (
        LIMIT,
        began(),
        reserve(),
        asked(owed=Owed.EITHER),
        settle(),
        Ended(call=1, status=200, rid="r1"),
        *closing(BILL),
    ),
    "a refusal by the gateway": (LIMIT, began(), reserve(applied=False), refused("cost_limit_per_day"), *closing(0)),
    "a killed gateway": (
        LIMIT,
        began(),
        reserve(),
        asked(),
        Killed(host="g0.1"),
        Ended(call=1, status=0),
        *closing(700, unconfirmed=700),
    ),
    "a settle that never arrived": (
        LIMIT,
        began(),
        reserve(),
        asked(),
        settle(applied=False),
        GaveUp(rid="r1"),
        whole(),
        *closing(700, unconfirmed=700),
    ),
    "a limit lowered below what is used": (
        LIMIT,
        *PAID,
        *reading(BILL),
        Limited(key="k", limit_nano=10, done=False),
        Limited(key="k", limit_nano=10, done=True),
        *reading(BILL),
        *closing(BILL),
    ),
    "a limit that is being lowered": (
        LIMIT,
        *reading(0),
        Limited(key="k", limit_nano=10, done=True),
        began(),
        reserve(),
        asked(),
        *reading(HELD),
        settle(),
        whole(),
        *closing(BILL),
    ),
    "a replay": (
        LIMIT,
        began(word="w"),
        *PAID[1:],
        began(2, word="w"),
        whole(2, rid="r2", cost=0, replayed=True),
        *closing(BILL),
    ),
    "a retry after 529": (
        LIMIT,
        began(),
        reserve(),
        asked(bill=0, owed=Owed.NOTHING),
        asked(),
        settle(),
        whole(),
        *closing(BILL),
    ),
}
