"""A keep-alive HTTP/1.1 client connection on an asyncio transport: the load client's, and the bare ASGI relay's."""

from __future__ import annotations

import asyncio
from typing import Protocol

import httptools


def make_request(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A whole POST request as bytes."""
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Sink(Protocol):
    """Where one answer goes."""

    def head(self, status: int, headers: dict[bytes, bytes]) -> None: ...
    def piece(self, data: bytes) -> None: ...
    def end(self, error: Exception | None) -> None: ...


class Connection(asyncio.Protocol):
    """Asks one question at a time; `ask` again only after the sink's `end`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._sink: Sink | None = None
        self._headers: dict[bytes, bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @property
    def usable(self) -> bool:
        return self._transport is not None and self._sink is None

    def ask(self, request: bytes, sink: Sink) -> None:
        if self._transport is None:
            return sink.end(ConnectionError("the connection is closed"))
        self._sink, self._headers = sink, {}
        self._parser = httptools.HttpResponseParser(self)
        return self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._end(error)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._end(exc or ConnectionError("closed before the answer was whole"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _end(self, error: Exception | None) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.end(error)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if self._sink is not None:
            self._sink.head(self._parser.get_status_code(), self._headers)

    def on_body(self, body: bytes) -> None:
        if self._sink is not None:
            self._sink.piece(body)

    def on_message_complete(self) -> None:
        self._end(None)


async def connect(port: int) -> Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
    return connection
