"""Between the gateways and their store: passes requests on, and at random does to them what networks do."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.history.events import Kind, Log, Write
from tests.history.http11 import Message, read_message, reset, response

CALM = 0.06
"""Share of requests that meet a fault."""
STORM = 0.75
STORM_EVERY_S = 17.0
STORM_LASTS_S = 2.5
LATEST_S = 6.0
"""The longest that a request is held up before it arrives."""
HANGS_S = 4.0

FAULTS = (
    "slow",
    "arrives late",
    "request lost",
    "no answer",
    "answer lost",
    "reset",
    "error before",
    "error after",
    "throttled",
)


def _fault(word: str) -> bytes:
    return json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{word}", "message": "scripted"}).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A request on its way, and what will happen to it."""

    host: str
    request: Message
    fault: str


@dataclass
class Faulty:
    """The application. `calm` stops all mischief: from then on requests pass unharmed."""

    store: str
    log: Log
    dice: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    calm: bool = False
    pending: set[asyncio.Task[Any]] = field(default_factory=set)
    started: float = field(default_factory=time.monotonic)
    servers: list[asyncio.Server] = field(default_factory=list)

    async def open_for(self, host: Callable[[], str]) -> str:
        """A URL of its own for one gateway; `host` is asked for its name at each connection."""
        server = await asyncio.start_server(lambda *streams: self.serve(host(), *streams), "127.0.0.1", 0)
        self.servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def serve(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.pending.add(task)
        try:
            while (request := await read_message(reader)) is not None:
                if not await self._answer(Copy(host=host, request=request, fault=self._pick()), writer):
                    break
        except ConnectionError:
            self.counts["gateway went away"] += 1
        finally:
            self.pending.discard(task)
            writer.close()

    def _pick(self) -> str:
        if self.calm:
            return "none"
        storm = (time.monotonic() - self.started) % STORM_EVERY_S > STORM_EVERY_S - STORM_LASTS_S
        word = self.dice.choice(FAULTS) if self.dice.random() < (STORM if storm else CALM) else "none"
        self.counts[word] += 1
        return word

    async def _answer(self, copy: Copy, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may carry another request."""
        fault = copy.fault
        match fault:
            case "request lost" | "reset" | "no answer":
                self._note(copy, applied=False)
                if fault == "no answer":
                    await asyncio.sleep(self.dice.uniform(1.0, HANGS_S))
                elif fault == "reset":
                    reset(writer)
                return False
            case "throttled" | "error before":
                self._note(copy, applied=False)
                return await self._tell(writer, 400 if fault == "throttled" else 500)
            case "slow" | "arrives late":
                most = LATEST_S if fault == "arrives late" else 0.3
                await asyncio.sleep(self.dice.uniform(most / 5, most))
        answer = await self._pass_on(copy)
        match fault:
            case "answer lost" | "arrives late":
                return False
            case "error after":
                return await self._tell(writer, 500)
        writer.write(answer.raw)
        await writer.drain()
        return True

    async def _tell(self, writer: asyncio.StreamWriter, status: int) -> bool:
        word = "InternalServerError" if status == 500 else "ThrottlingException"
        writer.write(response(status, _fault(word), "application/x-amz-json-1.0"))
        await writer.drain()
        return True

    async def _pass_on(self, copy: Copy) -> Message:
        """One connection for each request: what is cut on one side must not show on the other."""
        place = urlsplit(self.store)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            writer.write(copy.request.raw)
            answer = await read_message(reader)
        finally:
            writer.close()
        assert answer is not None, "the store itself broke off"
        self._note(copy, applied=answer.status == 200)
        return answer

    def _note(self, copy: Copy, *, applied: bool) -> None:
        write = _write(copy, applied=applied)
        if write is not None:
            self.log.append(write)


def _write(copy: Copy, *, applied: bool) -> Write | None:
    """The reserve or the settle of a key that a request is; None for anything else."""
    request = copy.request
    if not request.headers.get("x-amz-target", "").endswith(".UpdateItem"):
        return None
    body = json.loads(request.body)
    values = body.get("ExpressionAttributeValues", {})
    rid = body.get("ExpressionAttributeNames", {}).get("#r", "")
    place = body["Key"]["pk"]["S"]
    if not place.startswith("K#"):
        return None
    amount: int | None = None
    if ":hold" in values:
        kind, amount = Kind.RESERVE, int(values[":hold"]["M"]["a"]["N"])
    elif ":r" in values:
        kind, amount = Kind.SETTLE, int(values[":back"]["N"]) if ":back" in values else None
    else:
        return None
    return Write(
        kind=kind,
        key=place.removeprefix("K#"),
        host=copy.host,
        rid=rid,
        amount_nano=amount,
        applied=applied,
    )


@asynccontextmanager
async def running_faults(store: str, log: Log, dice: random.Random) -> AsyncIterator[Faulty]:
    faulty = Faulty(store=store, log=log, dice=dice)
    try:
        yield faulty
    finally:
        for server in faulty.servers:
            server.close()
        for task in tuple(faulty.pending):
            task.cancel()
        await asyncio.gather(*faulty.pending, return_exceptions=True)
