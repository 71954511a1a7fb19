"""An attempt under an Idempotency-Key over a store that fails: nothing runs unclaimed, nothing fails that has run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from tests.stores import DeafTransport, LossyTransport, fresh_table, store_transport

from prxy.canonical.errors import IdempotencyConflict, InvalidRequest, StoreUnavailable
from prxy.canonical.parts import Text
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason
from prxy.idempotency import Attempt, attempting
from prxy.providers.transport import Transport
from prxy.store.idempotency import DynamoIdempotency
from prxy.store.records import Once

FIRST = Once(key_id="aaaaaaaaaaaa", word="order-7", fingerprint="f1", nonce="n1")
AGAIN = replace(FIRST, nonce="n2")
LEFT_S = 840.0
ALWAYS = 1000
ANSWER = ChatResponse(
    format="openai.chat",
    id="x",
    model="m",
    choices=(Choice(parts=(Text(text="Hello"),), finish=Finish(reason=FinishReason.STOP)),),
)


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async for each in store_transport():
        yield each


async def test_a_call_that_is_refused_gives_its_key_back(transport: Transport) -> None:
    store = DynamoIdempotency(await fresh_table(transport))

    with pytest.raises(InvalidRequest):
        async with attempting(store, FIRST, LEFT_S):
            raise InvalidRequest("no")

    async with attempting(store, AGAIN, LEFT_S) as attempt:
        assert attempt.replayed is None


async def test_a_call_that_is_cancelled_gives_its_key_back(transport: Transport) -> None:
    store = DynamoIdempotency(await fresh_table(transport))
    begun = asyncio.Event()

    async def call() -> None:
        async with attempting(store, FIRST, LEFT_S):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(call())
    await begun.wait()
    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()
    async with attempting(store, AGAIN, LEFT_S) as attempt:
        assert attempt.replayed is None


async def test_a_call_that_goes_on_keeps_its_key_until_its_end(transport: Transport) -> None:
    store = DynamoIdempotency(await fresh_table(transport))

    async with attempting(store, FIRST, LEFT_S) as first:
        pass
    with pytest.raises(IdempotencyConflict):
        await Attempt(store, AGAIN).begin(LEFT_S)
    await first.end(ANSWER)
    await first.end(None)
    async with attempting(store, AGAIN, LEFT_S) as second:
        pass
    await second.end(None)

    assert second.replayed == ANSWER
    assert await store.claim(replace(FIRST, nonce="n3"), LEFT_S) == ANSWER


async def test_a_store_that_does_not_answer_lets_nothing_run(transport: Transport) -> None:
    deaf = DeafTransport(transport)
    store = DynamoIdempotency(await fresh_table(deaf))

    deaf.deaf_for = ALWAYS
    with pytest.raises(StoreUnavailable):
        await Attempt(store, FIRST).begin(LEFT_S)


async def test_a_claim_that_nobody_confirmed_is_given_back(transport: Transport) -> None:
    """It was applied four times over, and every answer got lost."""
    lossy = LossyTransport(transport)
    store = DynamoIdempotency(await fresh_table(lossy))

    lossy.arm(0, 1, 2, 3)
    with pytest.raises(StoreUnavailable):
        await Attempt(store, FIRST).begin(LEFT_S)

    assert await store.claim(AGAIN, LEFT_S) is None


@pytest.mark.parametrize("response", [ANSWER, None], ids=["finished", "refused"])
async def test_an_end_that_cannot_be_kept_is_logged_and_fails_nothing(
    transport: Transport, caplog: pytest.LogCaptureFixture, response: ChatResponse | None
) -> None:
    deaf = DeafTransport(transport)
    store = DynamoIdempotency(await fresh_table(deaf))
    attempt = Attempt(store, FIRST)
    await attempt.begin(LEFT_S)

    deaf.deaf_for = ALWAYS
    with caplog.at_level(logging.ERROR):
        await attempt.end(response)
        await attempt.written()

    assert [record.message for record in caplog.records] == ["idempotency_not_kept"]


async def test_a_slow_store_holds_the_end_for_a_second(transport: Transport) -> None:
    """The write goes on behind it."""
    released, loop = asyncio.Event(), asyncio.get_running_loop()

    class Slow(DynamoIdempotency):
        async def finish(self, once: Once, response: ChatResponse) -> None:
            await released.wait()
            await super().finish(once, response)

    store = Slow(await fresh_table(transport))
    attempt = Attempt(store, FIRST)
    await attempt.begin(LEFT_S)

    started = loop.time()
    await attempt.end(ANSWER)
    waited_s = loop.time() - started
    released.set()
    await attempt.written()

    assert 0.9 < waited_s < 3
    assert await store.claim(AGAIN, LEFT_S) == ANSWER
