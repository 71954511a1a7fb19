"""What a settlement tells of the call that it charges: one more attribute in the same write."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.stores import NOON, USD, CountingTransport, make_claim, make_key

from prxy.store.budgets import DynamoBudgetAdministration
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.records import ApiKey, Budget, Limits, Tokens, Use
from prxy.store.schema import USE, api_key_at, budget_at
from prxy.store.sharing import SharedLedger
from prxy.store.table import Table
from prxy.store.use_text import parse_uses, render_use, render_uses

CENT = USD // 100
USED = Use(request_id="req_1", provider="openai", model="gpt-4o-mini", tokens=Tokens(1000, 200, 0, 500, 0))
TYPICAL = Use(
    request_id="0123abcd-0123-0123-0123-0123456789ab",
    provider="anthropic",
    model="claude-sonnet-4-5",
    answered="claude-sonnet-4-5-20250929",
    tokens=Tokens(12_345, 12_000, 100, 1_234, 900),
    admitted_ms=123,
    first_byte_ms=812,
    lasted_ms=12_345,
    modules=("exact-cache", "cost-guard"),
    nonce="0123456789abcdef",
    at=NOON,
    cost_nano=123_456_789,
)


@pytest.fixture
async def key(administration: DynamoKeyAdministration) -> ApiKey:
    made = make_key(Limits(per_day_nano=USD))
    await administration.create(made)
    return made


async def kept(table: Table, key: ApiKey) -> Use | None:
    item = await table.get_item(api_key_at(key.id))
    assert item is not None
    return parse_uses(item[USE])[0] if USE in item else None


async def test_a_settlement_tells_what_it_charged_and_for_what(table: Table, ledger: DynamoLedger, key: ApiKey) -> None:
    hold = await ledger.reserve(key, make_claim(key, 30 * CENT, request_id="req_1"))

    await ledger.settle(hold, CENT, USED)

    charged = replace(USED, nonce=hold.nonce, at=NOON, cost_nano=CENT)
    assert await kept(table, key) == charged


async def test_a_charge_without_the_providers_word_is_told_apart(
    table: Table, ledger: DynamoLedger, key: ApiKey
) -> None:
    hold = await ledger.reserve(key, make_claim(key, 30 * CENT))

    await ledger.settle(hold, None, USED)

    used = await kept(table, key)
    assert used is not None
    assert (used.cost_nano, used.unconfirmed_nano) == (0, 30 * CENT)


async def test_what_is_told_takes_no_write_of_its_own(
    transport: CountingTransport, ledger: DynamoLedger, key: ApiKey
) -> None:
    hold = await ledger.reserve(key, make_claim(key, 30 * CENT))
    transport.operations.clear()

    await ledger.settle(hold, CENT, USED)

    assert transport.operations == ["UpdateItem"]


async def test_a_settlement_that_finds_no_hold_tells_nothing(table: Table, ledger: DynamoLedger, key: ApiKey) -> None:
    hold = await ledger.reserve(key, make_claim(key, 30 * CENT))
    await ledger.settle(hold, CENT, USED)
    first = await kept(table, key)

    await ledger.settle(hold, 2 * CENT, replace(USED, request_id="another"))

    assert await kept(table, key) == first


async def test_the_item_of_a_tenant_tells_nothing(table: Table, ledger: DynamoLedger, key: ApiKey) -> None:
    tenant = Budget(tenant="acme", limits=Limits(per_day_nano=USD))
    await DynamoBudgetAdministration(table).create(tenant)
    shared = SharedLedger(ledger, DynamoLedger(table, at=budget_at))
    hold = await shared.reserve(key, replace(make_claim(key, 30 * CENT), shared=(tenant,)))

    await shared.settle(hold, CENT, USED)

    item = await table.get_item(budget_at("tenant/acme"))
    assert item is not None
    assert item["d20261122"] == CENT
    assert USE not in item
    assert await kept(table, key) is not None


async def test_the_next_reserve_leaves_it_as_it_was(table: Table, ledger: DynamoLedger, key: ApiKey) -> None:
    await ledger.settle(await ledger.reserve(key, make_claim(key, CENT)), CENT, USED)
    before = await kept(table, key)

    await ledger.reserve(key, make_claim(key, CENT, now=NOON + 86_400))

    assert await kept(table, key) == before


def test_what_a_typical_call_adds_to_the_item_is_below_300_bytes() -> None:
    assert len(render_use(TYPICAL)) < 300
    assert parse_uses(render_use(TYPICAL)) == (TYPICAL,)


def test_several_are_told_as_well_as_one() -> None:
    assert parse_uses(render_uses([USED, TYPICAL])) == [USED, TYPICAL]
