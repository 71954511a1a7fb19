"""Three budgets for one call: its key's own, its project's and its tenant's, on items of their own."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.stores import NOON, PATIENT, USD, CountingTransport, DeafTransport, fresh_table, make_claim, make_key

from prxy.canonical.errors import CostLimitExceeded, GatewayError, KeyChanged, NotAuthenticated
from prxy.providers.lean import LeanTransport
from prxy.store.accounts import DynamoBudgets, DynamoKeys
from prxy.store.budgets import DynamoBudgetAdministration
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.records import ApiKey, Budget, BudgetMode, Claim, Hold, Limits, budget_id
from prxy.store.schema import DOCUMENT, budget_at, parse_budget, projects_prefix, render_new_budget
from prxy.store.sharing import SharedLedger
from prxy.store.table import Table

CENT = USD // 100
DOLLAR = Limits(per_day_nano=USD, concurrency=256)
POOR = Limits(per_day_nano=20 * CENT, concurrency=256)
POORER = Limits(per_day_nano=10 * CENT, concurrency=256)
RICH = Limits(per_day_nano=100 * USD, concurrency=256)
ANY_NAME = st.text(max_size=12) | st.text("0123456789/#@a", max_size=8)


class House:
    """Keys, budgets and the ledger over one table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.budgets, self.keys = DynamoBudgetAdministration(table), DynamoKeyAdministration(table)
        self.found = DynamoBudgets(table, clock=lambda: NOON)
        self.known = DynamoKeys(table, clock=lambda: NOON)
        self.of_keys = DynamoLedger(table, remember=self.known.remember, reserving=PATIENT, settling=PATIENT)
        self.of_budgets = DynamoLedger(
            table, at=budget_at, remember=self.found.remember, reserving=PATIENT, settling=PATIENT
        )
        self.ledger = SharedLedger(self.of_keys, self.of_budgets)

    async def budget(
        self,
        limits: Limits,
        project: str | None = None,
        *,
        tenant: str = "acme",
        mode: BudgetMode = BudgetMode.HARD_FAIL,
    ) -> Budget:
        made = Budget(tenant=tenant, project=project, mode=mode, limits=limits)
        await self.budgets.create(made)
        return made

    async def key(self, limits: Limits = RICH, *, tenant: str = "acme", project: str | None = "web") -> ApiKey:
        made = replace(make_key(limits, tenant=tenant), project=project)
        await self.keys.create(made)
        return made

    async def reserve(self, key: ApiKey, amount_nano: int) -> Hold:
        return await self.ledger.reserve(key, await self.claim(key, amount_nano))

    async def claim(self, key: ApiKey, amount_nano: int) -> Claim:
        return replace(make_claim(key, amount_nano), shared=await self.found.of(key))

    async def day_of(self, *ids: str) -> list[tuple[int, int]]:
        """Spent and held today, of each of the budgets."""
        days = [(await self.of_budgets.standings(id_, NOON))[0] for id_ in ids]
        return [(day.spent_nano, day.held_nano) for day in days]

    async def day_of_key(self, key: ApiKey) -> tuple[int, int]:
        day, _ = await self.of_keys.standings(key.id, NOON)
        return day.spent_nano, day.held_nano


ACME, WEB = budget_id("acme"), budget_id("acme", "web")


@pytest.fixture
def house(table: Table) -> House:
    return House(table)


async def test_a_call_is_held_and_settled_in_all_three(house: House) -> None:
    await house.budget(DOLLAR)
    await house.budget(DOLLAR, "web")
    key = await house.key()

    hold = await house.reserve(key, 30 * CENT)
    before = [await house.day_of_key(key), *await house.day_of(ACME, WEB)]
    await house.ledger.settle(hold, 10 * CENT)

    assert before == [(0, 30 * CENT)] * 3
    assert [await house.day_of_key(key), *await house.day_of(ACME, WEB)] == [(10 * CENT, 0)] * 3


@pytest.mark.parametrize(
    ("budgets", "writes"), [((), 1), (("tenant",), 2), (("project",), 2), (("tenant", "project"), 3)]
)
async def test_each_budget_adds_one_write_before_the_call_and_one_after(
    house: House, transport: CountingTransport, budgets: tuple[str, ...], writes: int
) -> None:
    for kind in budgets:
        await house.budget(DOLLAR, "web" if kind == "project" else None)
    key = await house.key()
    claim = await house.claim(key, CENT)
    transport.operations.clear()

    hold = await house.ledger.reserve(key, claim)
    before = [*transport.operations]
    await house.ledger.settle(hold, CENT)

    assert before == ["UpdateItem"] * writes
    assert transport.operations == ["UpdateItem"] * 2 * writes


