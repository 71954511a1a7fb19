"""`python -m bench.pipeline`: what modules cost a call: of the runner the CPU time, of calls what they execute."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from statistics import median

from bench.hot_path import WARM, asking, count, gateway, variables
from bench.instructions import Instructions
from bench.scenarios import BY_KEY
from prxy.api.http import App
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason
from prxy.pipeline.base import Call, Module, ModuleOptions, OnFailure, Outcome
from prxy.pipeline.runner import Run
from prxy.store.records import ApiKey

MOST_MODULES = 8
HITS = ("S1", "S3", "S5")
Ask = Callable[[], Awaitable[None]]
_CALL = Call(
    id="req_1",
    now=0,
    key=ApiKey(id="k", name="k", tenant="t"),
    request=ChatRequest(format="openai_chat", model="m", messages=(Message(role=Role.USER, parts=()),)),
)
_ANSWER = ChatResponse(
    format="openai_chat", id="1", model="m", choices=(Choice(parts=(), finish=Finish(reason=FinishReason.STOP)),)
)


class Idle(Module):
    """Takes part and does nothing."""

    name = "idle"
    on_failure = OnFailure.SKIP
    Options = ModuleOptions

    def __init__(self) -> None:
        """Nothing to keep."""


async def runner_us(modules: int, calls: int) -> float:
    """CPU microseconds of one call's way through that many modules and back."""
    began_ns = time.process_time_ns()
    for _ in range(calls):
        run = Run([Idle() for _ in range(modules)])
        await run.before(_CALL)
        await run.after(Outcome(response=_ANSWER))
    return (time.process_time_ns() - began_ns) / calls / 1000


async def module_us(rounds: int, calls: int) -> list[float]:
    """CPU microseconds of each module that takes part, round by round; the first one warms."""
    taken: list[float] = []
    for _ in range(1 + rounds):
        none, most = await runner_us(0, calls), await runner_us(MOST_MODULES, calls)
        taken.append((most - none) / MOST_MODULES)
    return taken[1:]


async def ready(app: App, key: str, headers: Mapping[str, str]) -> Ask:
    """One call of a scenario, warm."""
    ask = asking(app, BY_KEY[key], headers)
    for _ in range(WARM):
        await ask()
    return ask


async def cpu_us(ask: Ask, calls: int) -> float:
    """CPU microseconds of one call, the kernel's share with it."""
    began_ns = time.process_time_ns()
    for _ in range(calls):
        await ask()
    return (time.process_time_ns() - began_ns) / calls / 1000


async def cpu_ratio(hit: Ask, call: Ask, rounds: int, calls: int) -> float:
    return median([await cpu_us(hit, calls) / await cpu_us(call, calls) for _ in range(rounds)])


async def measured(env: dict[str, str], rounds: int, calls: int) -> None:
    us = await module_us(rounds, 3000)
    print(f"Runner, CPU of each module that takes part: {median(us):.1f} us ({min(us):.1f} to {max(us):.1f}).\n")
    print("| | thousand instructions of a call to a provider | of an exact-cache hit | hit / call | by CPU time |")
    print("| --- | --: | --: | --: | --: |")
    counter = Instructions()
    async with gateway(env) as (app, headers):
        for key in HITS:
            call = await ready(app, key, headers)
            hit = await ready(app, key, {**headers, "x-prxy-pipe": "exact-cache"})
            of_call, of_hit = await count(call, calls, counter), await count(hit, calls, counter)
            by_time = await cpu_ratio(hit, call, rounds, calls)
            print(f"| {key} | {of_call:,.0f} | {of_hit:,.0f} | {of_hit / of_call:.2f} | {by_time:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="of what is timed (7)")
    parser.add_argument("--calls", type=int, default=50, help="in each of five rounds (50)")
    asked = parser.parse_args()
    with variables() as env:
        asyncio.run(measured(env, asked.rounds, asked.calls))


if __name__ == "__main__":
    main()
