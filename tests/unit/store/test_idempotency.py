"""Requests under an Idempotency-Key: one runs at a time, and what finished is given again."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from tests.stores import NOON, LossyTransport, fresh_table

from prxy.canonical.errors import IdempotencyConflict, IdempotencyKeyReused, NotReplayable
from prxy.canonical.parts import Text
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason, Usage
from prxy.providers.transport import Transport
from prxy.store.cache import LARGEST_BYTES
from prxy.store.idempotency import KEPT_S, DynamoIdempotency
from prxy.store.records import Once
from prxy.store.schema import DOCUMENT, once_at
from prxy.store.table import Table

FIRST = Once(key_id="aaaaaaaaaaaa", word="order-7", fingerprint="f1", nonce="n1")
AGAIN = replace(FIRST, nonce="n2")
LASTS_S = 870.0


class Clock:
    now = float(NOON)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(table: Table, clock: Clock) -> DynamoIdempotency:
    return DynamoIdempotency(table, clock=clock)


def make_response(text: str = "Hello") -> ChatResponse:
    choice = Choice(parts=(Text(text=text),), finish=Finish(reason=FinishReason.STOP))
    return ChatResponse(format="openai.chat", id="x", model="m", choices=(choice,), usage=Usage(input_tokens=1))


async def refusal(store: DynamoIdempotency, once: Once) -> tuple[int, str, bool | None]:
    with pytest.raises((IdempotencyConflict, IdempotencyKeyReused)) as refused:
        await store.claim(once, LASTS_S)
    return refused.value.status, refused.value.code, refused.value.should_retry


async def test_a_second_attempt_waits_for_the_first(store: DynamoIdempotency) -> None:
    assert await store.claim(FIRST, LASTS_S) is None

    assert await refusal(store, AGAIN) == (409, "idempotency_in_progress", None)


async def test_a_finished_attempt_is_given_again(store: DynamoIdempotency) -> None:
    await store.claim(FIRST, LASTS_S)
    await store.finish(FIRST, make_response("ü🦜"))

    assert await store.claim(AGAIN, LASTS_S) == make_response("ü🦜")
    assert await store.claim(replace(AGAIN, nonce="n3"), LASTS_S) == make_response("ü🦜")


@pytest.mark.parametrize("finished", [False, True])
async def test_a_key_stands_for_one_request(store: DynamoIdempotency, clock: Clock, *, finished: bool) -> None:
    await store.claim(FIRST, LASTS_S)
    if finished:
        await store.finish(FIRST, make_response())
    clock.now += LASTS_S

    assert await refusal(store, replace(AGAIN, fingerprint="f2")) == (422, "idempotency_key_reused", None)


async def test_an_abandoned_key_is_free_for_any_request(store: DynamoIdempotency) -> None:
    await store.claim(FIRST, LASTS_S)
    await store.abandon(FIRST)

    assert await store.claim(replace(AGAIN, fingerprint="f2"), LASTS_S) is None


async def test_an_attempt_that_must_be_dead_is_taken_over_once(store: DynamoIdempotency, clock: Clock) -> None:
    await store.claim(FIRST, LASTS_S)

    clock.now += LASTS_S - 1
    early = await refusal(store, AGAIN)
    clock.now += 1
    taken = await store.claim(AGAIN, LASTS_S)
    late = await refusal(store, replace(AGAIN, nonce="n3"))

    assert early == late == (409, "idempotency_in_progress", None)
    assert taken is None


async def test_an_attempt_that_was_taken_over_changes_nothing_any_more(store: DynamoIdempotency, clock: Clock) -> None:
    await store.claim(FIRST, LASTS_S)
    clock.now += LASTS_S
    await store.claim(AGAIN, LASTS_S)

    await store.abandon(FIRST)
    await store.finish(FIRST, make_response("late"))

    assert await refusal(store, replace(AGAIN, nonce="n3")) == (409, "idempotency_in_progress", None)


async def test_a_finished_attempt_cannot_be_abandoned(store: DynamoIdempotency) -> None:
    await store.claim(FIRST, LASTS_S)
    await store.finish(FIRST, make_response())

    await store.abandon(FIRST)

    assert await store.claim(AGAIN, LASTS_S) == make_response()


async def test_an_answer_is_kept_for_a_day(table: Table, store: DynamoIdempotency, clock: Clock) -> None:
    await store.claim(FIRST, LASTS_S)
    await store.finish(FIRST, make_response())

    clock.now += KEPT_S - 1
    in_time = await store.claim(AGAIN, LASTS_S)
    clock.now += 1
    too_late = await store.claim(replace(AGAIN, fingerprint="f2"), LASTS_S)

    assert in_time == make_response()
    assert too_late is None
    assert await table.get_item(once_at(FIRST.key_id, FIRST.word)) is not None


async def test_an_answer_too_large_to_keep_is_neither_given_nor_run_again(store: DynamoIdempotency) -> None:
    await store.claim(FIRST, LASTS_S)
    await store.finish(FIRST, make_response("x" * LARGEST_BYTES))

    assert await refusal(store, AGAIN) == (409, "idempotency_result_too_large", False)


async def test_an_answer_of_another_shape_is_not_run_again(table: Table, store: DynamoIdempotency) -> None:
    await store.claim(FIRST, LASTS_S)
    await store.finish(FIRST, make_response())
    place = once_at(FIRST.key_id, FIRST.word)
    await table.put_item({**(await table.get_item(place) or {}), DOCUMENT: "{}"})

    with pytest.raises(NotReplayable) as refused:
        await store.claim(AGAIN, LASTS_S)

    assert refused.value.code == "idempotency_result_unreadable"


async def test_no_key_finds_what_was_asked_with_another(store: DynamoIdempotency) -> None:
    await store.claim(FIRST, LASTS_S)
    await store.finish(FIRST, make_response())

    assert await store.claim(replace(AGAIN, key_id="bbbbbbbbbbbb"), LASTS_S) is None
    assert await store.claim(replace(AGAIN, word="order-8"), LASTS_S) is None


async def test_a_claim_whose_answer_was_lost_is_still_its_own(transport: Transport, clock: Clock) -> None:
    lossy = LossyTransport(transport)
    store = DynamoIdempotency(await fresh_table(lossy), clock=clock)

    lossy.arm(0)
    claimed = await store.claim(FIRST, LASTS_S)

    assert claimed is None
    assert await refusal(store, AGAIN) == (409, "idempotency_in_progress", None)


@pytest.mark.parametrize("end", ["finish", "abandon"])
async def test_an_end_whose_answer_was_lost_is_written_once(transport: Transport, clock: Clock, end: str) -> None:
    lossy = LossyTransport(transport)
    store = DynamoIdempotency(await fresh_table(lossy), clock=clock)
    await store.claim(FIRST, LASTS_S)

    lossy.arm(0)
    if end == "finish":
        await store.finish(FIRST, make_response())
    else:
        await store.abandon(FIRST)

    assert await store.claim(AGAIN, LASTS_S) == (make_response() if end == "finish" else None)


async def test_of_many_at_once_one_runs(store: DynamoIdempotency, clock: Clock) -> None:
    """Afresh, and again where all of them find a dead one."""
    for generation in range(2):
        clock.now += LASTS_S
        attempts = [replace(FIRST, nonce=f"{generation}-{number}") for number in range(50)]

        answers = await asyncio.gather(*(store.claim(attempt, LASTS_S) for attempt in attempts), return_exceptions=True)

        assert answers.count(None) == 1
        assert sum(isinstance(answer, IdempotencyConflict) for answer in answers) == 49


async def test_what_was_abandoned_is_free_for_a_host_whose_clock_is_behind(table: Table) -> None:
    behind = DynamoIdempotency(table, clock=lambda: NOON - 2)
    ahead = DynamoIdempotency(table, clock=lambda: NOON)
    first = Once(key_id="k", word="w", fingerprint="f", nonce="first")
    assert await ahead.claim(first, 60.0) is None
    await ahead.abandon(first)

    again = await behind.claim(replace(first, nonce="second"), 60.0)

    assert again is None
