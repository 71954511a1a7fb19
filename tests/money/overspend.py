"""The proof that a budget is not overspent: crowds of calls against a limit that ten of them use up.

`python -m tests.money.overspend --rounds 50` plays rounds of 200 calls at once, each round with a fresh key, over four
gateway processes that share one store, and prints one line of figures. Exits 1 where anything was not as promised.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.api.conftest import Running, provider_variables, start_gateway
from tests.money.provider import OUTPUT_CAP, Provider, Script, at_random, dearest, running_provider
from tests.money.stored import Money, read_money, running_store, store_variables

from prxy.money.usd import nano_from_usd, usd_from_nano
from prxy.providers import PROVIDERS
from prxy.settings import read_settings
from prxy.store.table import Table
from prxy.wiring import wire

GATEWAYS = 4
REQUESTS = 200
PLACES = 10
"""How many worst cases the limit holds."""
MOST_AFTERWARDS = 30
"""Calls that are made one by one when the crowd is gone, or fewer if one is refused."""
DAY_S, MARGIN_S = 86_400, 60
"""No round begins in the last minute of a UTC day: its calls would have two limits."""
ASK: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "How much is the fish?"}],
    "max_tokens": OUTPUT_CAP,
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    slow: bool
    """The provider answers nobody until everybody else was refused or waits for it too."""
    stream: bool
    dear: bool
    """Every call costs its worst case; else anything up to it."""


KINDS = (
    Kind(slow=True, stream=False, dear=True),
    Kind(slow=False, stream=True, dear=False),
    Kind(slow=True, stream=True, dear=False),
    Kind(slow=False, stream=False, dear=False),
    Kind(slow=False, stream=True, dear=True),
    Kind(slow=True, stream=False, dear=False),
)
"""Played in turn."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    status: int
    body: str
    retry: str | None
    """The header `x-should-retry`."""
    error: dict[str, str]
    """Of a refusal; empty where the call was admitted."""


@dataclass(kw_only=True)
class Report:
    rounds: int = 0
    requests: int = 0
    admitted: int = 0
    refused: int = 0
    overspend_nano: int = 0
    readings: int = 0
    violations: list[str] = field(default_factory=list)

    def check(self, holds: bool, what: str) -> None:
        if not holds:
            self.violations.append(f"round {self.rounds}: {what}")

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds, {self.requests} requests, {self.admitted} admitted, {self.refused} refused, "
            f"{self.readings} readings, overspend {self.overspend_nano} nano-USD, {len(self.violations)} violations"
        )


@dataclass(frozen=True, kw_only=True)
class Arena:
    gateways: Sequence[Running]
    provider: Provider
    table: Table
    http: httpx.AsyncClient

    def make_key(self, per_day_nano: int) -> str:
        limits = {"per_day_usd": usd_from_nano(per_day_nano), "concurrency": REQUESTS}
        return self.gateways[0].make_key(limits=limits)

    async def money(self, key: str) -> Money:
        return await read_money(self.table, key.removeprefix("prxy_live_")[:12])

    async def ask(self, number: int, key: str, script: str, *, stream: bool) -> Reply:
        url = self.gateways[number % len(self.gateways)].url
        headers = {"authorization": f"Bearer {key}", "x-provider-key": script}
        body = {**ASK, "stream": True} if stream else ASK
        reply = await self.http.post(f"{url}/v1/chat/completions", json=body, headers=headers)
        error = reply.json()["error"] if reply.status_code >= 400 else {}
        retry = reply.headers.get("x-should-retry")
        return Reply(status=reply.status_code, body=reply.text, retry=retry, error=error)

    async def bound_nano(self, *, stream: bool) -> int:
        """What the gateway would hold for a call, as it says to a key that cannot afford it."""
        refusal = await self.ask(0, self.make_key(1), "nobody", stream=stream)
        assert refusal.status == 429, refusal.body
        return nano_from_usd(refusal.error["estimated"])


