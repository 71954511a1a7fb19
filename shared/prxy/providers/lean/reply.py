"""One exchange: what has come of a reply, and how long the caller will wait for the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Protocol

from prxy.canonical.errors import ProviderError, ProviderTimeout
from prxy.providers.lean.alarm import Alarm
from prxy.providers.limits import TOO_SLOW
from prxy.providers.transport import Deadlines


class Source(Protocol):
    """Where a reply comes from, while it comes."""

    alarm: Alarm
    """Rings `overdue`."""

    def resume(self) -> None: ...
    def abort(self) -> None: ...


class LeanReply:
    """Filled by its connection, drained by its caller; lives on alone once the last byte is in."""

    __slots__ = (
        "_asked",
        "_deadlines",
        "_error",
        "_loop",
        "_parts",
        "_total_at",
        "_waiter",
        "bodiless",
        "connection",
        "ended",
        "headers",
        "held_bytes",
        "status",
    )

    def __init__(self, deadlines: Deadlines, total_at: float, *, bodiless: bool) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.connection: Source | None = None
        self.ended = False
        """Nothing more will come, for better or worse."""
        self.held_bytes = 0
        """Received and not yet taken by the caller."""
        self.bodiless = bodiless
        """Whether the head announces a body that does not come (HEAD)."""
        self._loop = asyncio.get_running_loop()
        self._deadlines = deadlines
        self._total_at = total_at
        self._parts: list[bytes] = []
        self._error: ProviderError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._asked = False

    # What the connection brings

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers

    def add(self, parts: Iterable[bytes], size: int) -> None:
        self._parts += parts
        self.held_bytes += size

    def end(self, error: ProviderError | None = None) -> None:
        """The body is complete, or will never be. What came before stays readable."""
        if self.ended:
            return
        self.ended = True
        self._error = error
        if self.connection is not None:
            self.connection.alarm.rest()
            self.connection = None
        self.wake()

    def wake(self) -> None:
        """Let the caller look, if it waits and there is something to see."""
        waiter = self._waiter
        if not self.status and not self.ended:
            return
        if waiter is not None and (self.ended or self._parts or not self._asked) and not waiter.done():
            waiter.set_result(None)

    # What the caller asks for

    async def wait_for_head(self) -> None:
        """Raises what ended the reply before it began. Whichever way this is left early, the connection is closed."""
        try:
            if not self.ended and not self.status:
                await self._wait(self._deadlines.first_byte_s)
        except BaseException:  # a cancellation can meet a head that has just come, which nobody will read on from
            self._abandon()
            raise
        if self._error is not None and not self.status:
            raise self._error

    def chunks(self) -> AsyncIterator[bytes]:
        assert not self._asked, "the body of a reply may be asked for once"
        self._asked = True
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """What has come since the last time. A cancelled wait loses nothing: ask again, or `aclose`."""
        while not self._parts:
            if self.ended:
                raise self._error or StopAsyncIteration
            await self._wait(self._deadlines.idle_s)
        parts = self._take()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def read(self) -> bytes:
        parts = self._take()
        while not self.ended:
            await self._wait(self._deadlines.idle_s)
            parts += self._take()
        if self._error is not None:
            raise self._error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _take(self) -> list[bytes]:
        parts, self._parts = self._parts, []
        self.held_bytes = 0
        if self.connection is not None:
            self.connection.resume()
        return parts

    async def aclose(self) -> None:
        self._parts = []
        self._abandon()

    def _abandon(self, error: ProviderError | None = None) -> None:
        connection = self.connection
        if connection is not None:
            connection.abort()
        self.end(error)

    async def _wait(self, limit_s: float) -> None:
        """Until there is something to see. Every limit counts from here: time the caller spent elsewhere is its own."""
        if self.connection is not None:
            self.connection.alarm.set(min(self._loop.time() + limit_s, self._total_at))
        self._waiter = waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def overdue(self) -> None:
        """The alarm rang. While the caller is elsewhere, only the whole may be late."""
        if self._waiter is None and self.connection is not None and self._loop.time() < self._total_at:
            self.connection.alarm.set(self._total_at)
        else:
            self._abandon(ProviderTimeout(TOO_SLOW))
