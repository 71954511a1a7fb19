"""One socket: bytes in, the reply that is under way out."""

from __future__ import annotations

import asyncio
import select
import ssl
from contextlib import suppress
from typing import NoReturn, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from prxy.canonical.errors import ProviderBadResponse, ProviderError, ProviderStreamInterrupted
from prxy.providers.lean.address import Origin
from prxy.providers.lean.alarm import Alarm
from prxy.providers.lean.reply import LeanReply
from prxy.providers.limits import (
    BODY_TOO_LARGE,
    CUT_SHORT,
    HEAD_TOO_LARGE,
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    NO_ANSWER,
    NOT_HTTP,
)

HIGH_WATER_BYTES = 512 * 1024
"""Unread bytes of a reply above which the socket is left alone until the caller has taken them."""


class Owner(Protocol):
    """Who hears what becomes of a connection."""

    def finished(self, connection: Connection, keep_alive: str | None) -> None:
        """A reply came to its end and the connection may carry another; `keep_alive` is that header's value."""

    def lost(self, connection: Connection) -> None: ...

    def buffer(self) -> bytearray:
        """Where to read to. Nothing in it is kept from one read to the next."""


class _Refused(Exception):
    """Stops the parser; `Connection._fault` says why."""


class Connection(asyncio.BufferedProtocol):
    """`exchange` → head, body … → finished, over and over until either side closes."""

    def __init__(self, origin: Origin, owner: Owner) -> None:
        self.origin = origin
        self.usable_until = 0.0
        """Loop time after which it must not be taken from the pool."""
        self.alarm = Alarm(self._overdue)
        self._owner = owner
        self._buffer = memoryview(owner.buffer())
        self._transport: asyncio.Transport
        self._parser: HttpResponseParser | None = None
        self._poll = select.poll()
        self._reply: LeanReply | None = None
        self._fault: ProviderError | None = None
        self._paused = False
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        """What the parser finds of a body. A method would cost as much as all the rest for a piece of some bytes."""
        self._clear()

    def _clear(self) -> None:
        self._headers: dict[str, str] = {}
        self._names: list[bytes] = []
        self._values: list[bytes] = []
        self._pieces.clear()
        self._body_size = 0
        self._barren = 0
        self._persistent = False
        self._surplus = False

    # What the transport asks for

    def exchange(self, reply: LeanReply, head: bytes, body: bytes) -> None:
        """Write a request; from now on what comes in belongs to that reply."""
        self._clear()
        self._reply = reply
        reply.connection = self
        self._transport.writelines((head, body) if body else (head,))

    def is_stale(self) -> bool:
        """Whether the other end closed, or sent something unasked. Asks the kernel: the loop may not have looked."""
        return self._transport.is_closing() or bool(self._poll.poll(0))

    def resume(self) -> None:
        """The caller has taken what was held."""
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once. A reply that is under way ends as interrupted."""
        self._transport.abort()

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = HttpResponseParser(self)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        reply, parser = self._reply, self._parser
        if reply is None or parser is None:
            self._transport.abort()
            return
        self._barren += nbytes
        try:
            parser.feed_data(self._buffer[:nbytes])
            self._hand_over()
        except (HttpParserError, HttpParserUpgrade, _Refused) as error:
            self._spoilt(reply, error)
            return
        if reply.ended:
            self._finish()
        elif self._barren > MAX_HEAD_BYTES:
            self._fail(reply, ProviderBadResponse(HEAD_TOO_LARGE))
        elif reply.held_bytes > HIGH_WATER_BYTES:
            self._paused = True
            self._transport.pause_reading()
        reply.wake()

    def eof_received(self) -> None:
        """Closes at once: an unsent rest of the request would keep a connection half open that brings nothing more."""
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        reply, self._reply = self._reply, None
        self._parser = None  # it points back at this object
        self.alarm.drop()
        self._owner.lost(self)
        if reply is None:
            return
        if exc is None and reply.status and _ends_with_the_connection(self._headers) and self._was_closed_by_peer():
            reply.end()
        else:
            reply.end(ProviderStreamInterrupted(CUT_SHORT if reply.status or self._barren else NO_ANSWER))

    def _overdue(self) -> None:
        if self._reply is not None:
            self._reply.overdue()

    def _was_closed_by_peer(self) -> bool:
        """TLS says so itself; without its close_notify anyone on the way may have cut it (RFC 9112, section 9.8)."""
        tls: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object")
        try:
            return tls is None or not tls.read(1)
        except ssl.SSLError:
            return False

    def _finish(self) -> None:
        """The reply is whole. Keep the connection if nothing is left over on it, in either direction."""
        if self._persistent and not self._surplus and not self._transport.get_write_buffer_size():
            self._owner.finished(self, self._headers.get("keep-alive"))
        else:
            self._transport.abort()

    def _spoilt(self, reply: LeanReply, cause: Exception) -> None:
        """What came is not HTTP, or is more than allowed. After the end of a reply it only costs the connection."""
        with suppress(_Refused):
            self._hand_over()
        error = self._fault or (ProviderStreamInterrupted(CUT_SHORT) if reply.status else ProviderBadResponse(NOT_HTTP))
        error.__cause__ = cause
        self._fail(reply, error)

    def _fail(self, reply: LeanReply, error: ProviderError) -> None:
        reply.end(error)
        self.abort()

    # What the parser finds

    def on_message_begin(self) -> None:
        self._surplus = self._reply is None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Only noted: a read is bounded, so a head within one can be judged when it is complete."""
        self._names.append(name)
        self._values.append(value)

    def on_headers_complete(self) -> None:
        parser, reply = self._parser, self._reply
        if parser is None or reply is None:
            return
        names, values, self._names, self._values = self._names, self._values, [], []
        status = parser.get_status_code()
        if len(names) > MAX_HEADERS or (self._barren > MAX_HEAD_BYTES and _size(names, values) > MAX_HEAD_BYTES):
            self._refuse(HEAD_TOO_LARGE)
        if 100 <= status < 200:
            return
        headers = _texts(names, values)
        if status < 100 or ("transfer-encoding" in headers and _codings(names, values) != [b"chunked"]):
            self._refuse(NOT_HTTP)
        self._barren = 0
        self._headers = headers
        self._persistent = parser.should_keep_alive() and not (reply.bodiless or _has_stray_body(status, headers))
        reply.begin(status, headers)
        if reply.bodiless:
            self._end(reply)

    def on_message_complete(self) -> None:
        reply = self._reply
        if reply is not None and reply.status:
            self._hand_over()
            self._end(reply)

    def _hand_over(self) -> None:
        """What was found of the body. A piece that belongs to no reply is unasked for, and dropped."""
        pieces, reply = self._pieces, self._reply
        if not pieces:
            return
        size = sum(map(len, pieces))
        self._barren, self._body_size = 0, self._body_size + size
        if reply is not None and self._body_size <= MAX_BODY_BYTES:
            reply.add(pieces, size)
        pieces.clear()
        if self._body_size > MAX_BODY_BYTES:
            self._refuse(BODY_TOO_LARGE)

    def _refuse(self, why: str) -> NoReturn:
        self._fault = ProviderBadResponse(why)
        raise _Refused

    def _end(self, reply: LeanReply) -> None:
        self._reply = None
        reply.end()


def _ends_with_the_connection(headers: dict[str, str]) -> bool:
    """Neither a length nor chunks tell where the body ends (RFC 9112, section 6.3)."""
    return "content-length" not in headers and "transfer-encoding" not in headers


def _texts(names: list[bytes], values: list[bytes]) -> dict[str, str]:
    """Lower-case names; the last of a repeated header wins. Raises ValueError where a value has more than one line."""
    if not names:
        return {}
    lower = b"\n".join(names).decode("latin-1").lower().split("\n")
    return dict(zip(lower, b"\n".join(values).decode("latin-1").split("\n"), strict=True))


def _size(names: list[bytes], values: list[bytes]) -> int:
    return sum(map(len, names)) + sum(map(len, values))


def _codings(names: list[bytes], values: list[bytes]) -> list[bytes]:
    """The transfer codings, line by line. Any but `chunked` was not asked for and would be given out coded."""
    return [value.lower() for name, value in zip(names, values, strict=True) if name.lower() == b"transfer-encoding"]


def _has_stray_body(status: int, headers: dict[str, str]) -> bool:
    """Whether a body is announced where none may come. If one does, it must not be read as the next reply."""
    return status in (204, 304) and (headers.get("content-length", "0") != "0" or "transfer-encoding" in headers)
