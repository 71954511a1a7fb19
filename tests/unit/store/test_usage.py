"""From the stream of the table to sums by day, key and model: each call once, however it is told."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.stores import NOON, USD, LossyTransport, fresh_table, store_transport

from prxy.canonical.parts import Json
from prxy.providers.transport import Transport
from prxy.store.attributes import render_item
from prxy.store.records import DayOfUse, Tokens, Use, Used
from prxy.store.schema import TENANT, USE, api_key_at
from prxy.store.table import Query, StoreRejected, Table
from prxy.store.usage import DynamoUsage
from prxy.store.use_text import render_use

DAY = "20261122"
FIRST = Use(request_id="req_1", provider="openai", model="gpt-4o-mini", nonce="n1", at=NOON, cost_nano=450_000)
TOKENS = Tokens(1000, 200, 10, 500, 50)


def record(use: Use | None, *, before: Use | None = None, key_id: str = "key000000001") -> dict[str, Any]:
    """One version of a key's item, as a stream tells it."""
    new = {**api_key_at(key_id), TENANT: "acme", "v": 1} | ({USE: render_use(use)} if use else {})
    old = {**api_key_at(key_id), TENANT: "acme", "v": 1} | ({USE: render_use(before)} if before else {})
    images = {"Keys": render_item(api_key_at(key_id)), "NewImage": render_item(new), "OldImage": render_item(old)}
    return {"eventID": secrets.token_hex(8), "eventName": "MODIFY", "dynamodb": {**images, "SequenceNumber": "1"}}


def told_in_turn(uses: Sequence[Use]) -> list[Json]:
    """The stream of calls that were settled one after the other, with a reserve before each settlement."""
    records: list[Json] = []
    for before, use in zip([None, *uses], uses, strict=False):
        records += [record(before, before=before), record(use, before=before)]
    return records


async def sums(table: Table, key_id: str = "key000000001") -> Mapping[tuple[str, str], Used]:
    days = await DynamoUsage(table).days(key_id, "20261101", "20261231")
    return {(each.day, each.target): each.used for each in days}


async def test_the_sum_of_a_day_has_every_call_of_its_model(table: Table) -> None:
    other = replace(FIRST, nonce="n3", model="gpt-4o", calls=0, unconfirmed_nano=7, cost_nano=0)
    uses = [
        FIRST,
        replace(FIRST, nonce="n2", tokens=TOKENS, cost_nano=1),
        other,
        replace(FIRST, nonce="n4", at=NOON + 86_400),
    ]

    waiting = await DynamoUsage(table).keep(told_in_turn(uses))

    assert waiting == []
    assert await sums(table) == {
        (DAY, "openai/gpt-4o-mini"): Used(
            calls=2,
            input_tokens=1000,
            cached_input_tokens=200,
            cache_write_tokens=10,
            output_tokens=500,
            reasoning_tokens=50,
            cost_nano=450_001,
        ),
        (DAY, "openai/gpt-4o"): Used(unconfirmed_nano=7),
        ("20261123", "openai/gpt-4o-mini"): Used(calls=1, cost_nano=450_000),
    }


@pytest.mark.parametrize("project", ["web", "a@b", "20261122", "odd#name/x"])
async def test_calls_of_a_key_that_moved_add_up_by_project(table: Table, project: str) -> None:
    moved = [replace(FIRST, nonce=f"n{at}", project=project) for at in (2, 3)]

    await DynamoUsage(table).keep(told_in_turn([FIRST, *moved]))

    days = await DynamoUsage(table).days("key000000001", DAY, DAY)
    told = {(each.project, each.day, each.target, each.used.calls) for each in days}
    assert told == {(None, DAY, "openai/gpt-4o-mini", 1), (project, DAY, "openai/gpt-4o-mini", 2)}
    assert await DynamoUsage(table).days("key000000001", "20261123", "20261123") == []


async def test_what_is_told_again_is_counted_once(table: Table) -> None:
    usage, records = DynamoUsage(table), told_in_turn([FIRST, replace(FIRST, nonce="n2")])

    await usage.keep(records)
    await usage.keep(records[2:])
    await usage.keep([*records, *records, record(replace(FIRST, nonce="n3"))])

    assert await sums(table) == {(DAY, "openai/gpt-4o-mini"): Used(calls=3, cost_nano=1_350_000)}


async def test_readers_that_meet_count_each_call_once(table: Table) -> None:
    records = told_in_turn([replace(FIRST, nonce=f"n{at}") for at in range(12)])

    await asyncio.gather(*(DynamoUsage(table).keep(records) for _ in range(4)))

    assert await sums(table) == {(DAY, "openai/gpt-4o-mini"): Used(calls=12, cost_nano=12 * 450_000)}


async def test_more_calls_than_one_transaction_takes_are_counted_all(table: Table) -> None:
    records = told_in_turn([replace(FIRST, nonce=f"n{at}") for at in range(120)])

    assert await DynamoUsage(table).keep(records) == []

    assert await sums(table) == {(DAY, "openai/gpt-4o-mini"): Used(calls=120, cost_nano=120 * 450_000)}


