"""A limit to the time that a coroutine waits: the limit, and everything that must be as if there were none."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from prxy.pipeline.waiting import within

PLENTY_S = 30.0
WORD: contextvars.ContextVar[str] = contextvars.ContextVar("word")


async def _gives(value: str, pauses: int = 0) -> str:
    for _ in range(pauses):
        await asyncio.sleep(0)
    return value


@pytest.mark.parametrize("pauses", [0, 1, 5])
async def test_what_the_work_gives_comes_back(pauses: int) -> None:
    assert await within(PLENTY_S, _gives("made", pauses)) == "made"


@pytest.mark.parametrize("pauses", [0, 1, 5])
async def test_what_the_work_raises_comes_back(pauses: int) -> None:
    async def breaks() -> None:
        await _gives("", pauses)
        raise KeyError("word")

    with pytest.raises(KeyError, match="word"):
        await within(PLENTY_S, breaks())


async def test_what_others_answer_reaches_the_work() -> None:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()
    fault: asyncio.Future[str] = loop.create_future()

    async def asks() -> str:
        told = await answer
        try:
            return await fault
        except OSError as error:
            return f"{told}, then {error}"

    loop.call_soon(answer.set_result, "yes")
    loop.call_soon(fault.set_exception, OSError("no"))

    assert await within(PLENTY_S, asks()) == "yes, then no"


async def test_work_that_waits_too_long_is_ended() -> None:
    ended = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(TimeoutError):
        await within(0.01, waits())

    assert ended == [True]


async def test_who_is_cancelled_cancels_the_work() -> None:
    begun, ended = asyncio.Event(), []

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(True)
            raise

    task = asyncio.create_task(within(PLENTY_S, waits()))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_a_limit_of_its_own_stays_the_works_own_matter() -> None:
    async def impatient() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "went on"
        return ""

    assert await within(PLENTY_S, impatient()) == "went on"


async def test_what_the_work_sets_in_its_context_stays_set() -> None:
    async def sets() -> None:
        WORD.set("first")
        await asyncio.sleep(0)
        WORD.set(WORD.get() + ", second")

    await within(PLENTY_S, sets())

    assert WORD.get() == "first, second"
