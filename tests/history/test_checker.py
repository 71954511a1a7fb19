"""The checker can fail: each broken promise is found in a history written by hand, and the kept ones pass."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.history.checker import check
from tests.history.events import Ended, Event, Limited, Owed, Revoked
from tests.history.kept import (
    BILL,
    HELD,
    KEPT,
    LIMIT,
    PAID,
    asked,
    began,
    closing,
    reading,
    refused,
    reserve,
    settle,
    whole,
)

BROKEN: dict[str, tuple[str, Sequence[Event]]] = {
    "a charge is missing": ("400 was billed, 0 is counted", (LIMIT, *PAID, *reading(0), *closing(BILL))),
    "a charge comes too late": (
        "400 was billed, 0 is counted",
        (LIMIT, began(), asked(), *reading(0), reserve(), settle(), whole(), *closing(BILL)),
    ),
    "the limit is passed": ("1100 is counted in d20261122, 1000 was allowed", (LIMIT, *reading(1100), *closing(0))),
    "a lowered limit is passed": (
        "800 is counted in d20261122, 500 was allowed",
        (LIMIT, Limited(key="k", limit_nano=500, done=True), *reading(400), *reading(800), *closing(0)),
    ),
    "days and months differ": (
        "the days come to 400, the months to 300",
        (LIMIT, *PAID, *reading(BILL, month=300), *closing(BILL)),
    ),
    "a refused call was made": (
        "call 1 was refused (cost_limit_per_day) and reached",
        (LIMIT, began(), reserve(), asked(), settle(), refused("cost_limit_per_day"), *closing(BILL)),
    ),
    "a refused call was made later": (
        "call 1 reached the provider, but was refused or replayed",
        (LIMIT, began(), refused("concurrency"), reserve(), asked(), settle(), *closing(BILL)),
    ),
    "a revoked key was used": (
        "call 1 reached the provider, but began after its key was revoked",
        (LIMIT, Revoked(key="k"), *PAID, *closing(BILL)),
    ),
    "a call was made without a hold": (
        "call 1 reached the provider without a hold",
        (LIMIT, began(), asked(), whole(), *closing(0)),
    ),
    "a replay was made anew": (
        "call 2 was replayed and reached the provider",
        (
            LIMIT,
            began(word="w"),
            *PAID[1:],
            began(2, word="w"),
            asked(2, bill=0),
            whole(2, replayed=True),
            *closing(BILL),
        ),
    ),
    "a finished call was made again": (
        "call 2 reached the provider, but repeats a call that had ended",
        (
            LIMIT,
            began(word="w"),
            *PAID[1:],
            began(2, word="w"),
            reserve("r2"),
            asked(2),
            settle(rid="r2"),
            whole(2, rid="r2"),
            *closing(800),
        ),
    ),
    "two calls of one word ran together": (
        "calls 1 and 2 of one Idempotency-Key ran at the same time",
        (
            LIMIT,
            began(word="w"),
            began(2, word="w"),
            reserve(),
            reserve("r2"),
            asked(),
            asked(2),
            settle(),
            settle(rid="r2"),
            *closing(800),
        ),
    ),
    "a replay is not free": (
        "call 2 was replayed for 400",
        (LIMIT, began(word="w"), *PAID[1:], began(2, word="w"), whole(2, rid="r2", replayed=True), *closing(BILL)),
    ),
    "a short answer was not kept": (
        "call 2 was told that its answer, which is short, was too long to be kept",
        (
            LIMIT,
            began(word="w"),
            *PAID[1:],
            began(2, word="w"),
            refused("idempotency_result_too_large", 2),
            *closing(BILL),
        ),
    ),
    "nobody answered": (
        "call 1 was answered by nobody",
        (LIMIT, began(), reserve(), settle(HELD), whole(cost=0), *closing(0)),
    ),
    "the told cost is wrong": (
        "call 1 was told to cost 300 and billed 400",
        (LIMIT, *PAID[:-1], whole(cost=300), *closing(BILL)),
    ),
    "the charge is wrong": (
        "call 1 was charged 300 of 700; it owed 400",
        (LIMIT, began(), reserve(), asked(), settle(400), whole(), *closing(300)),
    ),
    "an unknown outcome was given back": (
        "call 1 was charged 0 of 700; it owed 400 (the whole hold",
        (LIMIT, began(), reserve(), asked(owed=Owed.ALL), settle(HELD), whole(), *closing(0)),
    ),
    "a refusal by the provider was charged": (
        "call 1 was charged 700 of 700; it owed 0",
        (
            LIMIT,
            began(),
            reserve(),
            asked(bill=0, owed=Owed.NOTHING),
            settle(None),
            refused("x"),
            *closing(700, unconfirmed=700),
        ),
    ),
    "a call that was never made was charged": (
        "it never reached the provider",
        (LIMIT, began(), reserve(), settle(400), refused("cost_limit_per_day"), *closing(300)),
    ),
    "more was billed than held": (
        "call 1 was billed more than the 700 that it held",
        (LIMIT, began(), reserve(), asked(bill=900), settle(-200), whole(cost=900), *closing(900)),
    ),
    "a hold was forgotten": (
        "hold r1 of call 1: never settled, and its gateway does not say so",
        (LIMIT, began(), reserve(), asked(), whole(), *closing(700, unconfirmed=700)),
    ),
    "a hold outlived a refusal": (
        "hold r1 of call 1: never settled",
        (LIMIT, began(), reserve(), refused("cost_limit_per_day"), *closing(700, unconfirmed=700)),
    ),
    "a reserve was applied twice": (
        "hold r1: 2 copies of one reserve were applied",
        (LIMIT, *PAID, reserve(), *closing(1100, unconfirmed=700)),
    ),
    "a settle was applied twice": (
        "hold r1: settled 2 times",
        (LIMIT, *PAID, settle(), *closing(100, unconfirmed=-700)),
    ),
    "the counter drifts": ("100 is counted, the holds come to 400", (LIMIT, *PAID, *closing(100))),
    "the unconfirmed drifts": ("7 is unconfirmed, the holds come to 0", (LIMIT, *PAID, *closing(BILL, unconfirmed=7))),
    "a hold is left": ("1 holds are left after the sweep", (LIMIT, *PAID, *closing(BILL, holds=1))),
    "the end is missing": ("the last reading is missing", (LIMIT, *PAID)),
    "more holds than silent calls": (
        "2 holds for 1 calls without an answer",
        (
            LIMIT,
            began(),
            reserve(),
            reserve("r2"),
            asked(),
            settle(),
            settle(rid="r2"),
            Ended(call=1, status=0),
            *closing(800),
        ),
    ),
    "a silent call was charged wrongly": (
        "charged 100 of 700, which no call of its key owed",
        (LIMIT, began(), reserve(), asked(), settle(600), Ended(call=1, status=0), *closing(100)),
    ),
    "a silent call was forgotten": (
        "never settled, and its gateway does not say so",
        (LIMIT, began(), reserve(), asked(), Ended(call=1, status=0), *closing(700, unconfirmed=700)),
    ),
}


@pytest.mark.parametrize("log", KEPT.values(), ids=KEPT)
def test_a_history_that_keeps_every_promise_has_no_violation(log: Sequence[Event]) -> None:
    assert check(log) == []


@pytest.mark.parametrize(("violation", "log"), BROKEN.values(), ids=BROKEN)
def test_a_broken_promise_is_found(violation: str, log: Sequence[Event]) -> None:
    found = check(log)

    assert any(violation in each for each in found), found
