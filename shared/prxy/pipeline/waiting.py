"""A limit to the time that a coroutine waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar, cast

Made = TypeVar("Made")


async def within(budget_s: float, work: Coroutine[Any, Any, Made]) -> Made:
    """What it gives. Raises TimeoutError where it waits for longer.

    Nothing interrupts work that does not wait, so it is begun without a timer, which would cost more than most of it.
    """
    try:
        waits_for = work.send(None)
    except StopIteration as end:
        return cast("Made", end.value)
    async with asyncio.timeout(budget_s):
        return await _Rest(work, waits_for)


class _Rest(Generic[Made]):
    """Of work that has begun: what it waits for is given to the event loop, and what comes of it back to the work."""

    def __init__(self, work: Coroutine[Any, Any, Made], waits_for: object) -> None:
        self._work, self._waits_for = work, waits_for

    def __await__(self) -> Generator[object, None, Made]:
        work, waits_for = self._work, self._waits_for
        try:
            while True:
                try:
                    yield waits_for
                except BaseException as error:  # noqa: BLE001  # cancellation too is the work's to answer
                    waits_for = work.throw(error)
                else:
                    waits_for = work.send(None)
        except StopIteration as end:
            return cast("Made", end.value)
