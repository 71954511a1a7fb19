"""The floor of Python under an ASGI server: no framework, a client of its own. `python -m … PORT UPSTREAM_PORT`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from bench.http import Connection, connect, make_request
from bench.relays.translation import Stream, answer_of, asked_of, request_of

Message = MutableMapping[str, Any]  # the type that ASGI itself has
_CHAT = "/v1/chat/completions"
_PASSED_ON = frozenset({b"authorization", b"x-api-key", b"anthropic-version"})


class Pieces:
    """The sink of one answer: what has arrived since it was last asked."""

    def __init__(self) -> None:
        self.status, self.media_type = 0, b""
        self._arrived: list[bytes] = []
        self._ended = False
        self._error: Exception | None = None
        self._news = asyncio.Event()

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        self.status, self.media_type = status, headers.get(b"content-type", b"")

    def piece(self, data: bytes) -> None:
        self._arrived.append(data)
        self._news.set()

    def end(self, error: Exception | None) -> None:
        self._ended, self._error = True, error
        self._news.set()

    async def reads(self) -> AsyncIterator[bytes]:
        """The body, one item for all that one read brought."""
        while not (self._ended and not self._arrived):
            await self._news.wait()
            self._news.clear()
            if self._error is not None:
                raise self._error
            data, self._arrived = b"".join(self._arrived), []
            yield data
            if self._ended:
                self._news.set()


class Relay:
    """An ASGI application."""

    def __init__(self, upstream_port: int) -> None:
        self._port = upstream_port
        self._idle: list[Connection] = []

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        body = await _whole_body(receive)
        asked, path = asked_of(body), scope["path"]
        translate: Callable[[bytes], bytes] = _as_it_is
        if path == _CHAT and asked.model.startswith("claude-"):
            body, path = request_of(body), "/v1/messages"
            translate = Stream().feed if asked.stream else answer_of
        headers = {name.decode(): value.decode() for name, value in scope["headers"] if name in _PASSED_ON}
        connection, pieces = await self._connection(), Pieces()
        connection.ask(make_request(path, headers, body), pieces)
        await _answer(pieces, send, translate)
        if connection.usable:
            self._idle.append(connection)

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return await connect(self._port)


async def _whole_body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    message = await receive()
    pieces = [message["body"]]
    while message.get("more_body"):
        message = await receive()
        pieces.append(message["body"])
    return b"".join(pieces)


async def _whole(pieces: Pieces) -> AsyncIterator[bytes]:
    yield b"".join([data async for data in pieces.reads()])


def _as_it_is(data: bytes) -> bytes:
    return data


async def _answer(
    pieces: Pieces, send: Callable[[Message], Awaitable[None]], translate: Callable[[bytes], bytes]
) -> None:
    started = False
    async for data in _whole(pieces) if translate is answer_of else pieces.reads():
        if not started:
            started = True
            head = [(b"content-type", pieces.media_type)]
            await send({"type": "http.response.start", "status": pieces.status, "headers": head})
        await send({"type": "http.response.body", "body": translate(data), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    uvicorn.run(Relay(int(sys.argv[2])), port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
