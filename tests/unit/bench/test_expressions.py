"""The benchmark's table understands the two writes of a paid call."""

from __future__ import annotations

import pytest
from bench.expressions import Rejected, compile_condition
from bench.table import Failed, Metered

from prxy.store.admission import held, reserve, settle
from prxy.store.operations import CalledTable
from prxy.store.records import ApiKey, Claim, Limits
from prxy.store.schema import HOLDS, STATUS, TABLE, VERSION, api_key_at
from prxy.store.table import Item, Returned, Table, Update

LIMITS = Limits(per_day_nano=1_000, requests_per_minute=5)
KEY = ApiKey(id="abc", name="n", tenant="t", limits=LIMITS)
PLACE = api_key_at(KEY.id)
READ = Update(expression="SET seen = :seen", values={":seen": 1}, returned=Returned.NEW)


async def stored() -> Table:
    table = CalledTable("t", Metered())
    await table.create_table(TABLE)
    await table.put_item({**PLACE, STATUS: "A", VERSION: 1, HOLDS: {}})
    return table


async def reserved(table: Table, claim: Claim) -> Item:
    update = reserve(KEY, claim)
    assert update is not None
    written = await table.update_item(PLACE, update)
    assert written.item is not None
    return written.item


def make_claim(amount_nano: int) -> Claim:
    return Claim(request_id="r1", nonce="n1", amount_nano=amount_nano, now=1_764_000_000)


async def test_a_call_that_fits_is_admitted_and_its_difference_given_back() -> None:
    table, claim = await stored(), make_claim(600)

    hold = held(KEY, claim, await reserved(table, claim), resent=False)
    await table.update_item(PLACE, settle(hold, 250))

    item = (await table.update_item(PLACE, READ)).item
    assert item is not None
    assert item[hold.day] == 250
    assert item[HOLDS] == {}


async def test_a_call_that_does_not_fit_into_the_day_is_refused() -> None:
    table = await stored()
    await reserved(table, make_claim(600))

    second = Claim(request_id="r2", nonce="n2", amount_nano=600, now=1_764_000_000)

    with pytest.raises(Failed, match="ConditionalCheckFailed"):
        await reserved(table, second)


async def test_a_settlement_is_applied_once() -> None:
    table, claim = await stored(), make_claim(600)
    hold = held(KEY, claim, await reserved(table, claim), resent=False)
    await table.update_item(PLACE, settle(hold, 250))

    with pytest.raises(Failed, match="ConditionalCheckFailed"):
        await table.update_item(PLACE, settle(hold, 250))


def test_an_expression_it_does_not_know_is_refused() -> None:
    with pytest.raises(Rejected):
        compile_condition("attribute_exists(a) b")
