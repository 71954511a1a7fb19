"""Equal questions at the same time: one is asked, the others wait for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from prxy.canonical.response import ChatResponse

Answer = asyncio.Future[ChatResponse | None]


class Flights:
    """Of one process."""

    def __init__(self) -> None:
        self._running: dict[Hashable, Answer] = {}

    def lead(self, question: Hashable) -> bool:
        """Whether the caller is the first to ask; it must `land` then, however the call ends."""
        if question in self._running:
            return False
        self._running[question] = asyncio.get_running_loop().create_future()
        return True

    async def follow(self, question: Hashable, timeout_s: float) -> ChatResponse | None:
        """What the first one is answered; None where that is nothing to keep, or takes too long."""
        running = self._running.get(question)
        if running is None:
            return None
        try:
            return await asyncio.wait_for(asyncio.shield(running), timeout_s)
        except TimeoutError:
            return None

    def land(self, question: Hashable, answer: ChatResponse | None) -> None:
        running = self._running.pop(question, None)
        if running is not None and not running.done():
            running.set_result(answer)
