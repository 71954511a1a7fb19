"""Connections that wait for their next request."""

from __future__ import annotations

from prxy.providers.lean.address import Origin
from prxy.providers.lean.connection import Connection

MAX_IDLE_PER_ORIGIN = 128
MAX_IDLE_S = 30.0
"""Below the idle limit of the vendors' front ends (60 s and more), so that it is we who close."""


class Pool:
    """Last in, first out: the few most recently used connections stay warm, the others age and are closed.

    Closing happens when the pool is touched; there is no timer that would keep a frozen process busy.
    """

    def __init__(self) -> None:
        self._idle: dict[Origin, list[Connection]] = {}

    def take(self, origin: Origin, now: float) -> Connection | None:
        """A connection that is open and silent, or None."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if now < connection.usable_until and not connection.is_stale():
                return connection
            connection.abort()
        return None

    def put(self, connection: Connection, now: float, max_idle_s: float = MAX_IDLE_S) -> None:
        """Keep a connection for at most that many seconds, if it allows that."""
        connection.usable_until = now + min(MAX_IDLE_S, max_idle_s)
        idle = self._idle.setdefault(connection.origin, [])
        if idle and (idle[0].usable_until <= now or len(idle) >= MAX_IDLE_PER_ORIGIN):
            idle.pop(0).abort()
        idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """The connection was lost."""
        idle = self._idle.get(connection.origin, [])
        if connection in idle:
            idle.remove(connection)
