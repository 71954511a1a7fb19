"""The calendar: every call is charged to the windows it began in, and no reset, clock or clean-up ever mixes them.

M07, M09. The expected names and instants are worked out with `datetime`, apart from the code under test.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stores import PATIENT, USD, make_claim, make_key

from prxy.canonical.errors import CostLimitExceeded, RateLimited
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.records import ApiKey, Claim, Limits, Standing
from prxy.store.schema import HOLDS, UNCONFIRMED, api_key_at, day_ends_at, month_ends_at, windows
from prxy.store.table import Item, Table

CENT = USD // 100
MIDNIGHTS = {
    "an ordinary night": "2026-11-23",
    "end of a month of 30 days": "2026-12-01",
    "end of a month of 31 days": "2026-11-01",
    "new year": "2027-01-01",
    "28 February of a common year": "2027-03-01",
    "28 February of a leap year": "2028-02-29",
    "29 February": "2028-03-01",
    "28 February 2100, no leap year": "2100-03-01",
    "new year 2100": "2100-01-01",
}
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2110, 12, 31, 23, 59, 59)).map(lambda at: at.replace(tzinfo=UTC))
ON_THE_EDGE = st.builds(
    lambda day, seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day, seconds=seconds),
    st.integers(0, 31_775),
    st.integers(-2, 2),
)
"""Within two seconds of a midnight."""

midnights = pytest.mark.parametrize("midnight", [*map(datetime.fromisoformat, MIDNIGHTS.values())], ids=MIDNIGHTS)
instants = given(at=INSTANTS | ON_THE_EDGE)


def seconds(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp())


def day_of(at: datetime) -> str:
    return f"d{at:%Y%m%d}"


def month_of(at: datetime) -> str:
    return f"m{at:%Y%m}"


def minute_of(at: datetime) -> str:
    return f"q{at:%Y%m%d%H%M}"


def month_before(at: datetime) -> datetime:
    return at.replace(day=1) - timedelta(days=1)


def counters(item: Item) -> dict[str, int]:
    return {name: value for name, value in item.items() if name[1:].isdigit() and isinstance(value, int)}


async def stored(table: Table, key: ApiKey) -> Item:
    item = await table.get_item(api_key_at(key.id))
    assert item is not None
    return item


async def made(administration: DynamoKeyAdministration, limits: Limits) -> ApiKey:
    key = make_key(limits)
    await administration.create(key)
    return key


async def answer(ledger: DynamoLedger, key: ApiKey, claim: Claim) -> str:
    try:
        await ledger.reserve(key, claim)
    except CostLimitExceeded as error:
        return error.code
    return "admitted"


@pytest.fixture
async def key(administration: DynamoKeyAdministration) -> ApiKey:
    return await made(administration, Limits(per_day_nano=USD, per_month_nano=10 * USD, requests_per_minute=100))


@midnights
async def test_a_call_that_ends_after_midnight_writes_to_its_own_windows_only(
    midnight: datetime, table: Table, ledger: DynamoLedger, key: ApiKey
) -> None:
    before, after = midnight - timedelta(seconds=1), midnight + timedelta(seconds=5)
    old = await ledger.reserve(key, make_claim(key, 30 * CENT, now=seconds(before)))
    new = await ledger.reserve(key, make_claim(key, 40 * CENT, now=seconds(after)))
    months = Counter({month_of(before): 30 * CENT}) + Counter({month_of(after): 40 * CENT})
    both = {day_of(before): 30 * CENT, day_of(after): 40 * CENT, minute_of(before): 1, minute_of(after): 1, **months}
    assert counters(await stored(table, key)) == both

    await ledger.settle(old, 7 * CENT)

    months[month_of(before)] -= 23 * CENT
    assert counters(await stored(table, key)) == both | months | {day_of(before): 7 * CENT}
    assert list((await stored(table, key))[HOLDS]) == [new.rid]


@midnights
async def test_an_unknown_cost_after_midnight_is_unconfirmed_in_the_old_windows(
    midnight: datetime, table: Table, ledger: DynamoLedger, key: ApiKey
) -> None:
    before = midnight - timedelta(seconds=1)
    old = await ledger.reserve(key, make_claim(key, 30 * CENT, now=seconds(before)))

    await ledger.settle(old, None)

    item = await stored(table, key)
    kept = dict.fromkeys((day_of(before), month_of(before), "u" + day_of(before)[1:], "u" + month_of(before)[1:]), 30)
    assert counters(item) == {name: cents * CENT for name, cents in kept.items()} | {minute_of(before): 1}
    assert item[UNCONFIRMED] == 30 * CENT
    today, _ = await ledger.standings(key.id, seconds(midnight))
    assert today == Standing(spent_nano=0, held_nano=0, unconfirmed_nano=0, resets_at=seconds(midnight) + 86_400)


@midnights
async def test_a_dead_call_of_the_last_minute_is_forfeited_in_its_own_windows(
    midnight: datetime, table: Table, ledger: DynamoLedger, key: ApiKey
) -> None:
    before, after = midnight - timedelta(seconds=1), midnight + timedelta(minutes=16)
    await ledger.reserve(key, make_claim(key, 30 * CENT, now=seconds(before)))

    swept = await ledger.sweep(key.id, seconds(after))

    item = await stored(table, key)
    assert (swept, item[HOLDS], item[UNCONFIRMED]) == (1, {}, 30 * CENT)
    assert {name for name in counters(item) if day_of(after)[1:] in name} == set()
    assert item["u" + day_of(before)[1:]] == item["u" + month_of(before)[1:]] == item[day_of(before)] == 30 * CENT


@midnights
async def test_a_full_day_is_free_again_at_midnight_and_a_full_month_only_with_the_next(
    midnight: datetime, administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = await made(administration, Limits(per_day_nano=USD, per_month_nano=USD))
    before = midnight - timedelta(seconds=1)
    await ledger.settle(await ledger.reserve(key, make_claim(key, USD, now=seconds(before))), USD)

    answers = [await answer(ledger, key, make_claim(key, 1, now=seconds(at))) for at in (before, midnight)]

    of_the_month = {1: "admitted"}.get(midnight.day, "cost_limit_per_month")
    assert answers == ["cost_limit_per_day", of_the_month]


@midnights
async def test_a_refusal_says_when_its_window_ends(
    midnight: datetime, administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    before = midnight - timedelta(seconds=1)
    daily = await made(administration, Limits(per_day_nano=1))
    monthly = await made(administration, Limits(per_month_nano=1))
    first = (before.replace(day=1) + timedelta(days=31)).replace(day=1, hour=0, minute=0, second=0)

    with pytest.raises(CostLimitExceeded) as of_the_day:
        await ledger.reserve(daily, make_claim(daily, 2, now=seconds(before)))
    with pytest.raises(CostLimitExceeded) as of_the_month:
        await ledger.reserve(monthly, make_claim(monthly, 2, now=seconds(before)))
    with pytest.raises(CostLimitExceeded) as tomorrow:
        await ledger.reserve(daily, make_claim(daily, 2, now=seconds(midnight)))

    day, month, next_day = (raised.value for raised in (of_the_day, of_the_month, tomorrow))
    assert (day.details["resets_at"], day.retry_after) == (f"{midnight:%Y-%m-%dT00:00:00Z}", "1")
    assert month.details["resets_at"] == f"{first:%Y-%m-%dT00:00:00Z}"
    assert month.retry_after == str(int((first - before).total_seconds()))
    assert next_day.details["resets_at"] == f"{midnight + timedelta(days=1):%Y-%m-%dT00:00:00Z}"
    assert next_day.retry_after == "86400"


@midnights
async def test_calls_per_minute_are_free_again_when_the_clock_turns(
    midnight: datetime, administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = await made(administration, Limits(requests_per_minute=2))
    before = seconds(midnight) - 1

    for _ in range(2):
        await ledger.reserve(key, make_claim(key, 0, now=before))
    with pytest.raises(RateLimited) as refused:
        await ledger.reserve(key, make_claim(key, 0, now=before))
    turned = [(await ledger.reserve(key, make_claim(key, 0, now=before + 1))).requests_remaining for _ in range(2)]
    with pytest.raises(RateLimited) as refused_again:
        await ledger.reserve(key, make_claim(key, 0, now=before + 60))

    assert (refused.value.retry_after, refused_again.value.retry_after) == ("1", "1")
    assert turned == [1, 0]


@midnights
async def test_two_hosts_whose_clocks_differ_fill_each_day_to_its_limit_and_no_further(
    midnight: datetime, table: Table, administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    limit = 6 * CENT
    key = await made(administration, Limits(per_day_nano=limit, requests_per_minute=15, concurrency=1000))
    dice = random.Random(20261122)
    hosts = ((DynamoLedger(table, reserving=PATIENT, settling=PATIENT), 0), (ledger, -2))
    refused, highest = 0, 0

    for tick in range(40):
        host, behind_s = hosts[tick % 2]
        now = seconds(midnight) - 3 + tick // 6 + behind_s
        try:
            hold = await host.reserve(key, make_claim(key, dice.randint(1, 2 * CENT), now=now))
            await host.settle(hold, dice.choice((None, 0, hold.amount_nano // 2)))
        except (CostLimitExceeded, RateLimited):
            refused += 1
        found = counters(await stored(table, key))
        highest = max(highest, *(used for name, used in found.items() if name[0] == "d"))
        assert all(calls <= 15 for name, calls in found.items() if name[0] == "q")

    assert 4 * CENT < highest <= limit
    assert refused > 0
    days = {name for name in found if name[0] == "d"}
    assert days == {day_of(midnight - timedelta(seconds=1)), day_of(midnight)}


@midnights
async def test_clean_up_keeps_today_yesterday_and_the_months_of_both(
    midnight: datetime, table: Table, ledger: DynamoLedger, key: ApiKey
) -> None:
    first = midnight - timedelta(days=5, hours=-12)
    await ledger.settle(await ledger.reserve(key, make_claim(key, 2, now=seconds(first))), 1)

    for day in range(-4, 3):
        at = midnight + timedelta(days=day, hours=12)
        spent = {name: used for name, used in counters(await stored(table, key)).items() if name[0] in "dm"}
        hold = await ledger.reserve(key, make_claim(key, 2, now=seconds(at)))
        await ledger.settle(hold, 1)

        found = {name: used for name, used in counters(await stored(table, key)).items() if name[0] in "dm"}
        yesterday = at - timedelta(days=1)
        assert found[day_of(at)] == 1
        assert found[month_of(at)] == spent.get(month_of(at), 0) + 1
        assert found[day_of(yesterday)] == 1
        assert month_of(yesterday) in found
        assert len([name for name in found if name[0] == "d"]) <= 2


@instants
def test_windows_are_named_as_the_calendar_says(at: datetime) -> None:
    now = seconds(at)

    named = windows(now)

    assert (named.day, named.month, named.minute) == (day_of(at), month_of(at), minute_of(at))


@instants
def test_windows_end_when_the_calendar_says(at: datetime) -> None:
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    first = (at.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=31)).replace(day=1)

    assert day_ends_at(seconds(at)) == seconds(midnight)
    assert month_ends_at(seconds(at)) == seconds(first)
    assert windows(day_ends_at(seconds(at)) - 1).day == day_of(at) != windows(day_ends_at(seconds(at))).day
    assert windows(month_ends_at(seconds(at)) - 1).month == month_of(at) != windows(month_ends_at(seconds(at))).month


@instants
def test_no_window_is_outdated_that_a_running_call_or_another_clock_may_still_ask_for(at: datetime) -> None:
    needed = {
        name
        for moment in (at, at - timedelta(seconds=2), at + timedelta(seconds=2), at - timedelta(minutes=1))
        for name in (day_of(moment), month_of(moment), minute_of(moment))
    }
    needed |= {day_of(at - timedelta(days=1)), month_of(month_before(at))}
    needed |= {"u" + name[1:] for name in needed if name[0] in "dm"}

    assert [name for name in needed if windows(seconds(at)).outdates(name)] == []


@instants
def test_windows_of_long_ago_are_outdated_and_nothing_else_is(at: datetime) -> None:
    named = windows(seconds(at))
    long_ago = {
        day_of(at - timedelta(days=2)),
        "u" + day_of(at - timedelta(days=2))[1:],
        month_of(month_before(month_before(at))),
        "u" + month_of(month_before(month_before(at)))[1:],
        minute_of(at - timedelta(minutes=3)),
    }

    assert all(named.outdates(name) for name in long_ago)
    assert not any(named.outdates(name) for name in ("doc", "st", "v", "xp", "res", "unc", "ttl", "pk", "gk", "tn"))