@pytest.mark.parametrize(
    ("own", "project", "tenant", "whose"),
    [(POOR, RICH, RICH, "key"), (RICH, POOR, RICH, "project"), (RICH, RICH, POOR, "tenant")],
    ids=["key", "project", "tenant"],
)
async def test_whichever_is_full_refuses_and_the_others_give_back(
    house: House, own: Limits, project: Limits, tenant: Limits, whose: str
) -> None:
    await house.budget(tenant)
    await house.budget(project, "web")
    key = await house.key(own)

    with pytest.raises(CostLimitExceeded) as refusal:
        await house.reserve(key, 30 * CENT)

    assert f"the {whose}'s $0.2 per day" in refusal.value.message
    assert [await house.day_of_key(key), *await house.day_of(ACME, WEB)] == [(0, 0)] * 3


async def test_of_several_that_are_full_the_one_that_leaves_the_least_is_told(house: House) -> None:
    """What fits there fits everywhere: a limit of output has to be fitted once."""
    await house.budget(POORER)
    await house.budget(POOR, "web")
    key = await house.key(POOR)

    with pytest.raises(CostLimitExceeded) as refusal:
        await house.reserve(key, 30 * CENT)
    fitted = await house.reserve(key, 10 * CENT)

    assert "the tenant's $0.1 per day" in refusal.value.message
    assert len(fitted.shared) == 2


async def test_keys_of_two_projects_never_overspend_their_projects_or_their_tenant(house: House) -> None:
    await house.budget(Limits(per_day_nano=100 * CENT, concurrency=256))
    await house.budget(Limits(per_day_nano=45 * CENT, concurrency=256), "web")
    await house.budget(Limits(per_day_nano=80 * CENT, concurrency=256), "app")
    keys = [await house.key(project="web"), await house.key(project="app"), await house.key(project=None)]

    answers = await asyncio.gather(
        *(house.reserve(key, 15 * CENT) for _ in range(5) for key in keys), return_exceptions=True
    )

    admitted = [answer for answer in answers if isinstance(answer, Hold)]
    own = [(await house.day_of_key(key))[1] for key in keys]
    [(_, tenant), (_, web), (_, app)] = await house.day_of(ACME, WEB, budget_id("acme", "app"))
    assert all(isinstance(answer, Hold | CostLimitExceeded) for answer in answers)
    assert (web, app) == (own[0], own[1])
    assert tenant == sum(own) == 15 * CENT * len(admitted)
    assert (web <= 45 * CENT, app <= 80 * CENT, tenant <= 100 * CENT) == (True,) * 3


async def test_projects_of_the_same_name_in_two_tenants_never_meet(house: House) -> None:
    await house.budget(POOR, "web")
    await house.budget(POOR, "web", tenant="emca")
    mine, other = await house.key(), await house.key(tenant="emca")

    await house.ledger.settle(await house.reserve(mine, 20 * CENT), 20 * CENT)
    await house.ledger.settle(await house.reserve(other, 15 * CENT), 5 * CENT)

    assert await house.day_of(WEB, budget_id("emca", "web")) == [(20 * CENT, 0), (5 * CENT, 0)]
    assert [each.tenant for each in await house.budgets.of_projects("emca")] == ["emca"]


@example(first=("a/b", "c"), second=("a", "b/c"))
@example(first=("4/acme/web", None), second=("acme", "web"))
@example(first=("1/a", "b"), second=("1", "a/b"))
@given(first=st.tuples(ANY_NAME, ANY_NAME | st.none()), second=st.tuples(ANY_NAME, ANY_NAME | st.none()))
def test_no_two_budgets_have_the_same_place(first: tuple[str, str | None], second: tuple[str, str | None]) -> None:
    ids = [budget_id(*first), budget_id(*second)]

    assert (ids[0] == ids[1]) == (first == second)
    assert (budget_at(ids[0]) == budget_at(ids[1])) == (first == second)


