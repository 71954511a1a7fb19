"""Circuit breakers and lessons that processes share, and latencies that they do not."""

from __future__ import annotations

import asyncio

import pytest
from tests.stores import NOON, CountingTransport, DeafTransport, fresh_table, store_transport

from prxy.canonical.errors import StoreUnavailable
from prxy.store.breakers import FAILURES_TO_OPEN, FRESH_S, JITTER_S, LASTS_S, OPEN_S, WINDOW_S, DynamoBreakers
from prxy.store.learning import MOST_KNOWN, STALE_S, DynamoLessons, OwnLatencies
from prxy.store.ports import Circuit, Lesson
from prxy.store.schema import breaker_at, lesson_at
from prxy.store.table import Table

MODEL = "openai/gpt-4o-mini"
OTHER = "anthropic/claude-sonnet-4-5"


class Clock:
    now = float(NOON)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breakers(table: Table, clock: Clock) -> DynamoBreakers:
    return DynamoBreakers(table, lambda: 0.5, clock=clock)


@pytest.fixture
def elsewhere(table: Table, clock: Clock) -> DynamoBreakers:
    """Another process."""
    return DynamoBreakers(table, lambda: 0.5, clock=clock)


@pytest.fixture
def lessons(table: Table, clock: Clock) -> DynamoLessons:
    return DynamoLessons(table, clock=clock)


async def stands(breakers: DynamoBreakers, target: str = MODEL, tenant: str = "acme") -> Circuit:
    return (await breakers.look(tenant, [target]))[target]


async def fail(breakers: DynamoBreakers, times: int = FAILURES_TO_OPEN) -> None:
    for _ in range(times):
        await breakers.failed("acme", MODEL)


# Breakers


async def test_a_target_opens_with_the_failure_that_is_one_too_many(breakers: DynamoBreakers) -> None:
    await fail(breakers, FAILURES_TO_OPEN - 1)
    before = await stands(breakers)

    await fail(breakers, 1)

    assert (before, await stands(breakers)) == (Circuit.CLOSED, Circuit.OPEN)


async def test_failures_of_all_processes_count_together_and_all_learn_of_it(
    breakers: DynamoBreakers, elsewhere: DynamoBreakers, clock: Clock
) -> None:
    await fail(breakers, FAILURES_TO_OPEN - 2)
    await fail(elsewhere, 2)

    clock.now += FRESH_S

    assert await stands(breakers) is Circuit.OPEN
    assert await stands(elsewhere) is Circuit.OPEN


async def test_failures_at_once_are_all_counted(
    table: Table, breakers: DynamoBreakers, elsewhere: DynamoBreakers, clock: Clock
) -> None:
    await fail(breakers, 1)

    await asyncio.gather(*(each.failed("acme", MODEL) for each in (breakers, elsewhere) * 2))

    assert await stands(DynamoBreakers(table, lambda: 0.5, clock=clock)) is Circuit.OPEN


async def test_no_tenant_opens_a_target_for_another(breakers: DynamoBreakers, elsewhere: DynamoBreakers) -> None:
    await fail(breakers)

    assert await stands(elsewhere, tenant="other") is Circuit.CLOSED
    assert await stands(elsewhere, target=OTHER) is Circuit.CLOSED
    assert await stands(elsewhere) is Circuit.OPEN


async def test_an_item_that_names_another_tenant_says_nothing(table: Table, breakers: DynamoBreakers) -> None:
    await fail(breakers)
    item = await table.get_item(breaker_at("acme", MODEL))
    await table.put_item({**(item or {}), **breaker_at("other", MODEL)})

    assert await stands(breakers, tenant="other") is Circuit.CLOSED


async def test_failures_of_an_earlier_window_are_forgotten(breakers: DynamoBreakers, clock: Clock) -> None:
    await fail(breakers, FAILURES_TO_OPEN - 1)

    clock.now += WINDOW_S
    await fail(breakers, FAILURES_TO_OPEN - 1)

    assert await stands(breakers) is Circuit.CLOSED


async def test_an_answer_between_failures_forgives_them(breakers: DynamoBreakers) -> None:
    await fail(breakers, FAILURES_TO_OPEN - 1)

    await breakers.answered("acme", MODEL)
    await fail(breakers, FAILURES_TO_OPEN - 1)

    assert await stands(breakers) is Circuit.CLOSED


