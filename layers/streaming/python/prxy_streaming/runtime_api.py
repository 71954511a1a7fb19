"""The HTTP/1.1 client of the Runtime API: one keep-alive connection, one call at a time, chunks as they are made.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, as of 2026-11.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Final

_USER_AGENT = "prxy-streaming/1 python/{}.{}.{}".format(*sys.version_info)
_VERSION = "/2018-06-01"


class RuntimeApiError(Exception):
    """The Runtime API refused a call, or its answer is not HTTP. The next call may succeed."""


class ContainerFailed(Exception):
    """The Runtime API answered 500, by which it asks the runtime to end."""


class Answer:
    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """`headers`: by names in lower case."""
        self.status: Final = status
        self.headers: Final = headers
        self.body: Final = body


class RuntimeApi:
    """Every method raises OSError or EOFError where the connection is refused or lost; those that read an answer also
    RuntimeApiError and ContainerFailed.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> Answer:
        """Ask, and wait as long as it takes."""
        return await self._exchange("GET", path, {}, b"")

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return await self._exchange("POST", path, headers, body)

    async def open(self) -> None:
        """Connect unless a connection stands. After this, `begin` and `write` need not wait."""
        if self.stands:
            return
        self.close()
        host, _, port = self._address.rpartition(":")
        self._streams = await asyncio.open_connection(host, int(port))

    @property
    def stands(self) -> bool:
        """Whether there is a connection that the other side has not closed, as far as is known."""
        if self._streams is None:
            return False
        reader, writer = self._streams
        return not (reader.at_eof() or writer.is_closing())

    def begin(self, path: str, headers: Mapping[str, str], data: bytes) -> None:
        """Start a POST whose body follows in chunks; `data` is the first of them and leaves together with the head."""
        head = self._head("POST", path, {**headers, "Transfer-Encoding": "chunked"})
        self._writer.write(head + _chunk(data))

    def write(self, data: bytes) -> None:
        self._writer.write(_chunk(data))

    async def drain(self) -> None:
        """Wait until the other side has taken all but 64 KiB: the app is held back to the speed of its reader."""
        await self._writer.drain()

    def end(self, trailers: Mapping[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in trailers.items())
        self._writer.write(f"0\r\n{lines}\r\n".encode("latin-1"))

    async def answer(self) -> Answer:
        """Read what the Runtime API says to the call just written."""
        reader, _ = self._connected
        try:
            answer = await _read_answer(reader)
        except (ValueError, IndexError, asyncio.LimitOverrunError) as error:
            raise RuntimeApiError("the Runtime API's answer is not HTTP") from error
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        if answer.status == 500:
            raise ContainerFailed("the Runtime API asks the runtime to end")
        if answer.status >= 400:
            raise RuntimeApiError(f"the Runtime API answered {answer.status}")
        return answer

    def close(self) -> None:
        """Drop the connection, and with it what the other side has not taken yet. May be called twice."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        await self.open()
        length = {"Content-Length": str(len(body))} if method == "POST" else {}
        self._writer.write(self._head(method, path, {**headers, **length}) + body)
        await self._writer.drain()
        return await self.answer()

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        fields = {"Host": self._address, "User-Agent": _USER_AGENT, **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{method} {_VERSION}{path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")

    @property
    def _writer(self) -> asyncio.StreamWriter:
        return self._connected[1]

    @property
    def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            raise ConnectionResetError("the connection to the Runtime API is closed")
        return self._streams


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    status, headers = await _read_head(reader)
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return Answer(status=status, headers=headers, body=await _read_chunked(reader))
    return Answer(
        status=status, headers=headers, body=await reader.readexactly(int(headers.get("content-length", "0")))
    )


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return int(first.split(" ", 2)[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    pieces: list[bytes] = []
    while size := int((await reader.readline()).partition(b";")[0], 16):
        pieces.append((await reader.readexactly(size + 2))[:-2])
    while await reader.readline() not in {b"\r\n", b""}:
        pass
    return b"".join(pieces)