class Round:
    """200 calls at once with one fresh key, and then some one by one."""

    def __init__(self, arena: Arena, kind: Kind, report: Report, bound_nano: int) -> None:
        self._arena, self._kind, self._report, self._bound = arena, kind, report, bound_nano
        self._limit = PLACES * bound_nano
        self._answered = 0
        self._name = f"sk-round-{report.rounds}"
        costs = itertools.repeat(dearest(bound_nano)) if kind.dear else at_random(bound_nano, report.rounds)
        self._script = Script(costs=costs, may_answer=self._may_answer)
        arena.provider.scripts[self._name] = self._script
        self._key = arena.make_key(self._limit)

    async def play(self) -> None:
        crowd = asyncio.gather(*(self._ask(number) for number in range(REQUESTS)))
        while not crowd.done():
            await self._read()
            await asyncio.sleep(0.05)
        self._judge(await crowd)
        await self._read_settled()
        for number in range(MOST_AFTERWARDS):
            if not await self._one_more(number):
                break
        self._report.overspend_nano += max(0, self._script.billed - self._limit)

    def _may_answer(self) -> bool:
        return not self._kind.slow or self._answered + len(self._script.bills) >= REQUESTS

    async def _ask(self, number: int) -> Reply:
        reply = await self._arena.ask(number, self._key, self._name, stream=self._kind.stream)
        self._answered += 1
        self._report.requests += 1
        if reply.status == 200:
            self._report.admitted += 1
            self._check("[DONE]" in reply.body or not self._kind.stream, "a stream had no end")
        else:
            self._report.refused += 1
            self._check_refusal(reply)
        return reply

    def _check_refusal(self, reply: Reply) -> None:
        code = reply.error.get("code")
        self._check((reply.status, code) == (429, "cost_limit_per_day"), f"refused with {reply.status} {code}")
        if code == "cost_limit_per_day":
            self._check(reply.retry == "false", f"x-should-retry is {reply.retry}")
            spent, estimated = nano_from_usd(reply.error["spent"]), nano_from_usd(reply.error["estimated"])
            self._check(estimated == self._bound, f"{estimated} was asked for, and not {self._bound}")
            self._check(spent + estimated > self._limit, f"refused although {spent} + {estimated} fit {self._limit}")

    def _judge(self, replies: Sequence[Reply]) -> None:
        admitted = sum(reply.status == 200 for reply in replies)
        calls = len(self._script.bills)
        self._check(calls == admitted, f"the provider was called {calls} times for {admitted} answers")
        exact = self._kind.slow or self._kind.dear
        self._check(admitted == PLACES if exact else admitted >= PLACES, f"{admitted} of {REQUESTS} were admitted")

    async def _read(self) -> Money:
        """What was billed before the reading began is in the counter, and the counter is within the limit."""
        billed = self._script.billed
        money = await self._arena.money(self._key)
        self._report.readings += 1
        self._check(billed <= money.counter, f"the counter says {money.counter}, {billed} were billed before")
        self._check(money.counter <= self._limit, f"the counter says {money.counter} under a limit of {self._limit}")
        return money

    async def _read_settled(self) -> Money:
        """A settle may outlast the answer by some moments; after them the counter is what was billed, to the nano."""
        for _ in range(600):
            money = await self._read()
            if not money.holds:
                break
            await asyncio.sleep(0.05)
        self._check(money.holds == 0, f"{money.holds} holds were left")
        self._check(money.counter == self._script.billed, f"{money.counter} counted of {self._script.billed} billed")
        self._check(money.unconfirmed == 0, f"{money.unconfirmed} are unconfirmed")
        return money

    async def _one_more(self, number: int) -> bool:
        """Admitted exactly if it fits."""
        used = (await self._read_settled()).counter
        reply = await self._ask(number)
        fits, admitted = used + self._bound <= self._limit, reply.status == 200
        self._check(admitted == fits, f"answered {reply.status} at {used} of {self._limit} for {self._bound} more")
        return admitted

    def _check(self, holds: bool, what: str) -> None:
        self._report.check(holds, what)


@contextmanager
def _gateway(variables: dict[str, str], folder: Path) -> Iterator[Running]:
    folder.mkdir()
    yield from start_gateway(variables, folder)


@asynccontextmanager
async def running_arena() -> AsyncIterator[Arena]:
    """One store, one provider, four gateways: six processes with this one."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = stack.enter_context(running_provider())
        store = stack.enter_context(running_store())
        variables = {**provider_variables(provider.url), **store_variables(store)}
        folders = [folder / str(number) for number in range(GATEWAYS)]
        gateways = [stack.enter_context(_gateway(variables, each)) for each in folders]
        planes = wire(read_settings(variables, PROVIDERS))
        stack.push_async_callback(planes.aclose)
        unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        http = await stack.enter_async_context(httpx.AsyncClient(limits=unlimited, timeout=120, trust_env=False))
        yield Arena(gateways=gateways, provider=provider, table=planes.table, http=http)


async def overspend(rounds: int) -> Report:
    """Play so many rounds."""
    report = Report()
    async with running_arena() as arena:
        bounds = {stream: await arena.bound_nano(stream=stream) for stream in (False, True)}
        for kind in itertools.islice(itertools.cycle(KINDS), rounds):
            await _away_from_midnight()
            report.rounds += 1
            await Round(arena, kind, report, bounds[kind.stream]).play()
    return report


async def _away_from_midnight() -> None:
    left_s = DAY_S - time.time() % DAY_S
    if left_s < MARGIN_S:
        await asyncio.sleep(left_s + 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.money.overspend", description="Try to overspend a budget.")
    parser.add_argument("--rounds", type=int, default=50)
    report = asyncio.run(overspend(parser.parse_args().rounds))
    sys.stdout.write(f"{report}\n")
    for violation in report.violations:
        sys.stderr.write(f"{violation}\n")
    sys.exit(1 if report.violations or report.overspend_nano else 0)


if __name__ == "__main__":
    main()
