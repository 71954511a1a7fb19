"""Processes that answer the double of the Runtime API, and how they are asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.gateways.base import GATEWAY_CORE, LOAD_CORE, Place, module_command
from bench.processes import ROOT, Command, NotAvailable, Running, free_port, is_open, pin
from bench.runtime.wire import Wire
from bench.seeding import seed, store_variables
from prxy.local.runtime_api import RuntimeApi

RUNTIME = (str(ROOT / "layers/streaming/bin/stream-wrapper"), sys.executable)
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PATIENCE_S = 30.0
_SENT = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "content-type": "application/json",
    "user-agent": "OpenAI/Python 2.8.0",
    "x-forwarded-for": "203.0.113.7, 198.51.100.9",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
    "x-amzn-trace-id": "Root=1-69210000-0123456789abcdef01234567",
}


def make_event(body: object, authorization: str = "Bearer none") -> bytes:
    """POST /v1/chat/completions as API Gateway's proxy integration writes it."""
    path, sent = "/v1/chat/completions", {**_SENT, "host": "api.test", "authorization": authorization}
    context = {"requestId": "r-1", "resourcePath": path, "httpMethod": "POST", "path": path, "stage": "live"}
    event = {
        "resource": path,
        "path": path,
        "httpMethod": "POST",
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {**context, "identity": {"sourceIp": "203.0.113.7"}},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
    return json.dumps(event).encode()


def environment(place: Place, handler: str, folder: Path = ROOT, **more: str) -> dict[str, str]:
    paths = (folder, ROOT, ROOT / "layers/streaming/python", ROOT / "shared")
    return place.environment(PYTHONPATH=os.pathsep.join(map(str, paths)), _HANDLER=handler, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A process behind a double of its own."""

    api: RuntimeApi
    pid: int

    async def ask(self, event: bytes) -> bytes:
        """The whole answer. Raises FunctionFailed."""
        return b"".join([chunk async for chunk in self.api.invoke(event).chunks()])

    def resident_bytes(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        return len([*Path(f"/proc/{self.pid}/fd").iterdir()])


def cpu_s(pids: Sequence[int]) -> float:
    """User and system seconds so far."""
    return sum(map(_ticks, pids)) / _TICKS_PER_S


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def _wait_for(port: int) -> None:
    """Raises NotAvailable."""
    end_s = time.perf_counter() + _PATIENCE_S
    while not is_open(port):
        if time.perf_counter() > end_s:
            raise NotAvailable("the server opened no port in time")
        time.sleep(0.02)


def spawn(command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pin(process.pid, GATEWAY_CORE)
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)


@asynccontextmanager
async def in_process(env: Mapping[str, str], command: Sequence[str] = RUNTIME) -> AsyncIterator[Function]:
    """A function in our runtime, or in another one."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(RuntimeApi())
        process = spawn(command, {**env, "AWS_LAMBDA_RUNTIME_API": api.address})
        stack.callback(end, process)
        yield Function(api=api, pid=process.pid)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWord:
    """The one-word app, in whatever way it is served."""

    wire: Wire
    pids: Sequence[int]

    def cpu_s(self) -> float:
        return cpu_s(self.pids)


@contextmanager
def word_in_process(env: Mapping[str, str]) -> Iterator[OneWord]:
    with Wire() as wire, ExitStack() as stack:
        process = spawn(RUNTIME, {**env, "AWS_LAMBDA_RUNTIME_API": wire.address})
        stack.callback(end, process)
        yield OneWord(wire=wire, pids=(process.pid,))


@contextmanager
def word_behind_adapter(env: Mapping[str, str]) -> Iterator[OneWord]:
    """Under uvicorn, the adapter beside it, on the same core as a small function has but one."""
    with Wire() as wire, ExitStack() as stack:
        port = free_port()
        quiet = ("--log-level", "error", "--no-access-log", "--lifespan", "off", "--ws", "none")
        server = spawn((sys.executable, "-m", "uvicorn", "bench.runtime.apps:app", "--port", str(port), *quiet), env)
        stack.callback(end, server)
        _wait_for(port)
        adapter = spawn(module_command("bench.runtime.adapter", port), {**env, "AWS_LAMBDA_RUNTIME_API": wire.address})
        stack.callback(end, adapter)
        yield OneWord(wire=wire, pids=(adapter.pid, server.pid))


@asynccontextmanager
async def chat(place: Place) -> AsyncIterator[tuple[Function, bytes]]:
    """functions/chat_completions, store and provider in processes apart, and a question that it answers in a stream."""
    async with chat_environment(place) as (env, authorization), in_process(env) as function:
        question = {"model": "gpt-4o-mini", "stream": True, "messages": [{"role": "user", "content": "How?"}]}
        yield function, make_event(question, authorization)


@asynccontextmanager
async def chat_environment(place: Place) -> AsyncIterator[tuple[Mapping[str, str], str]]:
    """Of functions/chat_completions over a store of its own, and the authorization of a key with a daily limit."""
    port = free_port()
    command = Command(arguments=module_command("bench.store", port), env=place.environment())
    table = Running(command, port, core=LOAD_CORE, patience_s=_PATIENCE_S)
    try:
        first, *_ = await seed(port)
        told = {"PRXY_METRICS_NAMESPACE": "bench"}  # as in the cloud
        env = environment(place, "app.handler", ROOT / "functions/chat_completions", **told, **store_variables(port))
        yield env, first.headers["authorization"]
    finally:
        table.stop()