async def test_one_process_alone_gets_the_try_of_a_half_open_target(
    breakers: DynamoBreakers, elsewhere: DynamoBreakers, clock: Clock
) -> None:
    await fail(breakers)
    clock.now += OPEN_S
    found = await stands(breakers), await stands(elsewhere)

    tries = await asyncio.gather(*(each.may_try("acme", MODEL) for each in (breakers, elsewhere, breakers, elsewhere)))

    assert found == (Circuit.HALF_OPEN, Circuit.HALF_OPEN)
    assert sorted(tries) == [False, False, False, True]
    assert (await stands(breakers), await stands(elsewhere)) == (Circuit.OPEN, Circuit.OPEN)


async def test_a_try_that_answers_closes_the_target_for_all(
    table: Table, breakers: DynamoBreakers, elsewhere: DynamoBreakers, clock: Clock
) -> None:
    await fail(breakers)
    clock.now += OPEN_S
    await stands(breakers)
    tried = await breakers.may_try("acme", MODEL)

    await breakers.answered("acme", MODEL)

    assert tried
    assert (await stands(breakers), await stands(elsewhere)) == (Circuit.CLOSED, Circuit.CLOSED)
    assert await table.get_item(breaker_at("acme", MODEL)) is None


async def test_a_try_that_fails_or_dies_leaves_the_target_open_until_the_next(
    breakers: DynamoBreakers, clock: Clock, transport: CountingTransport
) -> None:
    await fail(breakers)
    clock.now += OPEN_S
    await breakers.may_try("acme", MODEL)
    transport.operations.clear()

    await breakers.failed("acme", MODEL)
    at_once = await stands(breakers)
    clock.now += OPEN_S

    assert (at_once, await stands(breakers)) == (Circuit.OPEN, Circuit.HALF_OPEN)
    assert "UpdateItem" not in transport.operations


async def test_a_half_open_target_that_fails_without_a_try_opens_again(breakers: DynamoBreakers, clock: Clock) -> None:
    await fail(breakers)
    clock.now += OPEN_S
    await stands(breakers)

    await breakers.failed("acme", MODEL)

    assert await stands(breakers) is Circuit.OPEN


@pytest.mark.parametrize(("chance", "longer_s"), [(0.0, -JITTER_S), (0.999999, JITTER_S - 1)])
async def test_processes_come_back_at_different_times(table: Table, clock: Clock, chance: float, longer_s: int) -> None:
    breakers = DynamoBreakers(table, lambda: chance, clock=clock)
    await fail(breakers)

    clock.now += OPEN_S + longer_s - 1
    before = await stands(breakers)
    clock.now += 1

    assert (before, await stands(breakers)) == (Circuit.OPEN, Circuit.HALF_OPEN)


async def test_a_process_reads_every_few_seconds_and_writes_nothing_while_all_is_well(
    breakers: DynamoBreakers, clock: Clock, transport: CountingTransport
) -> None:
    transport.operations.clear()

    for _ in range(20):
        await asyncio.gather(*(breakers.look("acme", [MODEL, OTHER]) for _ in range(3)))
        await breakers.answered("acme", MODEL)
        clock.now += FRESH_S / 10

    assert transport.operations == ["BatchGetItem", "BatchGetItem"]


async def test_failures_of_an_open_target_cost_no_write(breakers: DynamoBreakers, transport: CountingTransport) -> None:
    await fail(breakers)
    transport.operations.clear()

    await fail(breakers, 10)

    assert transport.operations == []


async def test_what_is_past_its_time_says_nothing_though_the_store_has_not_deleted_it(
    table: Table, breakers: DynamoBreakers, elsewhere: DynamoBreakers, clock: Clock
) -> None:
    await fail(breakers)

    clock.now += LASTS_S

    assert await table.get_item(breaker_at("acme", MODEL)) is not None
    assert await stands(elsewhere) is Circuit.CLOSED


async def test_a_store_that_does_not_answer_is_told_and_not_asked_again_at_once(clock: Clock) -> None:
    async for transport in store_transport():
        deaf = DeafTransport(transport)
        counting = CountingTransport(deaf)
        breakers = DynamoBreakers(await fresh_table(counting), lambda: 0.5, clock=clock)
        await fail(breakers)
        counting.operations.clear()
        clock.now += FRESH_S
        deaf.deaf_for = 100

        with pytest.raises(StoreUnavailable):
            await stands(breakers)
        asked = len(counting.operations)
        again = await stands(breakers)

        assert again is Circuit.OPEN
        assert len(counting.operations) == asked


