"""What every adapter of the table must do, over every DynamoDB that is asked for (`tests/dynamodb_servers`)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from tests.dynamodb_servers import ASKED_FOR, Server, create, running
from tests.stores import CREDENTIALS, NOON, REGION, USD, make_claim, make_key, store_transport
from tests.transports import ADAPTERS

from prxy.canonical.errors import CostLimitExceeded, IdempotencyConflict, IdempotencyKeyReused, NotAuthenticated
from prxy.canonical.response import ChatResponse, Usage
from prxy.providers.aws.credentials import FixedCredentials
from prxy.store import boto, dynamodb
from prxy.store.attempts import Attempts
from prxy.store.attributes import render_item
from prxy.store.dynamodb import Address
from prxy.store.idempotency import DynamoIdempotency
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.ports import Reconciled
from prxy.store.reconciling import DynamoReconciliation
from prxy.store.records import Attempted, Hold, KeyStatus, Limits, Once, Use
from prxy.store.schema import TABLE, api_key_at, mapping
from prxy.store.table import (
    Change,
    Condition,
    ConditionFailed,
    Item,
    Put,
    Query,
    Returned,
    StoreRejected,
    Table,
    TransactionCancelled,
    Update,
)
from prxy.store.usage import DynamoUsage

KEY = {"pk": "p", "sk": "s"}
ITEM: Item = {**KEY, "n": 7, "t": "ü🦜", "m": {"a": {"b": [1, "x", True, None]}}, "e": {}}
PATIENT = Attempts(count=6, within_s=60.0, connect_s=30.0, read_s=30.0)


@pytest.fixture(params=ASKED_FOR)
def server(request: pytest.FixtureRequest) -> Server:
    return running(request.param)


@pytest.fixture(params=[*ADAPTERS, "boto3"])
async def table(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Table]:
    address, name = Address(region=REGION, endpoint=server.url), f"prxy-{secrets.token_hex(6)}"
    if request.param == "boto3":
        made = boto.make_table(name, address, CREDENTIALS)
        await create(made)
        yield made
        return
    async for transport in store_transport(request.param):
        made = dynamodb.make_table(name, transport, address, FixedCredentials(CREDENTIALS), patience=30.0)
        await create(made)
        yield made


async def test_an_item_comes_back_as_it_was_put(table: Table) -> None:
    await table.put_item(ITEM)

    assert await table.get_item(KEY) == ITEM
    assert await table.get_item(KEY, consistent=False) == ITEM
    assert await table.get_item({**KEY, "sk": "other"}) is None


async def test_a_table_is_created_once(table: Table) -> None:
    assert not await table.create_table(TABLE)


async def test_a_failed_condition_gives_the_item_as_it_stands_where_the_server_tells_it(
    table: Table, server: Server
) -> None:
    await table.put_item(ITEM)
    absent = Condition(expression="attribute_not_exists(pk)")
    seven = Update(expression="SET n = :x", condition="n = :y", values={":x": 1, ":y": 8})

    with pytest.raises(ConditionFailed) as put:
        await table.put_item({**KEY}, condition=absent)
    with pytest.raises(ConditionFailed) as update:
        await table.update_item(KEY, seven)
    with pytest.raises(ConditionFailed) as delete:
        await table.delete_item(KEY, condition=absent)
    with pytest.raises(ConditionFailed) as nothing:
        await table.update_item({**KEY, "sk": "other"}, seven)

    told = ITEM if server.tells_the_item else None
    assert [failed.value.item for failed in (put, update, delete)] == [told] * 3
    assert await table.get_item(KEY) == ITEM
    assert nothing.value.item is None
    assert not update.value.resent


async def test_an_update_gives_the_item_after_it_where_that_was_asked_for(table: Table) -> None:
    await table.put_item(ITEM)
    update = Update(expression="SET #m.c = :c ADD n :one", names={"#m": "m"}, values={":c": "new", ":one": 1})

    silent = await table.update_item(KEY, update)
    told = await table.update_item(KEY, replace(update, returned=Returned.NEW))

    assert silent.item is None
    assert told.item == {**ITEM, "n": 9, "m": {**mapping(ITEM["m"]), "c": "new"}}


async def test_a_deleted_item_is_gone(table: Table) -> None:
    await table.put_item(ITEM)

    await table.delete_item(KEY)

    assert await table.get_item(KEY) is None


async def test_a_partition_is_read_in_order_over_all_pages(table: Table) -> None:
    for at in range(12):
        big: Item = {"pk": "many", "sk": f"{at:02}", "pad": "x" * 200_000}
        await table.put_item(big)
    query = Query(expression="pk = :p AND sk > :s", values={":p": "many", ":s": "01"})

    items = await table.query(query)
    three = await table.query(Query(expression=query.expression, values=query.values, limit=3))

    assert [item["sk"] for item in items] == [f"{at:02}" for at in range(2, 12)]
    assert [item["sk"] for item in three] == ["02", "03", "04"]


async def test_many_items_come_in_one_batch_and_missing_ones_are_left_out(table: Table) -> None:
    places = [{"pk": "batch", "sk": f"{at:03}"} for at in range(120)]
    for place in places[:110]:
        await table.put_item({**place})

    found = await table.get_items(places)

    assert sorted(str(item["sk"]) for item in found) == [f"{at:03}" for at in range(110)]
    assert await table.get_items([]) == []


ABSENT = Condition(expression="attribute_not_exists(pk)")
COUNTER = {"pk": "counter", "sk": "s"}


def counted(*names: str) -> list[Put | Change]:
    """An item of each name, and a counter that counts them."""
    new = [Put(item={"pk": name, "sk": "s"}, condition=ABSENT) for name in names]
    return [
        *new,
        Change(key=COUNTER, update=Update(expression="ADD #n :n", names={"#n": "n"}, values={":n": len(new)})),
    ]


@pytest.fixture
def transacting(server: Server, table: Table) -> Table:
    if not server.transacts:
        pytest.skip(f"{server.name} knows no transactions.")
    return table


async def test_a_transaction_writes_everything_or_says_which_conditions_did_not_hold(transacting: Table) -> None:
    await transacting.transact(counted("one", "two"))

    with pytest.raises(TransactionCancelled) as cancelled:
        await transacting.transact(counted("three", "two", "four", "one"))

    assert [*cancelled.value.failed] == [1, 3]
    assert await transacting.get_item(COUNTER) == {**COUNTER, "n": 2}
    assert await transacting.get_item({"pk": "three", "sk": "s"}) is None
    assert await transacting.get_item({"pk": "two", "sk": "s"}) is not None


async def test_a_transaction_that_makes_no_sense_is_a_rejection_and_writes_nothing(transacting: Table) -> None:
    with pytest.raises(StoreRejected):
        await transacting.transact([*counted("one"), Change(key=KEY, update=Update(expression="SET SET"))])

    assert await transacting.get_item(COUNTER) is None
    assert await transacting.get_item({"pk": "one", "sk": "s"}) is None


async def test_transactions_that_meet_count_each_item_once(transacting: Table) -> None:
    answers = await asyncio.gather(
        *(transacting.transact(counted(f"item-{at % 5}")) for at in range(10)), return_exceptions=True
    )
    for at in range(5):
        with pytest.raises(TransactionCancelled):
            await transacting.transact(counted(f"item-{at}"))

    assert all(answer is None or isinstance(answer, TransactionCancelled) for answer in answers)
    assert await transacting.get_item(COUNTER) == {**COUNTER, "n": 5}


async def test_an_expression_that_makes_no_sense_is_a_rejection(table: Table) -> None:
    with pytest.raises(StoreRejected) as rejection:
        await table.update_item(KEY, Update(expression="SET SET", values={}))

    assert rejection.value.fault == "ValidationException"


async def test_concurrent_conditional_writes_are_atomic(table: Table) -> None:
    await table.put_item({**KEY, "left": 25})
    take = Update(expression="SET #l = #l - :one", condition="#l >= :one", names={"#l": "left"}, values={":one": 1})

    answers = await asyncio.gather(
        *(table.update_item(KEY, take, attempts=PATIENT) for _ in range(50)), return_exceptions=True
    )

    refused = sum(isinstance(answer, ConditionFailed) for answer in answers)
    unclear = [
        answer for answer in answers if isinstance(answer, Exception) and not isinstance(answer, ConditionFailed)
    ]
    item = await table.get_item(KEY)
    assert unclear == []
    assert refused == 25
    assert item is not None
    assert item["left"] == 0


async def test_the_ledger_holds_over_every_adapter(table: Table) -> None:
    key = make_key(Limits(per_day_nano=USD, per_month_nano=2 * USD, requests_per_minute=100))
    await DynamoKeyAdministration(table).create(key)
    ledger = DynamoLedger(table, reserving=PATIENT, settling=PATIENT)

    answers = await asyncio.gather(
        *(ledger.reserve(key, make_claim(key, 3 * USD // 10)) for _ in range(10)), return_exceptions=True
    )
    holds = [answer for answer in answers if isinstance(answer, Hold)]
    for hold in holds:
        await ledger.settle(hold, USD // 10)

    day, _ = await ledger.standings(key.id, NOON)
    assert (len(holds), sum(isinstance(answer, CostLimitExceeded) for answer in answers)) == (3, 7)
    assert (day.spent_nano, day.held_nano) == (3 * USD // 10, 0)


async def test_what_is_unconfirmed_is_reconciled_over_every_adapter(transacting: Table) -> None:
    """The stream of the table is told by hand: not every server has one."""
    key = make_key(Limits(per_day_nano=USD, per_month_nano=2 * USD))
    await DynamoKeyAdministration(transacting).create(key)
    ledger = DynamoLedger(transacting, reserving=PATIENT, settling=PATIENT)
    hold = await ledger.reserve(key, make_claim(key, 3 * USD // 10))
    await ledger.settle(hold, None, Use(request_id="r", provider="openai", model="gpt-4o-mini"))
    place = api_key_at(key.id)
    item = await transacting.get_item(place)
    assert item is not None
    told = {"Keys": render_item(place), "NewImage": render_item(item)}
    usage = DynamoUsage(transacting)
    assert await usage.keep([{"dynamodb": told}]) == []

    attempt, reconciliation = Attempted(at=NOON, nonce=hold.nonce), DynamoReconciliation(transacting)
    done = await asyncio.gather(
        *(reconciliation.reconcile(key, attempt, USD // 10, NOON) for _ in range(5)), return_exceptions=True
    )
    again = await reconciliation.reconcile(key, attempt, USD // 10, NOON)

    day, month = await ledger.standings(key.id, NOON)
    [summed] = await usage.days(key.id, "20261122", "20261122")
    assert [list(each.accounts) for each in done if isinstance(each, Reconciled) and each.accounts] == [["key"]]
    assert (again.accounts, again.given_back_nano) == ((), 0)
    assert (day.spent_nano, day.unconfirmed_nano) == (month.spent_nano, month.unconfirmed_nano) == (USD // 10, 0)
    assert (summed.used.cost_nano, summed.used.unconfirmed_nano) == (USD // 10, 0)


async def test_one_attempt_runs_over_every_adapter(table: Table) -> None:
    store = DynamoIdempotency(table, clock=lambda: NOON)
    attempts = [Once(key_id="k", word="w", fingerprint="f", nonce=str(number)) for number in range(50)]

    answers = await asyncio.gather(*(store.claim(attempt, 60.0) for attempt in attempts), return_exceptions=True)
    await store.abandon(attempts[answers.index(None)])

    assert answers.count(None) == 1
    assert sum(isinstance(answer, IdempotencyConflict) for answer in answers) == 49
    assert await store.claim(replace(attempts[0], nonce="next"), 60.0) is None


async def test_the_answer_of_a_finished_attempt_is_given_again_over_every_adapter(table: Table) -> None:
    store, once = DynamoIdempotency(table, clock=lambda: NOON), Once(key_id="k", word="w", fingerprint="f", nonce="1")
    answer = ChatResponse(format="openai.chat", id="x", model="m", choices=(), usage=Usage(input_tokens=1))

    assert await store.claim(once, 60.0) is None
    await store.finish(once, answer)

    assert await store.claim(replace(once, nonce="2"), 60.0) == answer
    with pytest.raises(IdempotencyKeyReused):
        await store.claim(replace(once, nonce="3", fingerprint="g"), 60.0)


async def test_a_refused_reserve_says_why_over_every_adapter(table: Table) -> None:
    administration, key = DynamoKeyAdministration(table), make_key()
    await administration.create(key)
    ledger, claim = DynamoLedger(table, reserving=PATIENT, settling=PATIENT), make_claim(key, 1)
    await ledger.reserve(key, claim)

    with pytest.raises(IdempotencyConflict):
        await ledger.reserve(key, replace(claim, nonce="twin"))
    await administration.update(replace(key, status=KeyStatus.REVOKED))
    with pytest.raises(NotAuthenticated):
        await ledger.reserve(key, make_claim(key, 1))
