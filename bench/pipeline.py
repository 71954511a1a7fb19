"""`python -m bench.pipeline`: what modules cost a call. CPU of this process alone; table and provider stand apart."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from statistics import median
from typing import Any

from bench.gateways.base import LOAD_CORE, module_command
from bench.processes import Command, Running, free_port
from bench.scenarios import SCENARIOS
from prxy.api.http import App
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason
from prxy.pipeline.base import Call, Module, ModuleOptions, OnFailure, Outcome
from prxy.pipeline.runner import Run
from prxy.providers import PROVIDERS
from prxy.providers.aws.sigv4 import Credentials
from prxy.settings import read_settings
from prxy.store.key_text import generate, hashed
from prxy.store.records import ApiKey, Limits
from prxy.store.schema import TABLE
from prxy.wiring import local_app, wire

BODY = next(scenario for scenario in SCENARIOS if scenario.key == "S1").body("openai")
MOST_MODULES = 8
_CREDENTIALS = Credentials(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
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


async def call_us(app: App, headers: Mapping[str, str], calls: int) -> float:
    """CPU microseconds of one call from the door to its last byte."""
    began_ns = time.process_time_ns()
    for _ in range(calls):
        await _post(app, headers)
    return (time.process_time_ns() - began_ns) / calls / 1000


async def _post(app: App, headers: Mapping[str, str]) -> None:
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await app(scope, receive, send)
    if sent[0]["status"] != 200:
        raise RuntimeError(f"The gateway answered {sent[0]['status']}: {sent[1]['body']!r}")


@asynccontextmanager
async def gateway() -> AsyncIterator[tuple[App, Mapping[str, str]]]:
    """Every part of the gateway but its server, and the headers of a call with a limited key."""
    store_port, provider_port = free_port(), free_port()
    with ExitStack() as undo:
        for name, port in (("bench.store", store_port), ("bench.upstream", provider_port)):
            command = Command(arguments=module_command(name, port), env=os.environ)
            undo.callback(Running(command, port, core=LOAD_CORE, patience_s=30).stop)
        environ = {
            "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{store_port}",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{provider_port}/v1",
            "OPENAI_API_KEY": "sk-bench",
            "PRXY_STORE_TIMEOUT_S": "30",
        }
        planes = wire(read_settings(environ, PROVIDERS), _CREDENTIALS)
        await planes.table.create_table(TABLE)
        made = generate()
        limits = Limits(per_day_nano=10**15)
        key = ApiKey(id=made.id, name="bench", tenant="bench", secret_hash=hashed(made.text), limits=limits)
        await planes.control.administration.create(key)
        yield local_app(planes), {"authorization": f"Bearer {made.text}", "content-type": "application/json"}
        await planes.aclose()


async def measured(rounds: int, calls: int) -> str:
    samples: dict[str, list[float]] = {"call": [], "hit": [], "module": []}
    async with gateway() as (app, headers):
        cached = {**headers, "x-prxy-pipe": "exact-cache"}
        await _post(app, cached)
        for _ in range(1 + rounds):
            samples["call"].append(await call_us(app, headers, calls))
            samples["hit"].append(await call_us(app, cached, calls))
            none, most = await runner_us(0, calls * 10), await runner_us(MOST_MODULES, calls * 10)
            samples["module"].append((most - none) / MOST_MODULES)
    warm = {name: taken[1:] for name, taken in samples.items()}
    ratios = [hit / call for hit, call in zip(warm["hit"], warm["call"], strict=True)]
    return "\n".join(
        (
            "| figure | median | least to greatest |",
            "| --- | --: | --- |",
            _row("runner, us of CPU for each module that takes part", warm["module"], 1),
            _row("call to a provider (S1), us of CPU", warm["call"], 0),
            _row("exact-cache hit, us of CPU", warm["hit"], 0),
            _row("hit / call", ratios, 2),
        )
    )


def _row(title: str, values: Sequence[float], digits: int) -> str:
    return f"| {title} | {median(values):.{digits}f} | {min(values):.{digits}f} to {max(values):.{digits}f} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (7)")
    parser.add_argument("--calls", type=int, default=300, help="calls of one round (300)")
    asked = parser.parse_args()
    print(asyncio.run(measured(asked.rounds, asked.calls)))


if __name__ == "__main__":
    main()
