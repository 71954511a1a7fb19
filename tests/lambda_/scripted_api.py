"""A Runtime API that says what a test wrote, however wrong: one script for `next`, one for the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h11
from tests.lambda_.events import make_event

HANG_UP = b""
"""In a script: no reply, the connection is reset."""


@dataclass(frozen=True)
class Asked:
    path: str
    """Without the version."""
    body: bytes
    connection: int
    """The how-many-eth of all connections, from 1."""


@dataclass
class ScriptedApi:
    events: list[bytes]
    """Replies to `next`, raw; when they are spent, `next` waits."""
    receipts: list[bytes]
    """Replies to answers and errors; when they are spent, 202."""
    hang_up_after_events: bool = False
    address: str = ""
    asked: list[Asked] = field(default_factory=list)
    spent: asyncio.Event = field(default_factory=asyncio.Event)
    """The runtime asks for more events than there are."""
    _connections: int = 0

    @property
    def answers(self) -> list[Asked]:
        return [each for each in self.asked if not each.path.endswith("/next")]

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number, buffered = self._connections, b""
        try:
            while True:
                path, body, buffered = await _read_request(reader, buffered)
                self.asked.append(Asked(path.removeprefix("/2018-06-01"), body, number))
                reply = await self._reply(path)
                writer.write(reply)
                await writer.drain()
                if reply == HANG_UP or (self.hang_up_after_events and path.endswith("/next")):
                    return
        except (OSError, EOFError):
            return
        finally:
            writer.close()

    async def _reply(self, path: str) -> bytes:
        if not path.endswith("/next"):
            return self.receipts.pop(0) if self.receipts else reply(202)
        if not self.events:
            self.spent.set()
            await asyncio.Event().wait()
        return self.events.pop(0)


def reply(status: int, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


def event(id_: str = "one", deadline_ms: str = "99999999999999", body: bytes | None = None) -> bytes:
    headers = [("Lambda-Runtime-Aws-Request-Id", id_), ("Lambda-Runtime-Deadline-Ms", deadline_ms)]
    return reply(200, headers, make_event(request_id=id_) if body is None else body)


async def _read_request(reader: asyncio.StreamReader, buffered: bytes) -> tuple[str, bytes, bytes]:
    """Path, body, and what of the next request has come along. Raises EOFError."""
    parser, path, body = h11.Connection(h11.SERVER), "", b""
    parser.receive_data(buffered) if buffered else None
    while True:
        match parser.next_event():
            case h11.Request(target=target):
                path = target.decode()
            case h11.Data(data=data):
                body += data
            case h11.EndOfMessage():
                return path, body, parser.trailing_data[0]
            case h11.NEED_DATA:
                if not (received := await reader.read(65536)):
                    raise EOFError
                parser.receive_data(received)
            case other:
                raise AssertionError(other)


@asynccontextmanager
async def scripted(
    events: Sequence[bytes], receipts: Sequence[bytes] = (), *, hang_up_after_events: bool = False
) -> AsyncIterator[ScriptedApi]:
    api = ScriptedApi([*events], [*receipts], hang_up_after_events)
    accepting: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepting.add(asyncio.create_task(api.accept(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    api.address = f"{host}:{port}"
    try:
        yield api
    finally:
        server.close()
        for task in accepting:
            task.cancel()
        await asyncio.gather(*accepting, return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)
