"""A server that says exactly what a test tells it to, byte for byte."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\n"


def whole(body: bytes, extra: bytes = b"") -> bytes:
    """A plain reply with a length."""
    return OK + extra + b"content-length: %d\r\n\r\n" % len(body) + body


@dataclass
class Peer:
    """The server's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: list[bytes] = field(default_factory=list)

    async def request(self) -> bytes:
        """Head and body of the next request; empty when the client has closed."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            request = head + await self.reader.readexactly(length)
            self.heard.append(request)
            return request
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def send(self, *pieces: bytes, pause_s: float = 0.0) -> None:
        """Each piece in a packet of its own."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(pause_s)

    def reset(self) -> None:
        """Close with RST in place of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_closed(self) -> None:
        """Wait for the client to close."""
        try:
            await self.reader.read()
        except ConnectionError:
            return


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Hostile:
    url: str
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def hostile(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Hostile]:
    """Run the script on every connection; it is closed when the script returns."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        here.connections += 1
        try:
            await script(Peer(reader, writer, here.requests))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    here = Hostile(f"{'https' if tls else 'http'}://127.0.0.1:{port}/v1/x")
    try:
        yield here
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def replying(*pieces: bytes, pause_s: float = 0.0) -> Script:
    """Answer every request with the same bytes; keep the connection."""

    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(*pieces, pause_s=pause_s)

    return script


def replying_once(*pieces: bytes, pause_s: float = 0.0) -> Script:
    """Answer one request and close."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*pieces, pause_s=pause_s)

    return script
