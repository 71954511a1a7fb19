"""The chat function beside the usual stack, both behind the double of Lambda's Runtime API: cold, warm and streamed."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median

from bench.answers import wrong
from bench.findings import Invoked
from bench.gateways.base import Place
from bench.processes import NotAvailable
from bench.progress import say
from bench.runtime.functions import RUNTIME, Function, chat_environment, cpu_s, environment, in_process, make_event
from bench.scenarios import BY_KEY, Scenario
from prxy.local.runtime_api import FunctionFailed

CHAT, STREAMED, BARE, USUAL = (
    "chat function, JSON",
    "chat function, streamed",
    "bare Starlette + httpx, JSON",
    "awslambdaric + Mangum + FastAPI + httpx, JSON",
)
_PATIENCE_S = 30.0
_WARM = 50
_SEPARATOR = b"\0" * 8
"""Between the prelude of a streamed answer and its body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    title: str
    command: Sequence[str]
    env: Mapping[str, str]
    event: bytes
    wrong: Callable[[bytes], str]
    """What is wrong with an answer, empty where it is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    first_s: float
    whole_s: float


def invoked(place: Place, rounds: int, invocations: int) -> Sequence[Invoked]:
    return asyncio.run(_invoked(place, rounds, invocations)) if rounds else []


async def _invoked(place: Place, rounds: int, invocations: int) -> Sequence[Invoked]:
    async with variants(place) as functions:
        cold: dict[str, list[float]] = {each.title: [] for each in functions}
        for number in range(rounds + 1):
            say(f"cold starts of functions, {number} of {rounds}")
            for each in functions:
                cold[each.title].append(await _cold_s(each))
        async with AsyncExitStack() as stack:
            running = [
                (each, await stack.enter_async_context(in_process(each.env, each.command))) for each in functions
            ]
            return [
                await _warm(each, function, invocations, cold[each.title][1:])  # the first may write bytecode
                for each, function in running
            ]


@asynccontextmanager
async def variants(place: Place) -> AsyncIterator[Sequence[Variant]]:
    whole, streamed = BY_KEY["S1"], BY_KEY["S3"]
    port = str(place.upstream_port)
    bare = environment(place, "bench.runtime.apps.bare_relay", UPSTREAM_PORT=port)
    usual = environment(place, "bench.runtime.apps.relay", UPSTREAM_PORT=port)
    lambdaric = (sys.executable, "-m", "awslambdaric", "bench.runtime.apps.relay")
    async with chat_environment(place) as (env, authorization):
        yield (
            _variant(CHAT, RUNTIME, env, (whole, authorization)),
            _variant(STREAMED, RUNTIME, env, (streamed, authorization)),
            _variant(BARE, RUNTIME, bare, (whole, "Bearer none")),
            Variant(title=USUAL, command=lambdaric, env=usual, event=_event(whole, "Bearer none"), wrong=_wrong_whole),
        )


def _variant(title: str, command: Sequence[str], env: Mapping[str, str], asked: tuple[Scenario, str]) -> Variant:
    scenario, authorization = asked
    event = _event(scenario, authorization)
    return Variant(title=title, command=command, env=env, event=event, wrong=lambda body: _wrong(scenario, body))


def _event(scenario: Scenario, authorization: str) -> bytes:
    return make_event(json.loads(scenario.body("openai")), authorization)


def _wrong(scenario: Scenario, answer: bytes) -> str:
    _, _, body = answer.partition(_SEPARATOR)
    return wrong("openai", scenario.stream, body)


def _wrong_whole(answer: bytes) -> str:
    """Of a function that hands its answer over in one JSON document."""
    return wrong("openai", False, json.loads(answer).get("body", "").encode())


async def _cold_s(variant: Variant) -> float:
    """From spawning the process, with an event waiting, to the first byte of its right answer."""
    spawned_at = time.perf_counter()
    async with in_process(variant.env, variant.command) as function:
        asked_at = time.perf_counter()
        taken = await ask(variant, function)
        return asked_at - spawned_at + taken.first_s


async def ask(variant: Variant, function: Function) -> _Taken:
    """Raises NotAvailable where the answer is not the right one."""
    started, first_s, answer = time.perf_counter(), 0.0, b""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            async for chunk in function.api.invoke(variant.event).chunks():
                first_s = first_s or time.perf_counter() - started
                answer += chunk
    except (FunctionFailed, TimeoutError) as error:
        raise NotAvailable(f"{variant.title}: {error!r}") from error
    whole_s = time.perf_counter() - started
    if reason := variant.wrong(answer):
        raise NotAvailable(f"{variant.title}: {reason}")
    return _Taken(first_s=first_s, whole_s=whole_s)


async def _warm(variant: Variant, function: Function, invocations: int, cold_s: Sequence[float]) -> Invoked:
    say(f"{variant.title}: {invocations} invocations")
    for _ in range(_WARM):
        await ask(variant, function)
    before_s = cpu_s([function.pid])
    taken = [await ask(variant, function) for _ in range(invocations)]
    return Invoked(
        title=variant.title,
        cold_s=cold_s,
        first_s=median(each.first_s for each in taken),
        whole_s=median(each.whole_s for each in taken),
        cpu_s=(cpu_s([function.pid]) - before_s) / invocations,
        resident_bytes=function.resident_bytes(),
    )
