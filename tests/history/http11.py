"""Just enough HTTP/1.1 for two servers that must be able to misbehave below it."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request or a response with a known length."""

    head: bytes
    body: bytes

    @property
    def raw(self) -> bytes:
        return self.head + self.body

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines if line)
        return {name.lower(): value.strip() for name, _, value in pairs}

    @property
    def status(self) -> int:
        """Of a response."""
        return int(self.head.split(b" ", 2)[1])


async def read_message(reader: asyncio.StreamReader) -> Message | None:
    """The next one; None where the other side has closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(Message(head=head, body=b"").headers.get("content-length", "0"))
        return Message(head=head, body=await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def response(status: int, body: bytes, media_type: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST in place of FIN."""
    opened = writer.get_extra_info("socket")
    if opened is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
