"""Write 2, and what becomes of holds that never saw one."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest
from tests.stores import (
    NOON,
    PATIENT,
    USD,
    CountingTransport,
    DeafTransport,
    LossyTransport,
    fresh_table,
    make_claim,
    make_key,
)

from prxy.canonical.errors import CostLimitExceeded, IdempotencyConflict, NotFound, StoreUnavailable
from prxy.store.attempts import Attempts
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.records import ApiKey, Limits, Standing
from prxy.store.schema import HOLDS, UNCONFIRMED, api_key_at, mapping
from prxy.store.table import Item, Table

CENT = USD // 100
DECEMBER = NOON + 43_200 + 8 * 86_400
AFTER_EXPIRY = NOON + 16 * 60
TWICE = Attempts(count=2, within_s=60.0, connect_s=30.0, read_s=30.0)


async def stored(table: Table, key: ApiKey) -> Item:
    item = await table.get_item(api_key_at(key.id))
    assert item is not None
    return item


@pytest.fixture
async def key(administration: DynamoKeyAdministration) -> ApiKey:
    made = make_key(Limits(per_day_nano=USD, per_month_nano=10 * USD))
    await administration.create(made)
    return made


async def test_settling_gives_back_what_was_not_spent(table: Table, ledger: DynamoLedger, key: ApiKey) -> None:
    hold = await ledger.reserve(key, make_claim(key, 30 * CENT))

    await ledger.settle(hold, 12_345)

    item = await stored(table, key)
    assert (item["d20261122"], item["m202611"], item[HOLDS], item[UNCONFIRMED]) == (12_345, 12_345, {}, 0)


async def test_settling_again_changes_nothing(table: Table, ledger: DynamoLedger, key: ApiKey) -> None:
    hold = await ledger.reserve(key, make_claim(key, 30 * CENT))
    await ledger.settle(hold, CENT)

    await ledger.settle(hold, CENT)
    await ledger.settle(hold, 0)
    await asyncio.gather(*(ledger.settle(hold, None) for _ in range(5)))

    item = await stored(table, key)
    assert (item["d20261122"], item[UNCONFIRMED]) == (CENT, 0)


async def test_a_refunded_call_is_not_charged_by_a_late_settle(table: Table, ledger: DynamoLedger, key: ApiKey) -> None:
    hold = await ledger.reserve(key, make_claim(key, 30 * CENT))
    await ledger.settle(hold, 0)

    await ledger.settle(hold, 5 * CENT)

    assert (await stored(table, key))["d20261122"] == 0


async def test_an_unknown_cost_charges_the_whole_hold_as_unconfirmed(
    table: Table, ledger: DynamoLedger, key: ApiKey
) -> None:
    hold = await ledger.reserve(key, make_claim(key, 30 * CENT))

    await ledger.settle(hold, None)

    item = await stored(table, key)
    assert (item["d20261122"], item[UNCONFIRMED], item[HOLDS]) == (30 * CENT, 30 * CENT, {})
    assert await ledger.standings(key.id, NOON) == (
        Standing(spent_nano=30 * CENT, held_nano=0, unconfirmed_nano=30 * CENT, resets_at=NOON + 43_200),
        Standing(spent_nano=30 * CENT, held_nano=0, unconfirmed_nano=30 * CENT, resets_at=DECEMBER),
    )


async def test_more_than_was_held_is_charged_all_the_same_and_cried_out(
    table: Table, ledger: DynamoLedger, key: ApiKey, caplog: pytest.LogCaptureFixture
) -> None:
    hold = await ledger.reserve(key, make_claim(key, CENT))

    with caplog.at_level(logging.ERROR):
        await ledger.settle(hold, 3 * CENT)

    assert (await stored(table, key))["d20261122"] == 3 * CENT
    assert [record.message for record in caplog.records] == ["bound_violation"]


async def test_the_hold_of_a_dead_call_is_forfeited_by_the_next_call_to_settle(
    table: Table, ledger: DynamoLedger, key: ApiKey
) -> None:
    await ledger.reserve(key, make_claim(key, 30 * CENT))

    too_soon = await ledger.reserve(key, make_claim(key, CENT, now=AFTER_EXPIRY - 1))
    await ledger.settle(too_soon, CENT)
    still_held = await ledger.standings(key.id, NOON)
    in_time = await ledger.reserve(key, make_claim(key, CENT, now=AFTER_EXPIRY))
    await ledger.settle(in_time, CENT)

    item = await stored(table, key)
    assert still_held[0].held_nano == 30 * CENT
    assert (item["d20261122"], item[UNCONFIRMED], item[HOLDS]) == (32 * CENT, 30 * CENT, {})


@pytest.mark.parametrize("swept", [True, False], ids=["by the housekeeping", "by the next call"])
async def test_what_is_forfeited_is_told_in_a_line_and_tombstones_are_not(
    ledger: DynamoLedger, key: ApiKey, caplog: pytest.LogCaptureFixture, *, swept: bool
) -> None:
    for amount in (30 * CENT, 0, 20 * CENT):
        await ledger.reserve(key, make_claim(key, amount))

    with caplog.at_level(logging.WARNING):
        if swept:
            await ledger.sweep(key.id, AFTER_EXPIRY)
        else:
            await ledger.settle(await ledger.reserve(key, make_claim(key, CENT, now=AFTER_EXPIRY)), CENT)

    told = [(record.message, record.__dict__["holds"], record.__dict__["held_nano"]) for record in caplog.records]
    assert told == [("holds_forfeited", 2, 50 * CENT)]


async def test_a_forfeited_hold_is_counted_once_however_many_sweep_it(
    table: Table, ledger: DynamoLedger, key: ApiKey
) -> None:
    await ledger.reserve(key, make_claim(key, 30 * CENT))
    holds = [await ledger.reserve(key, make_claim(key, CENT, now=AFTER_EXPIRY)) for _ in range(5)]

    await asyncio.gather(*(ledger.settle(hold, CENT) for hold in holds), ledger.sweep(key.id, AFTER_EXPIRY))

    item = await stored(table, key)
    assert (item["d20261122"], item[UNCONFIRMED], item[HOLDS]) == (35 * CENT, 30 * CENT, {})


async def test_a_call_that_settles_after_its_hold_was_forfeited_stays_charged_in_full(
    table: Table, ledger: DynamoLedger, key: ApiKey
) -> None:
    late = await ledger.reserve(key, make_claim(key, 30 * CENT))
    swept = await ledger.sweep(key.id, AFTER_EXPIRY)

    await ledger.settle(late, CENT)

    assert swept == 1
    assert (await stored(table, key))["d20261122"] == 30 * CENT


async def test_an_idle_key_has_nothing_to_sweep_and_an_unknown_one_is_not_found(
    ledger: DynamoLedger, key: ApiKey
) -> None:
    assert await ledger.sweep(key.id, AFTER_EXPIRY) == 0
    with pytest.raises(NotFound):
        await ledger.sweep("nosuchkey000", AFTER_EXPIRY)


async def test_dead_calls_do_not_take_up_places_for_ever(
    table: Table, administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = make_key(Limits(concurrency=2))
    await administration.create(key)
    for _ in range(2):
        await ledger.reserve(key, make_claim(key, 5))

    hold = await ledger.reserve(key, make_claim(key, 5, now=AFTER_EXPIRY))

    item = await stored(table, key)
    assert list(mapping(item[HOLDS])) == [hold.rid]
    assert item[UNCONFIRMED] == 10


@pytest.mark.parametrize(
    ("midnight", "day", "next_day"),
    [
        (1_795_392_000, "d20261122", "d20261123"),
        (1_798_761_600, "d20261231", "d20270101"),
        (1_835_481_600, "d20280229", "d20280301"),
    ],
    ids=["midnight", "new year", "leap day"],
)
async def test_a_call_over_midnight_is_charged_to_the_day_it_began_in(
    midnight: int, day: str, next_day: str, administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = make_key(Limits(per_day_nano=USD))
    await administration.create(key)
    old = await ledger.reserve(key, make_claim(key, 30 * CENT, now=midnight - 1))
    new = await ledger.reserve(key, make_claim(key, 30 * CENT, now=midnight + 5))

    await ledger.settle(new, 2 * CENT)
    await ledger.settle(old, 7 * CENT)

    (yesterday, _), (today, _) = await ledger.standings(key.id, midnight - 1), await ledger.standings(key.id, midnight)
    assert (old.day, new.day) == (day, next_day)
    assert (yesterday.spent_nano, yesterday.held_nano) == (7 * CENT, 0)
    assert (today.spent_nano, today.held_nano) == (2 * CENT, 0)


async def test_windows_are_cleared_once_nobody_can_ask_for_them(
    table: Table, administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = make_key(Limits(requests_per_minute=100))
    await administration.create(key)
    for day in range(4):
        hold = await ledger.reserve(key, make_claim(key, 1, now=NOON + day * 86_400))
        await ledger.settle(hold, None)

    windows = sorted(name for name in await stored(table, key) if name[1:].isdigit())

    assert windows == ["d20261124", "d20261125", "m202611", "q202611251200", "u202611", "u20261124", "u20261125"]


async def test_a_dead_hold_of_a_long_past_day_and_its_old_windows_go_in_one_write(
    table: Table, ledger: DynamoLedger, key: ApiKey
) -> None:
    await ledger.settle(await ledger.reserve(key, make_claim(key, 3)), None)
    await ledger.reserve(key, make_claim(key, 4))
    much_later = await ledger.reserve(key, make_claim(key, 5, now=NOON + 100 * 86_400))

    await ledger.settle(much_later, 5)

    item = await stored(table, key)
    assert (item[UNCONFIRMED], item[HOLDS]) == (7, {})
    assert "d20261122" not in item


async def test_a_lost_answer_to_the_reserve_is_one_hold_and_one_charge(
    transport: CountingTransport,
) -> None:
    lossy = LossyTransport(transport)
    table = await fresh_table(lossy)
    ledger, key = DynamoLedger(table, reserving=PATIENT, settling=PATIENT), make_key(Limits(per_day_nano=USD))
    await DynamoKeyAdministration(table).create(key)
    claim = make_claim(key, 30 * CENT)

    lossy.arm(0)
    hold = await ledger.reserve(key, claim)
    await ledger.settle(hold, CENT)
    with pytest.raises(IdempotencyConflict):
        await ledger.reserve(key, claim)

    item = await stored(table, key)
    assert hold.resent
    assert item["d20261122"] == CENT
    assert mapping(item[HOLDS])[hold.rid] == {"a": 0, "x": NOON + 120, "d": "20261122"}


async def test_a_tombstone_is_cleared_like_a_dead_hold_but_costs_nothing(transport: CountingTransport) -> None:
    lossy = LossyTransport(transport)
    table = await fresh_table(lossy)
    ledger, key = DynamoLedger(table, reserving=PATIENT, settling=PATIENT), make_key(Limits(per_day_nano=USD))
    await DynamoKeyAdministration(table).create(key)
    lossy.arm(0)
    hold = await ledger.reserve(key, make_claim(key, 30 * CENT))
    await ledger.settle(hold, CENT)
    await ledger.settle(hold, CENT)

    await ledger.settle(await ledger.reserve(key, make_claim(key, CENT, now=NOON + 120)), CENT)

    item = await stored(table, key)
    assert (item["d20261122"], item[UNCONFIRMED], item[HOLDS]) == (2 * CENT, 0, {})


async def test_lost_answers_to_the_settle_are_one_refund(transport: CountingTransport) -> None:
    lossy = LossyTransport(transport)
    table = await fresh_table(lossy)
    ledger, key = DynamoLedger(table, reserving=PATIENT, settling=PATIENT), make_key(Limits(per_day_nano=USD))
    await DynamoKeyAdministration(table).create(key)
    hold = await ledger.reserve(key, make_claim(key, 30 * CENT))

    lossy.arm(0, 1, 2)
    await ledger.settle(hold, CENT)

    assert (await stored(table, key))["d20261122"] == CENT


async def test_a_reserve_without_any_answer_is_taken_back_and_can_never_land(transport: CountingTransport) -> None:
    lossy = LossyTransport(transport)
    table = await fresh_table(lossy)
    ledger, key = DynamoLedger(table, reserving=TWICE, settling=PATIENT), make_key(Limits(per_day_nano=USD))
    await DynamoKeyAdministration(table).create(key)
    claim = make_claim(key, 30 * CENT)

    lossy.arm(0, 1)
    with pytest.raises(StoreUnavailable):
        await ledger.reserve(key, claim)
    with pytest.raises(IdempotencyConflict):
        await ledger.reserve(key, claim)

    day, _ = await ledger.standings(key.id, NOON)
    assert (day.spent_nano, day.held_nano) == (0, 0)


async def test_a_reserve_that_never_arrived_is_kept_from_arriving_later(transport: CountingTransport) -> None:
    silent = DeafTransport(transport)
    table = await fresh_table(silent)
    ledger, key = DynamoLedger(table, reserving=TWICE, settling=PATIENT), make_key(Limits(per_day_nano=USD))
    await DynamoKeyAdministration(table).create(key)
    claim = make_claim(key, 30 * CENT)

    silent.deaf_for = 2
    with pytest.raises(StoreUnavailable):
        await ledger.reserve(key, claim)
    with pytest.raises(IdempotencyConflict):
        await ledger.reserve(key, claim)

    assert "d20261122" not in await stored(table, key)


async def test_after_many_random_calls_the_counters_are_the_sum_of_what_they_cost(
    table: Table, administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    """I15."""
    key = make_key(Limits(per_day_nano=40 * USD, concurrency=1000))
    await administration.create(key)
    dice = random.Random(20261122)
    gate = asyncio.Semaphore(16)

    async def call(amount: int, actual: int | None) -> int:
        async with gate:
            try:
                hold = await ledger.reserve(key, make_claim(key, amount))
            except CostLimitExceeded:
                return 0
            await ledger.settle(hold, actual)
            return amount if actual is None else actual

    amounts = [dice.randrange(USD) for _ in range(500)]
    costs = await asyncio.gather(*(call(each, dice.choice([None, 0, each, each // 3])) for each in amounts))

    item = await stored(table, key)
    assert item["d20261122"] == item["m202611"] == sum(costs)
    assert item[HOLDS] == {}
    assert 30 * USD < sum(costs) <= 40 * USD
