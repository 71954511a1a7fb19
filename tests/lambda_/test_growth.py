"""A function process over many invocations and large answers: descriptors, tasks and memory do not grow."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from tests.lambda_.events import make_event
from tests.lambda_.processes import process
from tests.lambda_.serving import DELIMITER, read

from prxy.local.runtime_api import FunctionFailed, RuntimeApi

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="It reads /proc, which Linux alone has.")

MIB = 1024 * 1024
APP = """
import asyncio, json, os
from mangum import Mangum

def state():
    status = open("/proc/self/status").read()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if line.endswith("kB")}
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "tasks": len(asyncio.all_tasks()),
        "resident": kib["VmRSS"] * 1024,
        "peak": kib["VmHWM"] * 1024,
    }

async def app(scope, receive, send):
    path = scope["path"]
    if path == "/broken":
        raise LookupError
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if path == "/state":
        return await send({"type": "http.response.body", "body": json.dumps(state()).encode()})
    for _ in range(1024 if path == "/large" else 3):
        await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
    if path == "/torn":
        raise LookupError
    await send({"type": "http.response.body"})

handler = Mangum(app, lifespan="off")
"""


async def _state(api: RuntimeApi) -> dict[str, int]:
    answer = await asyncio.wait_for(read(api.invoke(make_event("/state"))), 10)
    state: dict[str, int] = json.loads(answer.body)
    return state


async def _length(api: RuntimeApi, path: str, *, after_each_chunk_s: float = 0.0) -> int:
    """Bytes of the body, or -1 where it did not end as it should."""
    length = 0
    try:
        async for chunk in api.invoke(make_event(path)).chunks():
            length += len(chunk.partition(DELIMITER)[2] if length == 0 else chunk)
            await asyncio.sleep(after_each_chunk_s)
    except FunctionFailed:
        return -1
    return length


async def test_answers_whole_torn_and_refused_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")

    async with process(tmp_path) as (api, _):
        for _ in range(15):
            [await _length(api, path) for path in ("/x", "/torn", "/broken")]
        before = await _state(api)
        for _ in range(50):
            lengths = [await _length(api, path) for path in ("/x", "/torn", "/broken")]
            assert lengths == [3 * 65536, -1, -1]
        after = await _state(api)

    assert after["descriptors"] == before["descriptors"]
    assert after["tasks"] == before["tasks"]
    assert after["resident"] - before["resident"] < 4 * MIB


async def test_an_answer_that_nobody_takes_leaves_no_connection_behind(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")

    async with process(tmp_path) as (api, _):
        before = await _state(api)
        untaken = api.invoke(make_event("/large"), timeout_s=1.3)
        await untaken.begun()
        after = await _state(api)

    assert after["descriptors"] == before["descriptors"]


async def test_sixty_four_megabytes_take_no_memory_though_their_reader_is_slow(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")

    async with process(tmp_path) as (api, _):
        await _length(api, "/x")
        before = await _state(api)
        length = await asyncio.wait_for(_length(api, "/large", after_each_chunk_s=0.0005), 60)
        after = await _state(api)

    assert length == 64 * MIB
    assert after["peak"] - before["peak"] < 4 * MIB