@given(tenant=ANY_NAME, other=ANY_NAME, project=ANY_NAME)
def test_no_project_is_listed_under_another_tenant(tenant: str, other: str, project: str) -> None:
    listed = str(render_new_budget(Budget(tenant=other, project=project))["gs"])

    assert listed.startswith(projects_prefix(tenant)) == (tenant == other)


def test_the_budget_of_a_tenant_stands_where_it_always_stood() -> None:
    """Written by the version before there were projects."""
    document = '{"id":"acme/eu","mode":"warn","limits":{"per_day_nano":5,"concurrency":256},"created_at":7}'
    limits = Limits(per_day_nano=5, concurrency=256)
    expected = Budget(tenant="acme/eu", mode=BudgetMode.WARN, limits=limits, created_at=7, version=3)

    assert budget_at(expected.id) == {"pk": "B#acme/eu", "sk": "budget"}
    assert parse_budget({DOCUMENT: document, "v": 3}) == expected
    assert render_new_budget(replace(expected, version=1))[DOCUMENT] == document


async def test_each_budget_that_is_gone_beyond_says_so_for_itself(house: House) -> None:
    await house.budget(POOR, mode=BudgetMode.WARN)
    await house.budget(POORER, "web", mode=BudgetMode.WARN)
    key = await house.key()

    holds = [await house.reserve(key, 9 * CENT) for _ in range(3)]

    assert [[each.warned for each in hold.shared] for hold in holds] == [[False, False], [True, False], [True, True]]


async def test_a_stale_copy_of_a_key_reserves_nothing_under_the_project_that_it_left(house: House) -> None:
    await house.budget(DOLLAR)
    await house.budget(DOLLAR, "web")
    await house.budget(DOLLAR, "app")
    stale = await house.key()
    await house.keys.update(replace(stale, project="app"))

    with pytest.raises(KeyChanged):
        await house.reserve(stale, CENT)

    moved = await house.known.find(stale.id)
    assert moved is not None
    assert moved.project == "app"
    assert [await house.day_of_key(stale), *await house.day_of(ACME, WEB)] == [(0, 0)] * 3


async def test_a_call_that_runs_settles_where_it_was_reserved(house: House) -> None:
    await house.budget(DOLLAR, "web")
    await house.budget(DOLLAR, "app")
    key = await house.key()
    running = await house.reserve(key, 30 * CENT)

    moved = await house.keys.update(replace(key, project="app"))
    later = await house.reserve(moved, 20 * CENT)
    await house.ledger.settle(running, 3 * CENT)
    await house.ledger.settle(later, 2 * CENT)

    assert await house.day_of(WEB, budget_id("acme", "app")) == [(3 * CENT, 0), (2 * CENT, 0)]
    assert await house.day_of_key(key) == (5 * CENT, 0)


async def test_a_secret_that_was_rotated_out_opens_no_project_either(house: House) -> None:
    key = await house.key()
    await house.keys.update(replace(key, project="app", secret_hash="0" * 64))

    with pytest.raises(NotAuthenticated):
        await house.reserve(key, CENT)


async def test_where_a_hold_cannot_be_given_back_it_is_forfeited_and_the_refusal_told() -> None:
    """The project refuses, and the table is away when the key gives back."""
    deaf = DeafTransport(LeanTransport())
    house = House(await fresh_table(deaf))
    await house.budget(POOR, "web")
    key = await house.key()
    claim = await house.claim(key, 30 * CENT)
    house.of_keys = Forgetful(house.table, deaf)
    house.ledger = SharedLedger(house.of_keys, house.of_budgets)

    with pytest.raises(GatewayError) as refusal:
        await house.ledger.reserve(key, claim)
    lost = await house.day_of_key(key)
    swept = await house.of_keys.sweep(key.id, NOON + 16 * 60)

    assert refusal.value.code == "cost_limit_per_day"
    assert (lost, swept) == ((0, 30 * CENT), 1)
    assert await house.day_of_key(key) == (30 * CENT, 0)
    assert await house.day_of(WEB) == [(0, 0)]
    await deaf.aclose()


class Forgetful(DynamoLedger):
    """Hears nothing from the table while it settles."""

    def __init__(self, table: Table, deaf: DeafTransport) -> None:
        super().__init__(table, reserving=PATIENT, settling=PATIENT)
        self._deaf = deaf

    async def settle(self, hold: Hold, actual_nano: int | None, use: object = None) -> None:
        self._deaf.deaf_for = PATIENT.count
        await super().settle(hold, actual_nano)
