"""The lean adapter of the transport port."""

from __future__ import annotations

import asyncio
import re

from prxy.canonical.errors import ProviderConnectionFailed
from prxy.providers.lean.address import Origin, locate
from prxy.providers.lean.connection import Connection
from prxy.providers.lean.head import render_head
from prxy.providers.lean.pool import Pool
from prxy.providers.lean.reply import LeanReply
from prxy.providers.limits import NO_CONNECTION, TOO_SLOW_TO_CONNECT
from prxy.providers.tls import tls_context
from prxy.providers.transport import HttpRequest

_NEXT_ADDRESS_S = 0.25
"""How long one of a host's addresses may take before the next is tried beside it (RFC 8305, section 8)."""

BUFFER_BYTES = 64 * 1024
"""One for all connections: what was read is copied out of it before the loop goes on."""

_KEEP_ALIVE = re.compile(r"\btimeout=(\d{1,6})\b", re.IGNORECASE)


class LeanTransport:
    """Belongs to the event loop of its first request; on another loop it starts over with an empty pool."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool = Pool()
        self._open: set[Connection] = set()
        self._buffer = bytearray(BUFFER_BYTES)

    async def send(self, request: HttpRequest) -> LeanReply:
        loop = self._current_loop()
        started = loop.time()
        address = locate(request.url)
        head = render_head(request, address)
        total_at = started + request.deadlines.total_s
        connection = self._pool.take(address.origin, started)
        if connection is None:
            connection = await self._connect(address.origin, min(started + request.deadlines.connect_s, total_at))
        reply = LeanReply(request.deadlines, total_at, bodiless=request.method == "HEAD")
        connection.exchange(reply, head, request.body)
        await reply.wait_for_head()
        return reply

    async def aclose(self) -> None:
        """Close every connection, those with a reply under way included."""
        for connection in tuple(self._open):
            connection.abort()
        while self._open:  # noqa: ASYNC110  # an event per connection would cost every call for this one moment
            await asyncio.sleep(0)

    def _current_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._pool, self._open = loop, Pool(), set()
        return loop

    async def _connect(self, origin: Origin, at: float) -> Connection:
        """Raises ProviderConnectionFailed. The deadline covers name, TCP and TLS."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(at):
                _, connection = await loop.create_connection(
                    lambda: Connection(origin, self),
                    origin.host,
                    origin.port,
                    ssl=tls_context() if origin.scheme == "https" else None,
                    happy_eyeballs_delay=None if _is_literal(origin.host) else _NEXT_ADDRESS_S,
                )
        except TimeoutError as error:
            raise ProviderConnectionFailed(TOO_SLOW_TO_CONNECT) from error
        except (OSError, UnicodeError) as error:
            raise ProviderConnectionFailed(NO_CONNECTION) from error
        self._open.add(connection)
        return connection

    # What connections report

    def finished(self, connection: Connection, keep_alive: str | None) -> None:
        """A second is kept back from the time that the other end promised."""
        promised = _KEEP_ALIVE.search(keep_alive) if keep_alive else None
        now = asyncio.get_running_loop().time()
        if promised:
            self._pool.put(connection, now, int(promised[1]) - 1.0)
        else:
            self._pool.put(connection, now)

    def buffer(self) -> bytearray:
        return self._buffer

    def lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._pool.forget(connection)


def _is_literal(host: str) -> bool:
    """A single address has no next one, and asyncio's race of them, cancelled as it ends, leaves a socket open."""
    return ":" in host or host[-1].isdigit()
