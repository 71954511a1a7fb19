"""One exchange: what has come of a reply, and how long the caller will wait for the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from prxy.canonical.errors import ProviderError, ProviderTimeout
from prxy.providers.limits import TOO_SLOW
from prxy.providers.transport import Deadlines


class Source(Protocol):
    """Where a reply comes from, while it comes."""

    def resume(self) -> None: ...
    def abort(self) -> None: ...


class LeanReply:
    """Filled by its connection, drained by its caller; lives on alone once the last byte is in.

    One timer serves all deadlines. It is set when the caller begins to wait and not touched by reads: when it fires it
    looks at what is due by then and, mostly, goes back to sleep.
    """

    __slots__ = (
        "_alarm",
        "_asked",
        "_bodiless_method",
        "_deadlines",
        "_due",
        "_error",
        "_loop",
        "_parts",
        "_total_at",
        "_waiter",
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
        self._loop = asyncio.get_running_loop()
        self._deadlines = deadlines
        self._total_at = total_at
        self._due = total_at
        self._bodiless_method = bodiless
        self._parts: list[bytes] = []
        self._error: ProviderError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._asked = False

    # What the connection brings

    @property
    def bodiless(self) -> bool:
        """Whether the head announces a body that does not come (HEAD)."""
        return self._bodiless_method

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers

    def add(self, data: bytes) -> None:
        self._parts.append(data)
        self.held_bytes += len(data)

    def end(self, error: ProviderError | None = None) -> None:
        """The body is complete, or will never be. What came before stays readable."""
        if self.ended:
            return
        self.ended = True
        self.connection = None
        self._error = error
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
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
            if self._error is not None:
                raise self._error
            if self.ended:
                raise StopAsyncIteration
            if self.connection is not None:
                self.connection.resume()
            await self._wait(self._deadlines.idle_s)
        parts, self._parts = self._parts, []
        self.held_bytes = 0
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    async def aclose(self) -> None:
        self._parts = []
        self._abandon()

    def _abandon(self) -> None:
        connection = self.connection
        if connection is not None:
            connection.abort()
        self.end()

    # Deadlines

    async def _wait(self, limit_s: float) -> None:
        """Until there is something to see. Every limit counts from here: time the caller spent elsewhere is its own."""
        self._due = due = min(self._loop.time() + limit_s, self._total_at)
        alarm = self._alarm
        if alarm is None or alarm.when() > due:
            self._set_alarm(due)
        self._waiter = waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _set_alarm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(at, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        now = self._loop.time()
        if now >= self._total_at or (self._waiter is not None and now >= self._due):
            connection = self.connection
            self.end(ProviderTimeout(TOO_SLOW))
            if connection is not None:
                connection.abort()
        else:
            self._set_alarm(self._total_at if self._waiter is None else self._due)
