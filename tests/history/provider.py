"""A provider that bills every request it reads, and answers it well, badly or not at all."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.history.events import Answered, Asked, Log, Owed
from tests.history.http11 import Message, read_message, reset, response

MODEL = "gpt-4o-mini"
IN_NANO, OUT_NANO = 150, 600
"""OpenAI's list price of gpt-4o-mini, for one token."""
WELL = ("well", "slow")
REFUSES = {"400": 400, "429": 429, "500": 500, "529": 529}
WORDS = 6
"""Pieces of a streamed answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request and what will become of it."""

    call: int
    how: str
    stream: bool
    usage: dict[str, int]

    @property
    def bill_nano(self) -> int:
        if self.how in REFUSES:
            return 0
        return IN_NANO * self.usage["prompt_tokens"] + OUT_NANO * self.usage["completion_tokens"]

    @property
    def owed(self) -> Owed:
        if self.how in REFUSES:
            return Owed.NOTHING
        if self.how == "cut late" and self.stream:
            return Owed.EITHER
        return Owed.USAGE if self.how in WELL else Owed.ALL


@dataclass
class Provider:
    log: Log
    dice: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    url: str = ""
    pending: set[asyncio.Task[Any]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.pending.add(task)
        try:
            while (request := await read_message(reader)) is not None:
                job = self._take(request)
                try:
                    going_on = await self._answer(job, writer)
                finally:
                    self.log.append(Answered(call=job.call))
                if not going_on:
                    break
        except ConnectionError:
            self.counts["gateway went away"] += 1
        finally:
            self.pending.discard(task)
            writer.close()

    def _take(self, request: Message) -> Job:
        """The caller's provider key is the number of its call."""
        body = json.loads(request.body)
        call = int(request.headers["authorization"].removeprefix("Bearer call-"))
        bad = ("no usage", *REFUSES, "reset", "cut", "cut late")
        how = self.dice.choice(bad) if self.dice.random() < 0.35 else self.dice.choices(WELL, (5, 1))[0]
        read, wrote = self.dice.randint(1, 1000), self.dice.randint(1, body["max_completion_tokens"])
        usage = {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}
        job = Job(call=call, how=how, stream=bool(body.get("stream")), usage=usage)
        self.counts[how] += 1
        self.log.append(Asked(call=call, bill_nano=job.bill_nano, owed=job.owed))
        return job

    async def _answer(self, job: Job, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may carry another request."""
        await asyncio.sleep(self.dice.uniform(0, 0.05))
        if job.how in REFUSES:
            writer.write(response(REFUSES[job.how], b'{"error":{"message":"scripted","type":"x","code":null}}'))
            await writer.drain()
            return True
        if job.how == "reset":
            reset(writer)
            return False
        pause_s = self.dice.uniform(0.05, 0.4) if job.how == "slow" else self.dice.uniform(0, 0.03)
        await (self._stream(job, writer, pause_s) if job.stream else self._whole(job, writer, pause_s))
        return not job.how.startswith("cut")

    async def _whole(self, job: Job, writer: asyncio.StreamWriter, pause_s: float) -> None:
        message = {"role": "assistant", "content": "word " * WORDS}
        body: dict[str, Any] = {
            "id": f"chatcmpl-{job.call}",
            "object": "chat.completion",
            "created": 1,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }
        if job.how != "no usage":
            body["usage"] = job.usage
        raw = response(200, json.dumps(body).encode())
        await asyncio.sleep(pause_s)
        writer.write(raw[: len(raw) - 20] if job.how.startswith("cut") else raw)
        await writer.drain()

    async def _stream(self, job: Job, writer: asyncio.StreamWriter, pause_s: float) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        pieces = _pieces(job)
        kept = {"cut": self.dice.randint(0, WORDS), "cut late": len(pieces) - 1}.get(job.how, len(pieces))
        for piece in pieces[:kept]:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(pause_s)
        if not job.how.startswith("cut"):
            writer.write(b"0\r\n\r\n")
            await writer.drain()


def _pieces(job: Job) -> Sequence[bytes]:
    head = {"id": f"chatcmpl-{job.call}", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    words = [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}] * WORDS
    choices = [*words, {"index": 0, "delta": {}, "finish_reason": "stop"}]
    events: list[dict[str, Any]] = [{**head, "choices": [choice]} for choice in choices]
    if job.how != "no usage":
        events.append({**head, "choices": [], "usage": job.usage})
    return [*(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events), b"data: [DONE]\n\n"]


@asynccontextmanager
async def running_provider(log: Log, dice: random.Random) -> AsyncIterator[Provider]:
    provider = Provider(log=log, dice=dice)
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield provider
    finally:
        server.close()
        for task in tuple(provider.pending):
            task.cancel()
        await asyncio.gather(*provider.pending, return_exceptions=True)
