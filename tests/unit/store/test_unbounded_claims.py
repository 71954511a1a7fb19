"""A claim whose amount bounds nothing, against limits in USD that its process has not seen yet."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.stores import PATIENT, USD, CountingTransport, make_claim, make_key

from prxy.canonical.errors import KeyChanged
from prxy.store.accounts import DynamoBudgets, DynamoKeys
from prxy.store.budgets import DynamoBudgetAdministration
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.records import NO_LIMITS, ApiKey, Budget, BudgetMode, Claim, Limits
from prxy.store.schema import budget_at
from prxy.store.sharing import SharedLedger
from prxy.store.table import Table

FREE = Limits(requests_per_minute=1_000)
LIMITS = {
    "of the request": Limits(per_request_nano=USD),
    "of the day": Limits(per_day_nano=USD),
    "of the month": Limits(per_month_nano=USD),
}
on_every_limit = pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS.keys())


def unbounded(key: ApiKey) -> Claim:
    return replace(make_claim(key, 0), bounded=False)


@on_every_limit
async def test_what_bounds_nothing_is_not_admitted_where_an_admin_has_set_a_limit_since(
    limits: Limits, table: Table, administration: DynamoKeyAdministration
) -> None:
    key = make_key(FREE)
    await administration.create(key)
    known = DynamoKeys(table)
    ledger = DynamoLedger(table, remember=known.remember, reserving=PATIENT, settling=PATIENT)
    await administration.update(replace(key, limits=limits))

    with pytest.raises(KeyChanged):
        await ledger.reserve(key, unbounded(key))
    bounded = await ledger.reserve(key, make_claim(key, 1))

    told = await known.find(key.id)
    assert told is not None
    assert told.limits == limits
    assert bounded.amount_nano == 1


@on_every_limit
async def test_nothing_is_written_for_it_where_the_limit_is_known(
    limits: Limits,
    administration: DynamoKeyAdministration,
    ledger: DynamoLedger,
    transport: CountingTransport,
) -> None:
    key = make_key(limits)
    await administration.create(key)
    transport.operations.clear()

    with pytest.raises(KeyChanged):
        await ledger.reserve(key, unbounded(key))

    assert "UpdateItem" not in transport.operations


async def test_without_a_limit_in_usd_it_is_admitted(
    administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = make_key(FREE)
    await administration.create(key)

    hold = await ledger.reserve(key, unbounded(key))

    assert hold.amount_nano == 0


@pytest.mark.parametrize(
    ("before", "after", "admitted"),
    [
        (Budget(tenant="acme"), Budget(tenant="acme", limits=Limits(per_day_nano=USD)), False),
        (
            Budget(tenant="acme", mode=BudgetMode.OFF, limits=Limits(per_day_nano=USD)),
            Budget(tenant="acme", limits=Limits(per_day_nano=USD)),
            False,
        ),
        (Budget(tenant="acme"), Budget(tenant="acme", mode=BudgetMode.WARN, limits=Limits(per_day_nano=USD)), True),
    ],
    ids=["a first limit", "no longer off", "only announced"],
)
async def test_the_same_holds_for_budgets_that_keys_share(
    before: Budget, after: Budget, *, admitted: bool, table: Table, administration: DynamoKeyAdministration
) -> None:
    budgets, found = DynamoBudgetAdministration(table), DynamoBudgets(table)
    of_keys = DynamoLedger(table, reserving=PATIENT, settling=PATIENT)
    of_budgets = DynamoLedger(table, at=budget_at, remember=found.remember, reserving=PATIENT, settling=PATIENT)
    key = make_key(NO_LIMITS)
    await administration.create(key)
    await budgets.create(before)
    await budgets.update(after)
    claim = replace(unbounded(key), shared=(before,))

    try:
        await SharedLedger(of_keys, of_budgets).reserve(key, claim)
        was_admitted = True
    except KeyChanged:
        was_admitted = False

    item = await table.get_item({"pk": f"K#{key.id}", "sk": "key"})
    assert item is not None
    assert was_admitted == admitted
    assert bool(item["res"]) == admitted
