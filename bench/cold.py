"""Cold start of a Lambda function, beside a process with Starlette and httpx alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from bench.findings import Start
from bench.gateways.base import GATEWAY_CORE, Place
from bench.gateways.relays import BARE_STARLETTE_HTTPX
from bench.processes import ROOT, NotAvailable, pin

_PATIENCE_S = 20.0


def cold_starts(place: Place, rounds: int) -> Iterator[Start]:
    if rounds:
        yield _function(place, rounds)
        yield _relay(place, rounds)


def _function(place: Place, rounds: int) -> Start:
    title = "functions/chat_completions"
    try:
        seconds = [_function_start_s(place) for _ in range(rounds)]
    except NotAvailable as error:
        return Start(title=title, ready_when=str(error), seconds=())
    return Start(title=title, ready_when="it asks for its first event", seconds=seconds)


def _relay(place: Place, rounds: int) -> Start:
    seconds = []
    for _ in range(rounds):
        started = BARE_STARLETTE_HTTPX.start(place)
        if started.process is not None:
            seconds.append(started.process.start_s)
        started.stop()
    return Start(title=f"{BARE_STARLETTE_HTTPX.title}, again", ready_when="its port is open", seconds=seconds)


def _function_start_s(place: Place) -> float:
    """From spawning the function's process to its first poll of the Runtime API. Raises NotAvailable."""
    with socket.create_server(("127.0.0.1", 0)) as runtime_api:
        runtime_api.settimeout(_PATIENCE_S)
        started = time.perf_counter()
        process = _spawn(place, runtime_api.getsockname()[1])
        try:
            connection, _ = runtime_api.accept()
            with connection:
                asked = connection.recv(65536)
                return _poll(asked, time.perf_counter() - started)
        except TimeoutError as error:
            raise NotAvailable("it asked for no event in time") from error
        finally:
            process.kill()
            process.wait(10)


def _spawn(place: Place, runtime_api_port: int) -> subprocess.Popen[bytes]:
    paths = (ROOT / folder for folder in ("functions/chat_completions", "layers/streaming/python", "shared"))
    env = place.environment(
        PYTHONPATH=os.pathsep.join(map(str, paths)),
        AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{runtime_api_port}",
        AWS_ACCESS_KEY_ID="bench",
        AWS_SECRET_ACCESS_KEY="bench",
        AWS_REGION="eu-central-1",
        PRXY_TABLE="bench",
        _HANDLER="app.handler",
    )
    command = [sys.executable, "-m", "prxy_streaming"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pin(process.pid, GATEWAY_CORE)
    return process


def _poll(asked: bytes, after_s: float) -> float:
    if b"/runtime/invocation/next" not in asked:
        raise NotAvailable(f"it failed: {asked.rpartition(b'errorMessage')[2][:200].decode(errors='replace')}")
    return after_s
