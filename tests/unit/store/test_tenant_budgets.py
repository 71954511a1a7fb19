"""Two budgets for one call: its key's own and its tenant's, on items of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from tests.stores import NOON, PATIENT, USD, CountingTransport, make_claim, make_key

from prxy.canonical.errors import CostLimitExceeded, GatewayError, NotAuthenticated, NotFound
from prxy.store.accounts import DynamoBudgets
from prxy.store.budgets import DynamoBudgetAdministration
from prxy.store.keys import DynamoKeyAdministration, KeyConflict
from prxy.store.ledger import DynamoLedger
from prxy.store.records import ApiKey, Budget, BudgetMode, Claim, Hold, KeyStatus, Limits
from prxy.store.schema import budget_at
from prxy.store.sharing import SharedLedger
from prxy.store.table import Table

CENT = USD // 100
AFTER_EXPIRY = NOON + 16 * 60


class Team:
    """A tenant with a budget of a dollar a day and keys of its own."""

    def __init__(self, table: Table) -> None:
        self.tenants = DynamoBudgetAdministration(table)
        self.keys = DynamoKeyAdministration(table)
        self.found = DynamoBudgets(table, clock=lambda: NOON)
        self.of_keys = DynamoLedger(table, reserving=PATIENT, settling=PATIENT)
        self.of_tenants = DynamoLedger(
            table, at=budget_at, remember=self.found.remember, reserving=PATIENT, settling=PATIENT
        )
        self.ledger = SharedLedger(self.of_keys, self.of_tenants)
        self.tenant = Budget(tenant="acme", limits=Limits(per_day_nano=USD, concurrency=256))

    async def begin(self, mode: BudgetMode, *limits: Limits) -> Sequence[ApiKey]:
        self.tenant = replace(self.tenant, mode=mode)
        await self.tenants.create(self.tenant)
        keys = [make_key(each, tenant="acme") for each in limits]
        for key in keys:
            await self.keys.create(key)
        return keys

    def claim(self, key: ApiKey, amount_nano: int, *, now: int = NOON) -> Claim:
        return replace(make_claim(key, amount_nano, now=now), shared=(self.tenant,))

    async def spent_and_held(self, key: ApiKey) -> tuple[tuple[int, int], tuple[int, int]]:
        """Of the key and of the tenant, today."""
        own, _ = await self.of_keys.standings(key.id, NOON)
        shared, _ = await self.of_tenants.standings("tenant/acme", NOON)
        return (own.spent_nano, own.held_nano), (shared.spent_nano, shared.held_nano)


@pytest.fixture
def team(table: Table) -> Team:
    return Team(table)


async def test_a_call_is_held_and_settled_in_both(team: Team) -> None:
    (key,) = await team.begin(BudgetMode.HARD_FAIL, Limits(per_day_nano=USD))

    hold = await team.ledger.reserve(key, team.claim(key, 30 * CENT))
    before = await team.spent_and_held(key)
    await team.ledger.settle(hold, 10 * CENT)

    assert before == ((0, 30 * CENT), (0, 30 * CENT))
    assert await team.spent_and_held(key) == ((10 * CENT, 0), (10 * CENT, 0))


async def test_both_writes_go_out_side_by_side_and_no_others(team: Team, transport: CountingTransport) -> None:
    (key,) = await team.begin(BudgetMode.HARD_FAIL, Limits(per_day_nano=USD))
    transport.operations.clear()

    await team.ledger.settle(await team.ledger.reserve(key, team.claim(key, CENT)), CENT)

    assert transport.operations == ["UpdateItem"] * 4


async def test_keys_of_a_tenant_never_overspend_it_together(team: Team) -> None:
    keys = await team.begin(BudgetMode.HARD_FAIL, *[Limits(per_day_nano=10 * USD)] * 3)

    answers = await asyncio.gather(
        *(team.ledger.reserve(key, team.claim(key, 15 * CENT)) for key in keys for _ in range(5)),
        return_exceptions=True,
    )

    refused = [answer for answer in answers if isinstance(answer, CostLimitExceeded)]
    assert len([answer for answer in answers if isinstance(answer, Hold)]) == 6
    assert len(refused) == 9
    assert {error.code for error in refused} == {"cost_limit_per_day"}
    assert "the tenant's $1 per day" in refused[0].message


async def test_a_full_tenant_gives_the_keys_own_hold_back(team: Team) -> None:
    (key,) = await team.begin(BudgetMode.HARD_FAIL, Limits(per_day_nano=10 * USD))

    with pytest.raises(CostLimitExceeded):
        await team.ledger.reserve(key, team.claim(key, 2 * USD))

    assert await team.spent_and_held(key) == ((0, 0), (0, 0))


async def test_a_full_key_gives_the_tenants_hold_back(team: Team) -> None:
    (key,) = await team.begin(BudgetMode.HARD_FAIL, Limits(per_day_nano=CENT))

    with pytest.raises(CostLimitExceeded) as refusal:
        await team.ledger.reserve(key, team.claim(key, 2 * CENT))

    assert "the key's $0.01 per day" in refusal.value.message
    assert await team.spent_and_held(key) == ((0, 0), (0, 0))


async def test_a_revoked_key_takes_nothing_from_its_tenant(team: Team) -> None:
    (key,) = await team.begin(BudgetMode.HARD_FAIL, Limits())
    await team.keys.update(replace(key, status=KeyStatus.REVOKED))

    with pytest.raises(NotAuthenticated):
        await team.ledger.reserve(key, team.claim(key, CENT))

    assert await team.spent_and_held(key) == ((0, 0), (0, 0))


@pytest.mark.parametrize(("mode", "warned"), [(BudgetMode.WARN, True), (BudgetMode.OFF, False)])
async def test_a_budget_that_does_not_refuse_counts_all_the_same(team: Team, mode: BudgetMode, warned: bool) -> None:
    (key,) = await team.begin(mode, Limits())

    within = await team.ledger.reserve(key, team.claim(key, 60 * CENT))
    beyond = await team.ledger.reserve(key, team.claim(key, 60 * CENT))
    for hold in (within, beyond):
        await team.ledger.settle(hold, 60 * CENT)

    assert [hold.warned for hold in (*within.shared, *beyond.shared)] == [False, warned]
    assert await team.spent_and_held(key) == ((120 * CENT, 0), (120 * CENT, 0))


async def test_a_lowered_budget_holds_at_once_for_those_who_knew_the_old_one(team: Team) -> None:
    (key,) = await team.begin(BudgetMode.HARD_FAIL, Limits())
    await team.tenants.update(replace(team.tenant, limits=Limits(per_day_nano=CENT)))

    with pytest.raises(CostLimitExceeded):
        await team.ledger.reserve(key, team.claim(key, 2 * CENT))

    assert await team.found.find("tenant/acme") == await team.tenants.read("acme")


async def test_an_unknown_outcome_is_charged_and_shown_in_both(team: Team) -> None:
    (key,) = await team.begin(BudgetMode.HARD_FAIL, Limits())
    hold = await team.ledger.reserve(key, team.claim(key, 7 * CENT))

    await team.ledger.settle(hold, None)

    own, _ = await team.of_keys.standings(key.id, NOON)
    shared, _ = await team.of_tenants.standings("tenant/acme", NOON)
    assert own == shared
    assert (shared.spent_nano, shared.unconfirmed_nano) == (7 * CENT, 7 * CENT)


async def test_dead_holds_of_a_tenant_are_forfeited(team: Team) -> None:
    (key,) = await team.begin(BudgetMode.HARD_FAIL, Limits())
    await team.ledger.reserve(key, team.claim(key, 7 * CENT))

    early = await team.of_tenants.sweep("tenant/acme", AFTER_EXPIRY - 1)
    late = await team.of_tenants.sweep("tenant/acme", AFTER_EXPIRY)

    shared, _ = await team.of_tenants.standings("tenant/acme", NOON)
    assert (early, late) == (0, 1)
    assert (shared.spent_nano, shared.held_nano, shared.unconfirmed_nano) == (7 * CENT, 0, 7 * CENT)


async def test_budgets_are_listed_read_and_changed_with_care(team: Team) -> None:
    await team.begin(BudgetMode.WARN)
    changed = await team.tenants.update(replace(team.tenant, mode=BudgetMode.OFF))

    with pytest.raises(KeyConflict):
        await team.tenants.update(replace(team.tenant, mode=BudgetMode.HARD_FAIL))
    with pytest.raises(KeyConflict):
        await team.tenants.create(team.tenant)
    with pytest.raises(NotFound):
        await team.tenants.read("nobody")

    assert changed.version == 2
    assert await team.tenants.of_tenants() == [changed]


async def test_a_tenant_without_a_budget_is_asked_for_once(team: Team, transport: CountingTransport) -> None:
    transport.operations.clear()

    found = [await team.found.find("tenant/nobody") for _ in range(3)]

    assert found == [None] * 3
    assert transport.operations == ["GetItem"]


async def test_many_calls_over_two_budgets_leave_no_hold_behind(team: Team) -> None:
    keys = await team.begin(BudgetMode.HARD_FAIL, Limits(per_day_nano=40 * CENT), Limits(per_day_nano=90 * CENT))

    async def call(key: ApiKey, number: int) -> int:
        try:
            hold = await team.ledger.reserve(key, team.claim(key, 20 * CENT))
        except GatewayError as error:
            assert error.code == "cost_limit_per_day"
            return 0
        await team.ledger.settle(hold, number)
        return number

    costs = await asyncio.gather(*(call(key, 1 + turn) for turn in range(10) for key in keys))

    standings = [await team.spent_and_held(key) for key in keys]
    assert sum(own[0] for own, _ in standings) == sum(costs)
    assert all(own[1] == 0 and shared == (sum(costs), 0) for own, shared in standings)
