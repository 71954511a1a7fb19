"""This gateway as `make run` starts it: a virtual key with a daily limit, reserve and settle on, the store a process
apart.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from bench.gateways.base import GATEWAY_CORE, LOAD_CORE, Gateway, Place, Started, module_command
from bench.processes import Command, NotAvailable, Running, free_port

_LIMITS = {"per_day_usd": "100000", "concurrency": 256}


def _start(place: Place) -> Started:
    store_port, port = free_port(), free_port()
    env = place.environment(
        AWS_ENDPOINT_URL_DYNAMODB=f"http://127.0.0.1:{store_port}",
        AWS_ACCESS_KEY_ID="bench",
        AWS_SECRET_ACCESS_KEY="bench",
        AWS_REGION="eu-central-1",
        AWS_DEFAULT_REGION="eu-central-1",
        PRXY_TABLE="bench",
    )
    emulator = Command(arguments=module_command("bench.store", store_port), env=env)
    serve = (str(Path(sys.executable).with_name("prxy")), "serve", "--port", str(port))
    with ExitStack() as undo:
        store = Running(emulator, store_port, core=LOAD_CORE, patience_s=30)
        undo.callback(store.stop)
        command = Command(arguments=serve, env=env, folder=place.folder)
        process = Running(command, port, core=GATEWAY_CORE, patience_s=30)
        undo.callback(process.stop)
        key = _limited_key(port, _ready_line(process)["admin_key"])
        undo.pop_all()
    return Started(port=port, process=process, headers={"authorization": f"Bearer {key}"}, others=(store,))


def _ready_line(process: Running) -> dict[str, str]:
    end = time.perf_counter() + 10
    while time.perf_counter() < end:
        for line in process.output().splitlines():
            if line.startswith('{"ready"'):
                ready: dict[str, str] = json.loads(line)
                return ready
        time.sleep(0.05)
    raise NotAvailable(f"printed no ready line: {process.last_words()}")


def _limited_key(port: int, admin_key: str) -> str:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/keys",
        json.dumps({"name": "bench", "limits": _LIMITS}).encode(),
        {"authorization": f"Bearer {admin_key}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            key: str = json.load(answer)["key"]
            return key
    except urllib.error.HTTPError as error:
        raise NotAvailable(f"made no key: {error.read().decode(errors='replace')}") from error


PRXY = Gateway(name="prxy", title="prxy, key and daily limit", translates=True, start=_start)