# Lessons


async def test_lessons_add_up_over_processes(table: Table, lessons: DynamoLessons, clock: Clock) -> None:
    for reward in (1_000, 850, 0):
        await lessons.learn("acme", "what is the", MODEL, reward)
    await DynamoLessons(table, clock=clock).learn("acme", "what is the", MODEL, 150)

    found = await lessons.recall("acme", "what is the", [MODEL, OTHER])

    assert found == {MODEL: Lesson(count=4, reward_milli=2_000), OTHER: Lesson()}
    assert found[MODEL].mean_milli == 500
    assert found[OTHER].mean_milli == 0


async def test_lessons_are_read_once_a_minute_and_ones_own_are_known_at_once(
    lessons: DynamoLessons, clock: Clock, transport: CountingTransport
) -> None:
    await lessons.recall("acme", "b", [MODEL, OTHER])
    transport.operations.clear()

    await lessons.learn("acme", "b", MODEL, 700)
    clock.now += 59
    soon = await lessons.recall("acme", "b", [OTHER, MODEL])
    clock.now += 1
    later = await lessons.recall("acme", "b", [OTHER, MODEL])

    assert soon == later == {MODEL: Lesson(count=1, reward_milli=700), OTHER: Lesson()}
    assert transport.operations == ["UpdateItem", "BatchGetItem"]


async def test_lessons_of_other_tenants_and_other_questions_do_not_count(lessons: DynamoLessons) -> None:
    await lessons.learn("acme", "b", MODEL, 700)

    assert await lessons.recall("other", "b", [MODEL]) == {MODEL: Lesson()}
    assert await lessons.recall("acme", "c", [MODEL]) == {MODEL: Lesson()}


async def test_a_lesson_that_names_another_tenant_is_none(table: Table, lessons: DynamoLessons) -> None:
    await lessons.learn("acme", "b", MODEL, 700)
    item = await table.get_item(lesson_at("acme", "b", MODEL))
    await table.put_item({**(item or {}), **lesson_at("other", "b", MODEL)})

    assert await lessons.recall("other", "b", [MODEL]) == {MODEL: Lesson()}


async def test_lessons_are_forgotten_after_thirty_days(table: Table, lessons: DynamoLessons, clock: Clock) -> None:
    await lessons.learn("acme", "b", MODEL, 700)

    clock.now += 30 * 86_400

    assert await lessons.recall("acme", "b", [MODEL]) == {MODEL: Lesson()}


async def test_no_words_of_a_prompt_are_stored(table: Table, lessons: DynamoLessons) -> None:
    await lessons.learn("acme", "my secret words", MODEL, 700)

    item = await table.get_item(lesson_at("acme", "my secret words", MODEL))

    assert item is not None
    assert "secret" not in str(item)


# Latencies


def test_a_latency_follows_what_is_measured_slowly(clock: Clock) -> None:
    latencies = OwnLatencies(clock=clock)

    for seconds in (1.0, 2.0):
        latencies.note("acme", MODEL, stream=True, seconds=seconds)

    assert latencies.known("acme", MODEL, stream=True) == pytest.approx(1.3)
    assert latencies.known("acme", MODEL, stream=False) is None
    assert latencies.known("other", MODEL, stream=True) is None


def test_a_latency_that_is_not_measured_any_more_is_forgotten(clock: Clock) -> None:
    latencies = OwnLatencies(clock=clock)
    latencies.note("acme", MODEL, stream=True, seconds=9.0)

    clock.now += STALE_S
    forgotten = latencies.known("acme", MODEL, stream=True)
    latencies.note("acme", MODEL, stream=True, seconds=1.0)

    assert forgotten is None
    assert latencies.known("acme", MODEL, stream=True) == 1.0


def test_a_process_remembers_no_more_than_its_share(clock: Clock) -> None:
    latencies = OwnLatencies(clock=clock)

    for number in range(MOST_KNOWN + 1):
        latencies.note("acme", f"openai/model-{number}", stream=True, seconds=1.0)

    assert latencies.known("acme", "openai/model-0", stream=True) is None
    assert latencies.known("acme", "openai/model-1", stream=True) == 1.0
