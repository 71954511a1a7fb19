"""A gateway that kills itself at a named point of its one call.

`python -m tests.money.doomed` reads orders from its standard input, one JSON object a line. For each it forks, and the
child is the real gateway, put together by `wire`: only its two ways out are watched, and so is what its client is told.
At the point of the order the child sends itself SIGKILL, so that nothing of it runs any more. What it passed until then
went through a pipe that survives it, and comes back as one line.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NoReturn

from tests.money.provider import OUTPUT_CAP

from prxy.api.app import create_app
from prxy.api.http import App
from prxy.api.routes import RENDER_ERROR, ROUTES
from prxy.providers import PROVIDERS
from prxy.providers.lean import LeanTransport
from prxy.providers.transport import HttpReply, HttpRequest, Transport
from prxy.settings import from_environment
from prxy.wiring import WaysOut, wire

PATIENCE_S = 60
LAST_WORD = b"[DONE]"
MIDDLE = 3
"""So many frames of an answer are passed on before its middle."""


class Point(StrEnum):
    """In the order in which a call passes them."""

    BEFORE_RESERVE = "before the reserve is sent"
    RESERVE_APPLIED = "reserve applied, not answered"
    RESERVED = "reserve answered"
    BEFORE_CALL = "before the provider is called"
    MID_STREAM = "in the middle of the stream"
    AFTER_USAGE = "after the usage event"
    BEFORE_SETTLE = "before the settle is sent"
    SETTLED = "settled, end not told"
    AFTER_END = "after the end"


@dataclass(frozen=True, kw_only=True)
class Order:
    key: str
    script: str
    """The provider key, which picks what the provider does."""
    point: Point | None
    """None: live."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """How a child ended, and what it passed."""

    status: int
    """As `os.waitpid` gives it: the signal that killed it, 0 where it ended by itself."""
    passed: tuple[str, ...]
    """Points, in order."""
    told: str
    """What the client received."""

    @property
    def killed(self) -> bool:
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL


class Doom:
    """Knows the point, and writes down what is passed on the way there."""

    def __init__(self, point: Point | None, diary: int) -> None:
        self._point, self._diary = point, diary

    def reach(self, point: Point) -> None:
        """The end, where it is the chosen one."""
        self._write({"passed": point})
        if point is self._point:
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(self, data: bytes) -> None:
        self._write({"told": data.decode()})

    def _write(self, entry: Mapping[str, str]) -> None:
        os.write(self._diary, json.dumps(entry).encode() + b"\n")


class Received(HttpReply):
    """An answer of the store that was read to its end already."""

    def __init__(self, reply: HttpReply, body: bytes, on_close: Callable[[], None]) -> None:
        self.status, self.headers = reply.status, reply.headers
        self._body, self._on_close = body, on_close

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body

    async def read(self) -> bytes:
        return self._body

    async def aclose(self) -> None:
        self._on_close()


class ToStore(Transport):
    """The first write to the item of a key reserves, the second settles."""

    def __init__(self, inner: Transport, doom: Doom) -> None:
        self._inner, self._doom = inner, doom
        self._writes = 0
        self.settled = asyncio.Event()

    async def send(self, request: HttpRequest) -> HttpReply:
        if not request.headers["x-amz-target"].endswith(".UpdateItem") or b'"K#' not in request.body:
            return await self._inner.send(request)
        self._writes += 1
        match self._writes:
            case 1:
                self._doom.reach(Point.BEFORE_RESERVE)
                reply, body = await self._answered(request)
                self._doom.reach(Point.RESERVE_APPLIED)
                return Received(reply, body, lambda: self._doom.reach(Point.RESERVED))
            case 2:
                self._doom.reach(Point.BEFORE_SETTLE)
                reply, body = await self._answered(request)
                return Received(reply, body, self.settled.set)
            case _:
                raise AssertionError("A call writes twice.")

    async def _answered(self, request: HttpRequest) -> tuple[HttpReply, bytes]:
        reply = await self._inner.send(request)
        body = await reply.read()
        await reply.aclose()
        return reply, body

    async def aclose(self) -> None:
        await self._inner.aclose()


class Framewise(HttpReply):
    """A streamed answer, one frame a read, however the network cut it."""

    def __init__(self, reply: HttpReply, doom: Doom) -> None:
        self.status, self.headers = reply.status, reply.headers
        self._reply, self._doom = reply, doom

    async def chunks(self) -> AsyncIterator[bytes]:
        frames, unfinished = 0, b""
        async for chunk in self._reply.chunks():
            *whole, unfinished = (unfinished + chunk).split(b"\n\n")
            for frame in whole:
                yield frame + b"\n\n"
                frames += 1
                self._passed(frame, frames)
        yield unfinished

    def _passed(self, frame: bytes, frames: int) -> None:
        """Whoever asks for the next frame has done with this one."""
        if frames == MIDDLE:
            self._doom.reach(Point.MID_STREAM)
        if b'"usage"' in frame:
            self._doom.reach(Point.AFTER_USAGE)

    async def read(self) -> bytes:
        return await self._reply.read()

    async def aclose(self) -> None:
        await self._reply.aclose()


class ToProviders(Transport):
    def __init__(self, inner: Transport, doom: Doom) -> None:
        self._inner, self._doom = inner, doom

    async def send(self, request: HttpRequest) -> HttpReply:
        self._doom.reach(Point.BEFORE_CALL)
        return Framewise(await self._inner.send(request), self._doom)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def call(order: Order, doom: Doom) -> None:
    """One streamed call of a gateway that is put together for it."""
    to_store = ToStore(LeanTransport(), doom)
    to_providers = ToProviders(LeanTransport(), doom)
    planes = wire(from_environment(PROVIDERS), ways=WaysOut(to_store, to_providers))
    app = create_app([each for make in ROUTES.values() for each in make(planes.data)], RENDER_ERROR)

    async def send(message: Mapping[str, Any]) -> None:
        body = message.get("body", b"")
        if LAST_WORD in body:
            await to_store.settled.wait()
            doom.reach(Point.SETTLED)
        doom.tell(body)

    async with asyncio.timeout(PATIENCE_S):
        await _ask(app, order, send)
    doom.reach(Point.AFTER_END)
    await planes.aclose()


async def _ask(app: App, order: Order, send: Any) -> None:
    request = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "How much is the fish?"}],
        "max_tokens": OUTPUT_CAP,
        "stream": True,
    }
    headers = {
        "authorization": f"Bearer {order.key}",
        "x-provider-key": order.script,
        "content-type": "application/json",
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": json.dumps(request).encode(), "more_body": False}

    await app(scope, receive, send)


def fate_of(order: Order) -> Fate:
    """Fork, and wait for the end."""
    source, sink = os.pipe()
    child = os.fork()
    if not child:
        _live(order, sink)
    os.close(sink)
    with os.fdopen(source) as diary:
        entries = [json.loads(line) for line in diary]
    _, status = os.waitpid(child, 0)
    return Fate(
        status=status,
        passed=tuple(entry["passed"] for entry in entries if "passed" in entry),
        told="".join(entry["told"] for entry in entries if "told" in entry),
    )


def _live(order: Order, diary: int) -> NoReturn:
    """Never returns, whatever happens: what was forked must not go on with the work of its parent."""
    signal.alarm(2 * PATIENCE_S)
    status = 1
    try:
        asyncio.run(call(order, Doom(order.point, diary)))
        status = 0
    except BaseException:  # noqa: BLE001  # the parent is told by the status
        traceback.print_exc()
    finally:
        os._exit(status)


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        order["point"] = order["point"] and Point(order["point"])
        sys.stdout.write(json.dumps(asdict(fate_of(Order(**order)))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
