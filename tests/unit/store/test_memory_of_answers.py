"""The response cache and the memory of signed reasoning."""

from __future__ import annotations

import pytest
from tests.stores import NOON, CountingTransport

from prxy.canonical.parts import Part, Reasoning, Signature, Text, ToolCall
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason, Usage
from prxy.store.cache import LARGEST_BYTES, DynamoResponseCache
from prxy.store.reasoning import DynamoReasoningMemory
from prxy.store.schema import cached_response_at, reasoning_at
from prxy.store.table import Table

THOUGHTS: tuple[Part, ...] = (
    Reasoning(text="", signature=Signature(format="anthropic.messages", value="EqQB=="), redacted=True),
    Text(text="Let me see 🦜"),
)


class Clock:
    now = float(NOON)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(table: Table, clock: Clock) -> DynamoResponseCache:
    return DynamoResponseCache(table, clock=clock)


@pytest.fixture
def memory(table: Table, clock: Clock) -> DynamoReasoningMemory:
    return DynamoReasoningMemory(table, clock=clock)


def make_response(text: str = "Hello") -> ChatResponse:
    choice = Choice(
        parts=(Text(text=text), ToolCall(id="1", name="f", arguments='{"a": 1.0}')),
        finish=Finish(reason=FinishReason.TOOL_CALL),
    )
    return ChatResponse(
        format="openai.chat", id="x", model="m", choices=(choice,), usage=Usage(input_tokens=1, output_tokens=2)
    )


async def test_an_answer_comes_back_as_it_was_kept(cache: DynamoResponseCache) -> None:
    await cache.put("acme", "d1", make_response(), 60)

    assert await cache.get("acme", "d1") == make_response()
    assert await cache.get("acme", "d2") is None


async def test_no_tenant_finds_the_answers_of_another(cache: DynamoResponseCache) -> None:
    await cache.put("acme", "d1", make_response(), 60)
    await cache.put("acme#cache#b", "d1", make_response(), 60)

    assert await cache.get("other", "d1") is None
    assert await cache.get("acme#cache", "b#d1") is None


async def test_an_entry_that_names_another_tenant_is_no_entry(table: Table, cache: DynamoResponseCache) -> None:
    await cache.put("acme", "d1", make_response(), 60)
    item = await table.get_item(cached_response_at("acme", "d1"))
    await table.put_item({**(item or {}), **cached_response_at("other", "d1")})

    assert await cache.get("other", "d1") is None


async def test_an_expired_answer_is_gone_though_the_store_has_not_deleted_it(
    table: Table, cache: DynamoResponseCache, clock: Clock
) -> None:
    await cache.put("acme", "d1", make_response(), 60)

    clock.now += 59
    in_time = await cache.get("acme", "d1")
    clock.now += 1
    too_late = await cache.get("acme", "d1")

    assert in_time is not None
    assert too_late is None
    assert await table.get_item(cached_response_at("acme", "d1")) is not None


async def test_an_answer_of_an_older_shape_is_no_entry(table: Table, cache: DynamoResponseCache) -> None:
    place = cached_response_at("acme", "d1")
    await table.put_item({**place, "tn": "acme", "ttl": NOON + 60, "doc": '{"format": "openai.chat"}'})

    assert await cache.get("acme", "d1") is None


async def test_an_answer_too_large_for_an_item_is_not_kept(
    cache: DynamoResponseCache, transport: CountingTransport
) -> None:
    transport.operations.clear()

    await cache.put("acme", "large", make_response("a" * LARGEST_BYTES), 60)
    await cache.put("acme", "fits", make_response("a" * (LARGEST_BYTES - 1_000)), 60)

    assert transport.operations == ["PutItem"]
    assert await cache.get("acme", "large") is None
    assert await cache.get("acme", "fits") is not None


async def test_thoughts_are_found_by_another_process_in_one_read(
    table: Table, memory: DynamoReasoningMemory, clock: Clock, transport: CountingTransport
) -> None:
    for call_id in ("call_1", "call_2", "call#3" + "x" * 3_000):
        await memory.put("acme", call_id, THOUGHTS)
    elsewhere = DynamoReasoningMemory(table, clock=clock)
    transport.operations.clear()

    found = await elsewhere.get("acme", ["call_1", "call_2", "call_2", "call#3" + "x" * 3_000, "unknown"])
    again = await elsewhere.get("acme", ["call_2", "call_1"])

    assert set(found) == {"call_1", "call_2", "call#3" + "x" * 3_000}
    assert found["call_1"] == THOUGHTS
    assert again["call_2"] == THOUGHTS
    assert transport.operations == ["BatchGetItem"]


async def test_the_next_turn_in_the_same_process_costs_no_read(
    memory: DynamoReasoningMemory, transport: CountingTransport
) -> None:
    transport.operations.clear()
    await memory.put("acme", "call_1", THOUGHTS)

    assert await memory.get("acme", ["call_1"]) == {"call_1": THOUGHTS}
    assert await memory.get("acme", []) == {}
    assert transport.operations == ["PutItem"]


async def test_no_tenant_finds_the_thoughts_of_another(table: Table, memory: DynamoReasoningMemory) -> None:
    await memory.put("acme", "call_1", THOUGHTS)
    item = await table.get_item(reasoning_at("acme", "call_1"))
    await table.put_item({**(item or {}), **reasoning_at("thief", "call_1")})

    assert await memory.get("other", ["call_1"]) == {}
    assert await memory.get("thief", ["call_1"]) == {}


async def test_thoughts_are_forgotten_after_a_day(table: Table, memory: DynamoReasoningMemory, clock: Clock) -> None:
    await memory.put("acme", "call_1", THOUGHTS)
    clock.now += 24 * 3600

    assert await memory.get("acme", ["call_1"]) == {}
    assert await DynamoReasoningMemory(table, clock=clock).get("acme", ["call_1"]) == {}