async def test_each_call_is_kept_by_itself_and_for_400_days(table: Table) -> None:
    await DynamoUsage(table).keep([record(FIRST)])

    [kept] = await table.query(Query(expression="pk = :p", values={":p": f"U#key000000001#{DAY}"}))

    assert kept == {
        "pk": f"U#key000000001#{DAY}",
        "sk": f"{NOON}#n1",
        "tn": "acme",
        "doc": render_use(FIRST),
        "ttl": NOON + 400 * 86_400,
    }


async def test_what_cannot_be_read_is_told_in_the_log_and_keeps_nothing_up(
    table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    broken = record(FIRST)
    broken["dynamodb"]["NewImage"][USE] = {"S": "{no json"}

    with caplog.at_level(logging.ERROR):
        waiting = await DynamoUsage(table).keep([broken, {"what": "is this"}, record(FIRST)])

    assert waiting == []
    assert [each.message for each in caplog.records] == ["usage_unreadable", "usage_unreadable"]
    assert await sums(table) == {(DAY, "openai/gpt-4o-mini"): Used(calls=1, cost_nano=450_000)}


async def test_other_items_tell_nothing(table: Table) -> None:
    answer = record(FIRST)
    answer["dynamodb"]["Keys"] = render_item({"pk": "T#acme#cache#0", "sk": "cache"})
    removed = record(FIRST)
    del removed["dynamodb"]["NewImage"]

    assert await DynamoUsage(table).keep([answer, removed, record(None)]) == []

    assert await sums(table) == {}


async def test_what_the_table_never_takes_is_told_in_the_log_alone(
    table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    endless = replace(FIRST, nonce="x" * 2000)

    with caplog.at_level(logging.ERROR):
        waiting = await DynamoUsage(table).keep(told_in_turn([endless, FIRST]))

    assert waiting == []
    assert [each.message for each in caplog.records] == ["usage_not_kept"]
    assert await sums(table) == {(DAY, "openai/gpt-4o-mini"): Used(calls=1, cost_nano=450_000)}


class _Closed(Table):
    """Says no to transactions."""

    def __init__(self, fault: str) -> None:
        self._fault = fault

    async def transact(self, writes: object) -> None:
        raise StoreRejected(self._fault)


async def test_what_could_not_be_kept_is_named_so_that_it_is_told_again() -> None:
    records = told_in_turn([FIRST, replace(FIRST, nonce="n2")])

    assert await DynamoUsage(_Closed("AccessDeniedException")).keep(records) == [1, 3]


async def test_an_answer_that_was_lost_counts_once(transport: Transport) -> None:
    lossy = LossyTransport(transport)
    table = await fresh_table(lossy)
    lossy.arm(0, 1)

    assert await DynamoUsage(table).keep(told_in_turn([FIRST, replace(FIRST, nonce="n2")])) == []

    assert await sums(table) == {(DAY, "openai/gpt-4o-mini"): Used(calls=2, cost_nano=900_000)}


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Use], list[list[int]]]:
    """Calls, and batches of their records: in any order, any of them any number of times, each at least once."""
    count = draw(st.integers(1, 8))
    uses = [
        replace(
            FIRST,
            nonce=f"n{at}",
            at=NOON + 86_400 * draw(st.integers(0, 2)),
            model=draw(st.sampled_from(["a", "b"])),
            cost_nano=draw(st.integers(0, USD)),
            tokens=Tokens(draw(st.integers(0, 5))),
        )
        for at in range(count)
    ]
    more = draw(st.lists(st.integers(0, count - 1), max_size=8))
    order = draw(st.permutations([*range(count), *more]))
    edges = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    return uses, [list(order[a:b]) for a, b in zip([0, *edges], [*edges, len(order)], strict=True)]


@settings(max_examples=40)
@given(deliveries())
async def test_any_redelivery_gives_the_same_sums(given_: tuple[list[Use], list[list[int]]]) -> None:
    uses, batches = given_
    async for transport in store_transport():
        table = await fresh_table(transport)
        for batch in batches:
            assert await DynamoUsage(table).keep([record(uses[at]) for at in batch]) == []
        found = await sums(table)

    expected: dict[tuple[str, str], Used] = {}
    for use in uses:
        row = (f"202611{22 + (use.at - NOON) // 86_400}", f"openai/{use.model}")
        one = Used(calls=1, cost_nano=use.cost_nano, input_tokens=use.tokens.input)
        expected[row] = expected.get(row, Used()) + one
    assert found == expected


async def test_days_are_read_across_months_and_for_one_key_alone(table: Table) -> None:
    usage, december = DynamoUsage(table), replace(FIRST, nonce="n2", at=NOON + 20 * 86_400)
    await usage.keep([record(FIRST), record(december), record(FIRST, key_id="key000000002")])

    both = await usage.days("key000000001", DAY, "20261212")
    one = await usage.days("key000000001", "20261123", "20261231")

    mine = DayOfUse(
        key_id="key000000001",
        tenant="acme",
        day=DAY,
        target="openai/gpt-4o-mini",
        used=Used(calls=1, cost_nano=450_000),
    )
    assert both == [mine, replace(mine, day="20261212")]
    assert one == [replace(mine, day="20261212")]
