"""A call under an Idempotency-Key: who may run it, and what the next one with the same key is given."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prxy.canonical.errors import StoreUnavailable
from prxy.canonical.response import ChatResponse
from prxy.store.ports import Idempotency
from prxy.store.records import Once

MARGIN_S = 30.0
"""What modules, the ledger and the clocks of two hosts may add to a call's own deadline."""
HOLDS_S = 1.0
"""How long the terminal event may wait for the store; the write itself goes on behind it."""

_log = logging.getLogger(__name__)


class Attempt:
    """Ends once, in an answer that is kept or in none; a second ending changes nothing."""

    def __init__(self, store: Idempotency, once: Once) -> None:
        self._store, self._once = store, once
        self._writing: asyncio.Task[None] | None = None
        self.replayed: ChatResponse | None = None
        """What an earlier attempt was answered; this one runs nothing then."""

    async def begin(self, deadline_s: float) -> None:
        """Raises IdempotencyConflict, IdempotencyKeyReused and StoreUnavailable."""
        try:
            self.replayed = await self._store.claim(self._once, deadline_s + MARGIN_S)
        except StoreUnavailable:
            await self.end(None)  # the claim may have been applied all the same
            await self.written()
            raise

    async def end(self, response: ChatResponse | None) -> None:
        """Keep the answer, or let the next attempt run. Waits 1 s at the most."""
        if self.replayed is not None:
            return
        if self._writing is None:
            self._writing = asyncio.ensure_future(self._write(response))
        await asyncio.wait({self._writing}, timeout=HOLDS_S)

    async def _write(self, response: ChatResponse | None) -> None:
        try:
            if response is None:
                await self._store.abandon(self._once)
            else:
                await self._store.finish(self._once, response)
        except StoreUnavailable:
            _log.error("idempotency_not_kept", extra={"key_id": self._once.key_id, "finished": response is not None})

    async def written(self) -> None:
        """Wait until the store has the end of this attempt, however long its retries take."""
        if self._writing is not None:
            await self._writing


@asynccontextmanager
async def attempting(store: Idempotency, once: Once, deadline_s: float) -> AsyncIterator[Attempt]:
    """An attempt that has begun; it ends here where the block raises, and otherwise with the call."""
    attempt = Attempt(store, once)
    await attempt.begin(deadline_s)
    try:
        yield attempt
    except BaseException:
        await asyncio.shield(attempt.end(None))
        await asyncio.shield(attempt.written())
        raise
