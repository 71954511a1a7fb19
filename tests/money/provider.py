"""A provider on loopback that bills: each call costs what its script says, and every bill is kept in order.

A call is billed when its request has arrived, before the first byte of an answer: no gateway can know less of a bill.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

INPUT_NANO, OUTPUT_NANO = 150, 600
"""Of one token of gpt-4o-mini, $0.15 and $0.60 a million, written down here a second time so that a bill owes nothing
to the gateway's own arithmetic."""
OUTPUT_CAP = 500
"""`max_tokens` of every request here."""
PATIENCE_S = 60.0

HEAD = {"id": "c", "created": 1, "model": "gpt-4o-mini"}
WORDS = ("one ", "two ", "three ", "four")


@dataclass(frozen=True, kw_only=True)
class Tokens:
    read: int
    written: int

    @property
    def nano(self) -> int:
        return self.read * INPUT_NANO + self.written * OUTPUT_NANO

    @property
    def wire(self) -> dict[str, int]:
        total = self.read + self.written
        return {"prompt_tokens": self.read, "completion_tokens": self.written, "total_tokens": total}


def dearest(bound_nano: int) -> Tokens:
    """As many tokens as cost exactly the bound."""
    read, rest = divmod(bound_nano - OUTPUT_CAP * OUTPUT_NANO, INPUT_NANO)
    assert rest == 0, f"a bound of {bound_nano} nano-USD is no whole number of tokens"
    return Tokens(read=read, written=OUTPUT_CAP)


def at_random(bound_nano: int, seed: int) -> Iterator[Tokens]:
    """Costs between nothing and the bound, which some reach."""
    draw, most = random.Random(seed), dearest(bound_nano)
    while True:
        written = draw.choice((most.written, draw.randint(0, most.written)))
        yield Tokens(read=draw.choice((most.read, draw.randint(0, most.read))), written=written)


@dataclass(kw_only=True)
class Script:
    """What the provider does with the calls of one provider key."""

    costs: Iterator[Tokens]
    may_answer: Callable[[], bool] = lambda: True
    """Each call waits for it after it was billed."""
    bills: list[int] = field(default_factory=list)
    """Nano-USD, in the order of the calls."""
    on_bill: Callable[[int], None] = lambda nano: None

    @property
    def billed(self) -> int:
        return sum(self.bills)


class Provider:
    """The ASGI application. Scripts are found by the provider key that a call brings."""

    def __init__(self) -> None:
        self.url = ""
        self.scripts: dict[str, Script] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = json.loads(await _body(receive))
        headers = dict(scope["headers"])
        script = self.scripts[headers[b"authorization"].decode().removeprefix("Bearer ")]
        assert request.get("max_completion_tokens", request.get("max_tokens")) == OUTPUT_CAP
        tokens = next(script.costs)
        script.bills.append(tokens.nano)
        script.on_bill(tokens.nano)
        await _until(script.may_answer)
        media_type, pieces = _streamed(tokens) if request.get("stream") else _whole(tokens)
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", media_type)]}
        await send(start)
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _body(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _until(ready: Callable[[], bool]) -> None:
    """Gives up after a minute: what the provider then answers shows in the figures."""
    ends_at = time.monotonic() + PATIENCE_S
    while not ready() and time.monotonic() < ends_at:
        await asyncio.sleep(0.005)


def _whole(tokens: Tokens) -> tuple[bytes, Sequence[bytes]]:
    message = {"role": "assistant", "content": "".join(WORDS)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {**HEAD, "object": "chat.completion", "choices": [choice], "usage": tokens.wire}
    return b"application/json", [json.dumps(body).encode()]


def _streamed(tokens: Tokens) -> tuple[bytes, Sequence[bytes]]:
    head = {**HEAD, "object": "chat.completion.chunk"}
    events = [
        *({**head, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in WORDS),
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**head, "choices": [], "usage": tokens.wire},
    ]
    frames = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    return b"text/event-stream", [*frames, b"data: [DONE]\n\n"]


@contextmanager
def running_provider() -> Iterator[Provider]:
    provider = Provider()
    kept_s = 75  # as vendors do; after five seconds, the default, a request may meet the closing of its connection
    config = uvicorn.Config(
        provider, port=0, log_level="critical", lifespan="off", ws="none", loop="asyncio", timeout_keep_alive=kept_s
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(1000):
        if server.started:
            break
        thread.join(0.01)
    provider.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(10)
