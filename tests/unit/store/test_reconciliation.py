"""What was charged without the provider's word, made what it did cost: once, exactly, in every account that has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from tests.stores import (
    NOON,
    PATIENT,
    USD,
    LossyTransport,
    fresh_table,
    make_claim,
    make_key,
    store_transport,
)

from prxy.canonical.errors import InvalidRequest, NotFound
from prxy.local import dynamodb
from prxy.local.stream import Stream
from prxy.store.budgets import DynamoBudgetAdministration
from prxy.store.keys import DynamoKeyAdministration, KeyConflict
from prxy.store.ledger import DynamoLedger
from prxy.store.ports import Reconciled
from prxy.store.reconciling import DynamoReconciliation
from prxy.store.records import ApiKey, Attempted, Budget, Hold, Limits, Use, budget_id
from prxy.store.schema import USE, api_key_at, budget_at
from prxy.store.sharing import SharedLedger
from prxy.store.table import Item, Table, Update
from prxy.store.usage import DynamoUsage

CENT = USD // 100
DAY = 86_400
LATER = NOON + 17 * 60
TODAY = "20261122"
USED = Use(request_id="req_1", provider="openai", model="gpt-4o-mini", project="web")
LIMITS = Limits(per_day_nano=10 * USD, per_month_nano=100 * USD, concurrency=100)
WHOSE = ("key", "tenant", "project")


class Desk:
    """A key of a project, what its ledger counts, and what an admin can make of it."""

    def __init__(self, table: Table, stream: Stream) -> None:
        self.table, self.stream = table, stream
        self.keys, self.usage = DynamoKeyAdministration(table), DynamoUsage(table)
        self.of_keys = DynamoLedger(table, reserving=PATIENT, settling=PATIENT)
        self.of_budgets = DynamoLedger(table, at=budget_at, reserving=PATIENT, settling=PATIENT)
        self.ledger = SharedLedger(self.of_keys, self.of_budgets)
        self.reconciliation = DynamoReconciliation(table)
        self.key = replace(make_key(LIMITS), project="web")
        self.budgets = (
            Budget(tenant="acme", limits=LIMITS),
            Budget(tenant="acme", project="web", limits=LIMITS),
        )

    async def open(self) -> Desk:
        await self.keys.create(self.key)
        for budget in self.budgets:
            await DynamoBudgetAdministration(self.table).create(budget)
        return self

    async def held(self, nano: int, *, now: int = NOON, shared: bool = True) -> Hold:
        claim = replace(make_claim(self.key, nano, now=now), shared=self.budgets if shared else ())
        return await self.ledger.reserve(self.key, claim)

    async def forfeited(self, nano: int, *, now: int = NOON, shared: bool = True) -> Attempted:
        """An attempt whose end nobody saw."""
        hold = await self.held(nano, now=now, shared=shared)
        await self.ledger.settle(hold, None, USED)
        await self.told()
        return Attempted(at=now, nonce=hold.nonce)

    async def told(self) -> None:
        assert await self.usage.keep(self.stream.take()) == []

    async def move(self, project: str) -> None:
        self.key = await self.keys.update(replace(self.key, project=project))

    async def items(self) -> Sequence[Item]:
        """Of the key, the tenant and the project."""
        places = [api_key_at(self.key.id), budget_at(budget_id("acme")), budget_at(budget_id("acme", "web"))]
        found = [await self.table.get_item(place) for place in places]
        return [item for item in found if item is not None]

    async def counted(self, now: int = LATER) -> list[tuple[int, int]]:
        """Spent and unconfirmed of the month, by account; the day says the same while it lasts."""
        ids = [budget.id for budget in self.budgets]
        months = [
            (await ledger.standings(id_, now))[1]
            for ledger, id_ in [(self.of_keys, self.key.id), *((self.of_budgets, id_) for id_ in ids)]
        ]
        return [(month.spent_nano, month.unconfirmed_nano) for month in months]

    async def summed(self) -> tuple[int, int]:
        """Cost and unconfirmed of the day in the sums of the key."""
        days = await self.usage.days(self.key.id, TODAY, TODAY)
        return sum(day.used.cost_nano for day in days), sum(day.used.unconfirmed_nano for day in days)

    async def reconcile(self, attempt: Attempted, cost: int, now: int = LATER) -> Reconciled:
        return await self.reconciliation.reconcile(self.key, attempt, cost, now)


@pytest.fixture
async def lossy() -> AsyncIterator[LossyTransport]:
    async for transport in store_transport():
        yield LossyTransport(transport)


@pytest.fixture
async def desk(lossy: LossyTransport) -> AsyncIterator[Desk]:
    stream = Stream()
    with dynamodb.running(stream) as url:
        yield await Desk(await fresh_table(lossy, url), stream).open()


@pytest.mark.parametrize("cost", [0, 1, 7 * CENT, 30 * CENT], ids=["nothing", "a nano-dollar", "a part", "all"])
async def test_the_difference_is_given_back_in_every_account_and_sums_say_the_same(desk: Desk, cost: int) -> None:
    attempt = await desk.forfeited(30 * CENT)
    before = [await desk.counted(), await desk.summed()]

    done = await desk.reconcile(attempt, cost)

    assert before == [[(30 * CENT, 30 * CENT)] * 3, (0, 30 * CENT)]
    assert (sorted(done.accounts), done.given_back_nano) == (sorted(WHOSE), 30 * CENT - cost)
    assert await desk.counted() == [(cost, 0)] * 3
    assert await desk.summed() == (cost, 0)
    assert [item["unc"] for item in await desk.items()] == [0] * 3


async def test_the_attempt_shows_its_cost_from_then_on(desk: Desk) -> None:
    attempt = await desk.forfeited(30 * CENT)

    await desk.reconcile(attempt, CENT)

    [use] = (await desk.usage.calls(desk.key.id, TODAY, 10)).calls
    assert use == replace(USED, nonce=attempt.nonce, at=NOON, cost_nano=CENT)


async def test_the_hold_of_a_dead_process_is_told_when_it_is_swept_and_reconciled_like_others(desk: Desk) -> None:
    hold = await desk.held(30 * CENT)
    await desk.of_keys.sweep(desk.key.id, LATER)
    for budget in desk.budgets:
        await desk.of_budgets.sweep(budget.id, LATER)
    await desk.told()
    [use] = (await desk.usage.calls(desk.key.id, TODAY, 10)).calls

    await desk.reconcile(Attempted(at=use.at, nonce=use.nonce), 2 * CENT)

    told = (use.request_id, use.nonce, use.at, use.calls, use.unconfirmed_nano, use.provider, use.project)
    assert told == (hold.rid, hold.nonce, NOON, 0, 30 * CENT, "unknown", "web")
    assert await desk.counted() == [(2 * CENT, 0)] * 3
    assert await desk.summed() == (2 * CENT, 0)


async def test_the_hold_of_a_dead_process_is_charged_to_the_project_that_its_key_had(desk: Desk) -> None:
    hold = await desk.held(30 * CENT)
    await desk.move("app")
    await desk.of_keys.sweep(desk.key.id, LATER)
    for budget in desk.budgets:
        await desk.of_budgets.sweep(budget.id, LATER)
    await desk.told()
    [use] = (await desk.usage.calls(desk.key.id, TODAY, 10)).calls

    done = await desk.reconcile(Attempted(at=NOON, nonce=hold.nonce), 2 * CENT)

    assert (use.project, sorted(done.accounts)) == ("web", sorted(WHOSE))
    assert await desk.counted() == [(2 * CENT, 0)] * 3


async def test_a_dead_hold_that_names_no_project_is_told_under_that_of_its_key(desk: Desk) -> None:
    """As all of them once did."""
    hold = await desk.held(30 * CENT)
    nameless = Update(expression="REMOVE res.#r.j", names={"#r": hold.rid})
    await desk.table.update_item(api_key_at(desk.key.id), nameless)

    await desk.of_keys.sweep(desk.key.id, LATER)
    await desk.told()

    [use] = (await desk.usage.calls(desk.key.id, TODAY, 10)).calls
    assert (use.nonce, use.project) == (hold.nonce, "web")


async def test_a_dead_hold_that_another_settlement_clears_is_told_beside_what_that_one_used(desk: Desk) -> None:
    dead = await desk.held(30 * CENT)
    alive = await desk.held(20 * CENT, now=LATER)
    await desk.ledger.settle(alive, CENT, USED)
    await desk.told()

    done = await desk.reconcile(Attempted(at=NOON, nonce=dead.nonce), 2 * CENT)

    assert sorted(done.accounts) == sorted(WHOSE)
    assert await desk.counted() == [(3 * CENT, 0)] * 3
    assert await desk.summed() == (3 * CENT, 0)


async def test_what_a_budget_told_of_the_dead_leaves_its_item_again(desk: Desk) -> None:
    await desk.forfeited(30 * CENT)
    with_it = [USE in item for item in await desk.items()]

    await desk.ledger.settle(await desk.held(CENT), CENT, USED)

    assert with_it == [True] * 3
    assert [USE in item for item in await desk.items()] == [True, False, False]


async def test_to_reconcile_again_changes_nothing_and_another_cost_is_refused(desk: Desk) -> None:
    attempt = await desk.forfeited(30 * CENT)
    await desk.reconcile(attempt, 7 * CENT)

    again = await desk.reconcile(attempt, 7 * CENT)
    with pytest.raises(KeyConflict) as refused:
        await desk.reconcile(attempt, 0)

    assert (again.accounts, again.given_back_nano) == ((), 0)
    assert "$0.07" in refused.value.message
    assert await desk.counted() == [(7 * CENT, 0)] * 3


async def test_of_many_at_once_one_gives_back(desk: Desk) -> None:
    """There is enough that is unconfirmed for each of them."""
    attempts = [await desk.forfeited(30 * CENT) for _ in range(10)]

    done = await asyncio.gather(*(desk.reconcile(attempts[0], CENT) for _ in range(10)))

    assert sum(1 for each in done if each.accounts) == 1
    assert await desk.counted() == [(271 * CENT, 270 * CENT)] * 3
    assert await desk.summed() == (CENT, 270 * CENT)


async def test_what_was_given_back_is_told_though_the_first_answer_was_lost(desk: Desk, lossy: LossyTransport) -> None:
    attempt = await desk.forfeited(30 * CENT)
    lossy.arm(3)  # three reads before it

    done = await desk.reconcile(attempt, 2 * CENT)

    assert (sorted(done.accounts), done.given_back_nano) == (sorted(WHOSE), 28 * CENT)
    assert await desk.counted() == [(2 * CENT, 0)] * 3


async def test_more_than_was_held_is_refused(desk: Desk) -> None:
    attempt = await desk.forfeited(30 * CENT)

    with pytest.raises(InvalidRequest) as refused:
        await desk.reconcile(attempt, 30 * CENT + 1)

    assert (refused.value.param, "0.3 at the most" in refused.value.message) == ("cost_usd", True)
    assert await desk.counted() == [(30 * CENT, 30 * CENT)] * 3


async def test_a_budget_that_missed_the_end_of_a_call_is_reconciled_at_what_its_key_was_charged(desk: Desk) -> None:
    hold = await desk.held(30 * CENT)
    await desk.of_keys.settle(replace(hold, shared=()), 4 * CENT, USED)
    for budget in desk.budgets:
        await desk.of_budgets.sweep(budget.id, LATER)
    await desk.told()
    attempt = Attempted(at=NOON, nonce=hold.nonce)

    with pytest.raises(KeyConflict):
        await desk.reconcile(attempt, 5 * CENT)
    done = await desk.reconcile(attempt, 4 * CENT)

    assert sorted(done.accounts) == ["project", "tenant"]
    assert await desk.counted() == [(4 * CENT, 0)] * 3


async def test_what_a_budget_forfeits_later_is_given_back_by_a_repetition(desk: Desk) -> None:
    hold = await desk.held(30 * CENT)
    await desk.of_keys.sweep(desk.key.id, LATER)
    await desk.told()
    attempt = Attempted(at=NOON, nonce=hold.nonce)
    first = await desk.reconcile(attempt, CENT)
    for budget in desk.budgets:
        await desk.of_budgets.sweep(budget.id, LATER)
    await desk.told()

    second = await desk.reconcile(attempt, CENT)

    assert (first.accounts, sorted(second.accounts)) == (["key"], ["project", "tenant"])
    assert await desk.counted() == [(CENT, 0)] * 3


@pytest.mark.parametrize(
    ("after", "month"),
    [(DAY, "m202611"), (5 * DAY, "m202611"), (40 * DAY, None), (80 * DAY, None)],
    ids=["the next day", "days later", "the next month but one", "months later"],
)
async def test_it_is_given_back_in_the_windows_of_its_hold_as_far_as_they_still_count(
    desk: Desk, after: int, month: str | None
) -> None:
    attempt = await desk.forfeited(30 * CENT, shared=False)
    await desk.ledger.settle(await desk.held(CENT, now=NOON + after, shared=False), CENT, USED)

    await desk.reconcile(attempt, 7 * CENT, now=NOON + after)

    [item, *_] = await desk.items()
    today: dict[str, Any] = {name: value for name, value in item.items() if name.startswith(("d2", "u2"))}
    assert item["unc"] == 0
    assert all(value >= 0 for value in today.values())
    assert await desk.summed() == (7 * CENT, 0)
    if month is not None:
        assert (item[month], item[f"u{month[1:]}"]) == (8 * CENT, 0)


async def test_never_more_is_given_back_than_is_unconfirmed(desk: Desk) -> None:
    """Somebody changed the counters by hand."""
    attempt = await desk.forfeited(30 * CENT)
    by_hand = Update(expression="SET u20261122 = :less", values={":less": 29 * CENT})
    await desk.table.update_item(budget_at(budget_id("acme")), by_hand)
    before = await desk.items()

    with pytest.raises(KeyConflict):
        await desk.reconcile(attempt, 0)

    assert await desk.items() == before
    assert await desk.summed() == (0, 30 * CENT)


async def test_the_attempt_of_another_key_or_one_that_never_was_is_not_found(desk: Desk) -> None:
    attempt = await desk.forfeited(30 * CENT)
    other: ApiKey = replace(make_key(LIMITS), project="web")
    await desk.keys.create(other)

    with pytest.raises(NotFound):
        await desk.reconciliation.reconcile(other, attempt, 0, LATER)
    with pytest.raises(NotFound):
        await desk.reconcile(replace(attempt, nonce="nobody"), 0)

    assert await desk.counted() == [(30 * CENT, 30 * CENT)] * 3


async def test_a_call_that_is_settled_has_nothing_to_reconcile(desk: Desk) -> None:
    hold = await desk.held(30 * CENT)
    await desk.ledger.settle(hold, 4 * CENT, USED)
    await desk.told()
    attempt = Attempted(at=NOON, nonce=hold.nonce)

    same = await desk.reconcile(attempt, 4 * CENT)
    with pytest.raises(KeyConflict):
        await desk.reconcile(attempt, 0)

    assert same.accounts == ()
    assert await desk.counted() == [(4 * CENT, 0)] * 3
