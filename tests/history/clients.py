"""Clients of all tempers: patient ones, hasty ones, and those that ask the same thing again."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from tests.history.events import Began, Ended, Log
from tests.history.processes import GatewayProcess
from tests.history.provider import MODEL

_COST = re.compile(rb": prxy cost_usd=([0-9.]+) ")
_DONE = b"data: [DONE]"
CAPS = (200, 400, 800)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One thing that a client wants, however often it sends it."""

    key: str
    """Public id."""
    secret: str
    body: dict[str, Any]
    word: str | None = None
    leaves_after: int | None = None
    """Chunks of the answer after which the client hangs up; 0: before the first."""


@dataclass
class Clients:
    log: Log
    dice: random.Random
    gateways: Sequence[GatewayProcess]
    http: httpx.AsyncClient
    counts: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    words: int = 0

    async def ask(self, key: str, secret: str) -> None:
        """Make up a request, and send it once or, under an Idempotency-Key, several times."""
        ask = self._make_up(key, secret)
        if ask.word is None:
            await self.send(ask)
            return
        await asyncio.gather(self.send(ask), self._late(ask, self.dice.uniform(0, 1.5)))
        await self.send(ask)

    async def _late(self, ask: Ask, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        await self.send(ask)

    def _make_up(self, key: str, secret: str) -> Ask:
        dice = self.dice
        word = None
        if dice.random() < 0.25:
            self.words += 1
            word = f"word-{self.words}"
        body: dict[str, Any] = {
            "model": MODEL,
            "messages": [{"role": "user", "content": "x" * dice.choice((1000, 2000))}],
            "max_completion_tokens": dice.choice(CAPS),
        }
        if dice.random() < 0.5:
            body["stream"] = True
        leaves = dice.choice((0, 1, 1, 2)) if dice.random() < 0.12 else None
        return Ask(key=key, secret=secret, body=body, word=word, leaves_after=leaves)

    async def send(self, ask: Ask) -> None:
        gateway = self.dice.choice([each for each in self.gateways if each.up])
        self.calls += 1
        call = self.calls
        headers = {"authorization": f"Bearer {ask.secret}", "x-provider-key": f"call-{call}"}
        if ask.word is not None:
            headers["idempotency-key"] = ask.word
        self.log.append(Began(call=call, key=ask.key, host=gateway.host, word=ask.word))
        ended = await self._exchange(call, ask, gateway.url, headers)
        self.counts[ended.code or ("whole" if ended.whole else "broken off")] += 1
        self.counts["replayed"] += ended.replayed
        self.log.append(ended)

    async def _exchange(self, call: int, ask: Ask, url: str, headers: dict[str, str]) -> Ended:
        path = f"{url}/v1/chat/completions"
        patience_s = self.dice.uniform(0.01, 0.15) if ask.leaves_after == 0 else None
        try:
            async with (
                asyncio.timeout(patience_s),
                self.http.stream("POST", path, json=ask.body, headers=headers) as reply,
            ):
                return await self._read(call, ask, reply)
        except (httpx.TransportError, TimeoutError):
            return Ended(call=call, status=0)

    async def _read(self, call: int, ask: Ask, reply: httpx.Response) -> Ended:
        rid = hashlib.sha256(reply.headers["x-request-id"].encode()).hexdigest()[:24]
        content, broken = b"", False
        try:
            async for chunk in reply.aiter_raw():
                content += chunk
                if ask.leaves_after is not None and content.count(b"\n\n") >= ask.leaves_after:
                    broken = True
                    break
        except httpx.TransportError:
            broken = True
        if reply.status_code != 200:
            return Ended(call=call, status=reply.status_code, code=_code(content), rid=rid)
        stream = bool(ask.body.get("stream"))
        whole = _DONE in content if stream else not broken
        return Ended(
            call=call,
            status=200,
            whole=whole,
            replayed=reply.headers.get("x-prxy-replayed") == "true",
            rid=rid,
            cost_nano=_cost(reply, content) if whole else None,
        )


def _code(content: bytes) -> str:
    found = re.search(rb'"code":\s*"([a-z_]+)"', content)
    return found[1].decode() if found else "unreadable"


def _cost(reply: httpx.Response, content: bytes) -> int | None:
    found = _COST.search(content)
    text = found[1].decode() if found else reply.headers.get("x-prxy-cost-usd", "")
    return int(Decimal(text) * 10**9) if text and text != "unknown" else None
