"""`python -m bench.hot_path`: what a call executes, in thousands of instructions, and with --profile where.

The gateway runs in this process without a server; table and provider stand apart. Instructions of our own code are
counted, not time, so that two runs differ by less than a hundredth however busy the machine is.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.gateways.base import LOAD_CORE, Place, module_command
from bench.instructions import Instructions
from bench.processes import Command, Running, free_port
from bench.scenarios import PATHS, SCENARIOS, Scenario
from bench.seeding import seed, store_variables
from prxy.api.http import App
from prxy.providers import PROVIDERS
from prxy.settings import read_settings
from prxy.wiring import local_app, wire

WARM, ROUNDS = 50, 5
SHOWN = 40


@contextmanager
def variables() -> Iterator[dict[str, str]]:
    """Those of a gateway between a provider and a store that run beside it."""
    with ExitStack() as undo:
        place = Place(upstream_port=free_port(), folder=Path(undo.enter_context(TemporaryDirectory())))
        store_port = free_port()
        env = place.environment(**store_variables(store_port))
        for module, port in (("bench.upstream", place.upstream_port), ("bench.store", store_port)):
            beside = Running(
                Command(arguments=module_command(module, port), env=env), port, core=LOAD_CORE, patience_s=30
            )
            undo.callback(beside.stop)
        yield env


@asynccontextmanager
async def gateway(env: dict[str, str]) -> AsyncIterator[tuple[App, dict[str, str]]]:
    """Every part of it but its server, and the headers of a call with a limited key."""
    planes = wire(read_settings(env, PROVIDERS))
    try:
        callers = await seed(int(env["AWS_ENDPOINT_URL_DYNAMODB"].rpartition(":")[2]))
        yield local_app(planes), dict(callers[0].headers)
    finally:
        await planes.aclose()


def asking(app: App, scenario: Scenario, headers: Mapping[str, str]) -> Callable[[], Awaitable[None]]:
    """One call of a scenario, from the door to its last byte."""
    body = scenario.body("openai")
    sent = {**headers, "host": "gateway", "content-type": "application/json", "content-length": str(len(body))}
    path = PATHS["openai"]

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        assert message.get("status", 200) == 200, message

    async def ask() -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        await app(scope, receive, send)

    return ask


async def count(ask: Callable[[], Awaitable[None]], calls: int, counter: Instructions) -> float:
    """Thousands a call, the median of some rounds."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        before = counter.read()
        for _ in range(calls):
            await ask()
        rounds.append((counter.read() - before) / calls / 1000)
    return median(rounds)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a function, a call: its own thousands of instructions, and how often it ran."""

    name: str
    own: float
    runs: float


async def _profile(ask: Callable[[], Awaitable[None]], calls: int, counter: Instructions) -> list[Cost]:
    own, inside = _overhead(counter)
    profile = cProfile.Profile(counter.read, 0.001)
    profile.enable()
    for _ in range(calls):
        await ask()
    profile.disable()
    return sorted(_costs(_stats(profile), own, inside, calls), key=lambda cost: -cost.own)


def _stats(profile: cProfile.Profile) -> dict[Any, Any]:
    profile.create_stats()
    found: dict[Any, Any] = profile.stats
    return found


def _costs(stats: dict[Any, Any], own: float, inside: float, calls: int) -> Iterator[Cost]:
    """Without what reading the counter has added to each function, and to each for the calls that it makes."""
    made: dict[Any, int] = {}
    for _, _, _, _, callers in stats.values():
        for caller, (runs, *_) in callers.items():
            made[caller] = made.get(caller, 0) + runs
    for place, (_, runs, total, _, _) in stats.items():
        left = total - own * runs - inside * made.get(place, 0)
        yield Cost(f"{'/'.join(Path(place[0]).parts[-2:])}:{place[1]} {place[2]}", left / calls, runs / calls)


def _overhead(counter: Instructions) -> tuple[float, float]:
    """What the profiler adds to a function, and to the one that calls it."""

    def nothing() -> None:
        return

    def calling() -> None:
        for _ in range(1000):
            nothing()

    profile = cProfile.Profile(counter.read, 0.001)
    profile.enable()
    calling()
    profile.disable()
    totals = {place[2]: total for place, (_, _, total, _, _) in _stats(profile).items()}
    return totals["nothing"] / 1000, totals["calling"] / 1000


async def _run(env: dict[str, str], asked: argparse.Namespace) -> None:
    counter, piped = Instructions(), {"x-prxy-pipe": asked.pipe} if asked.pipe else {}
    async with gateway(env) as (app, headers):
        for scenario in (each for each in SCENARIOS if each.key in asked.scenarios.split(",")):
            ask = asking(app, scenario, {**headers, **piped})
            for _ in range(WARM):
                await ask()
            thousands = await count(ask, asked.calls, counter)
            print(f"{scenario.key}: {thousands:,.0f} thousand instructions a call", flush=True)
            if asked.profile:
                for cost in (await _profile(ask, asked.calls, counter))[:SHOWN]:
                    print(f"{cost.own:10.1f}  x{cost.runs:6.1f}  {cost.name}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.hot_path", description=__doc__)
    parser.add_argument("--scenarios", default="S1,S2,S3,S4,S5", help="S1,S3 (all but the paced ones)")
    parser.add_argument("--calls", type=int, default=50, help="in each of five rounds (50)")
    parser.add_argument("--pipe", default="", help="as in x-prxy-pipe; with exact-cache every call is a hit")
    parser.add_argument("--profile", action="store_true", help=f"the {SHOWN} functions that execute the most")
    with variables() as env:
        asyncio.run(_run(env, parser.parse_args()))


if __name__ == "__main__":
    main()
