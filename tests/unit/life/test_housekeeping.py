"""What the housekeeping function answers: to records of the stream, and to the clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.stores import NOON, PATIENT, fresh_table, make_claim, make_key, store_transport
from tests.unit.store.test_usage import FIRST, record

from prxy.canonical.errors import StoreUnavailable
from prxy.housekeeping import Housekeeping
from prxy.store.budgets import DynamoBudgetAdministration
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.records import Budget
from prxy.store.schema import budget_at
from prxy.store.table import Table
from prxy.store.usage import DynamoUsage

LAPSED = NOON + 16 * 60


class Closed(Table):
    """Says no to transactions."""

    async def transact(self, writes: object) -> None:
        raise StoreUnavailable


def housekeeping(table: Table, used: Table | None = None) -> Housekeeping:
    return Housekeeping(
        keys=DynamoKeyAdministration(table),
        budgets=DynamoBudgetAdministration(table),
        of_keys=DynamoLedger(table, settling=PATIENT),
        of_budgets=DynamoLedger(table, at=budget_at, settling=PATIENT),
        use=DynamoUsage(used or table),
        clock=lambda: LAPSED,
    )


@pytest.fixture
async def table() -> AsyncIterator[Table]:
    async for transport in store_transport():
        yield await fresh_table(transport)


def numbered(at: int, **changes: Any) -> dict[str, Any]:
    told = record(FIRST, **changes)
    told["dynamodb"]["SequenceNumber"] = f"10{at}"
    return told


async def test_records_of_the_stream_are_kept_and_nothing_is_to_be_told_again(table: Table) -> None:
    answer = await housekeeping(table).answer({"Records": [numbered(1), numbered(2)]})

    [day] = await DynamoUsage(table).days("key000000001", "20261122", "20261122")
    assert answer == {"batchItemFailures": []}
    assert day.used.calls == 1


async def test_the_stream_goes_on_from_the_first_record_that_could_not_be_kept(table: Table) -> None:
    records = [numbered(1, before=FIRST), numbered(2), numbered(3, key_id="key000000002")]

    answer = await housekeeping(table, Closed()).answer({"Records": records})

    assert answer == {"batchItemFailures": [{"itemIdentifier": "102"}]}


async def test_the_clock_makes_it_sweep(table: Table) -> None:
    key = make_key()
    await DynamoKeyAdministration(table).create(key)
    await DynamoLedger(table, reserving=PATIENT).reserve(key, make_claim(key, 5))

    answer = await housekeeping(table).answer({"source": "aws.events", "detail-type": "Scheduled Event"})

    assert answer == {"forfeited": 1}


async def test_dead_holds_of_tenants_and_projects_are_swept_too(table: Table) -> None:
    budgets = (Budget(tenant="acme"), Budget(tenant="acme", project="web"), Budget(tenant="emca", project="web"))
    ledger = DynamoLedger(table, at=budget_at, reserving=PATIENT)
    for budget in budgets:
        await DynamoBudgetAdministration(table).create(budget)
        await ledger.reserve(budget, make_claim(make_key(), 5))

    swept = await housekeeping(table).sweep()

    standings = [await ledger.standings(budget.id, NOON) for budget in budgets]
    assert swept == 3
    assert [(day.held_nano, day.unconfirmed_nano) for day, _ in standings] == [(0, 5)] * 3
