"""A store that fails when it is told to, in front of one that works."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum, auto

import httpx


class Fault(Enum):
    THROTTLED = auto()
    BROKEN = auto()
    """Nothing is done, and the answer is a 500."""
    SILENT = auto()
    """Nothing is done, and no answer comes."""
    LOST = auto()
    """It is done, and no answer comes: the connection breaks."""
    DENIED = auto()
    """Nothing is done, and nothing is tried anew."""


class FaultyStore:
    """An HTTP proxy before a DynamoDB: notes every operation, and does to the next writes what it was told to."""

    def __init__(self, behind: str, http: httpx.AsyncClient) -> None:
        self.operations: list[str] = []
        self.next_writes: deque[Fault | None] = deque()
        """What happens to the next UpdateItems, one after the other; None and beyond the end: nothing."""
        self.once_written: deque[Callable[[], object]] = deque()
        """Called when the next UpdateItems have been done and not yet been answered."""
        self._behind, self._http = behind, http
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def writes(self) -> list[str]:
        return [each for each in self.operations if each.startswith(("Update", "Put", "Delete"))]

    def forget(self) -> None:
        self.operations.clear()
        self.next_writes.clear()
        self.once_written.clear()

    async def come(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def leave(self) -> None:
        """Refuse connections, and break those that are open."""
        if self._server:
            self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            self._open.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; whether the connection may carry another."""
        head = await reader.readuntil(b"\r\n\r\n")
        lines = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:-2])
        headers = {name.lower(): value for name, value in lines}
        body = await reader.readexactly(int(headers["content-length"]))
        operation = headers["x-amz-target"].rpartition(".")[2]
        self.operations.append(operation)
        fault = self.next_writes.popleft() if operation == "UpdateItem" and self.next_writes else None
        if fault is Fault.SILENT:
            await reader.read(-1)
            return False
        answer = _FAULTS.get(fault) or await self._applied(headers, body)
        if operation == "UpdateItem" and self.once_written:
            self.once_written.popleft()()
        if fault is Fault.LOST:
            writer.transport.abort()
            return False
        status, content = answer
        writer.write(f"HTTP/1.1 {status} -\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content)
        await writer.drain()
        return True

    async def _applied(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        reply = await self._http.post(self._behind, content=body, headers=headers, timeout=30)
        return reply.status_code, reply.content


def _fault(word: str) -> bytes:
    return json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{word}"}).encode()


_FAULTS: Mapping[Fault | None, tuple[int, bytes]] = {
    Fault.THROTTLED: (400, _fault("ThrottlingException")),
    Fault.BROKEN: (500, _fault("InternalServerError")),
    Fault.DENIED: (400, _fault("AccessDeniedException")),
}
