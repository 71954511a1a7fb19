"""Start and end of the runtime's process: what Lambda hears when a function cannot start, and SnapStart's two hooks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import pytest
from tests.lambda_.events import make_event
from tests.lambda_.processes import DEMO, process
from tests.lambda_.serving import read

from prxy.local.runtime_api import FunctionFailed

HOOKS = "def get_before_snapshot(): return {before}\ndef get_after_restore(): return {after}\n"


async def test_the_wrapper_starts_the_runtime_in_place_of_the_stock_one() -> None:
    async with process(DEMO) as (api, _):
        answer = await asyncio.wait_for(read(api.invoke(make_event("/x"))), 10)

    assert answer.body.endswith(b"data: end\n\n")


async def test_under_sam_local_the_wrapper_steps_aside() -> None:
    async with process(DEMO, variables={"AWS_SAM_LOCAL": "true"}) as (_, running):
        printed, _ = await asyncio.wait_for(running.communicate(), 10)

    assert printed == b"stepped aside\n"


@pytest.mark.parametrize(
    ("source", "handler", "type_", "says"),
    [
        ("import nowhere_at_all", "app.handler", "Runtime.ImportModuleError", "No module named 'nowhere_at_all'"),
        ("def (", "app.handler", "Runtime.UserCodeSyntaxError", "invalid syntax"),
        ("raise KeyError('PRXY_TABLE is not set')", "app.handler", "Runtime.KeyError", "PRXY_TABLE is not set"),
        ("", "app.handler", "Runtime.HandlerNotFound", "must be a Mangum(app) object"),
        ("", "handler", "Runtime.HandlerNotFound", "must be written as module.attribute"),
    ],
    ids=["import", "syntax", "configuration", "no-handler", "no-module"],
)
async def test_a_function_that_cannot_start_says_why_and_ends(
    tmp_path: Path, source: str, handler: str, type_: str, says: str
) -> None:
    (tmp_path / "app.py").write_text(source, encoding="utf-8")

    async with process(tmp_path, handler) as (api, running):
        failure = await asyncio.wait_for(api.start_failure, 10)
        _, logged = await asyncio.wait_for(running.communicate(), 10)

    assert failure.type == type_
    assert says in str(failure.document["errorMessage"])
    assert json.loads(logged)["type"] == type_
    assert running.returncode == 1


async def test_snapstart_runs_its_hooks_on_both_sides_of_the_snapshot(tmp_path: Path) -> None:
    note = "(lambda word: open('notes', 'a').write(word + ' '), ({word!r},), {{}})"
    before = f"[{note.format(word='second')}, {note.format(word='first')}]"
    after = f"[{note.format(word='third')}]"
    (tmp_path / "snapshot_restore_py.py").write_text(HOOKS.format(before=before, after=after), encoding="utf-8")
    (tmp_path / "app.py").write_text((DEMO / "app.py").read_text(encoding="utf-8"), encoding="utf-8")

    async with process(tmp_path, variables={"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}) as (api, _):
        answer = await asyncio.wait_for(read(api.invoke(make_event("/x"))), 10)

    assert answer.prelude["statusCode"] == 200
    assert (tmp_path / "notes").read_text(encoding="utf-8") == "first second third "


EARLY = """
import asyncio, os, random
from mangum import Mangum
from prxy.providers.lean import LeanTransport
from prxy.providers.transport import HttpRequest

transport = LeanTransport()
random.seed(1)

async def ask():
    reply = await transport.send(HttpRequest(url=os.environ["ASKED_EARLY"], headers={}, body=b""))
    return await reply.read()

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": await ask() + f" {random.random()!r}".encode()})

asyncio.get_event_loop().run_until_complete(ask())
handler = Mangum(app, lifespan="off")
"""


@asynccontextmanager
async def numbering_connections() -> AsyncIterator[str]:
    """A provider that answers with the number of the connection, from 1; gives its URL."""
    made = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        made += 1
        number = made
        with suppress(EOFError, OSError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield f"http://{host}:{port}/"
    server.close()


@pytest.mark.parametrize(("type_", "connection", "alike"), [("on-demand", b"1", True), ("snap-start", b"2", False)])
async def test_a_restored_copy_shares_neither_connections_nor_random_numbers_with_its_snapshot(
    tmp_path: Path, type_: str, connection: bytes, alike: bool
) -> None:
    (tmp_path / "snapshot_restore_py.py").write_text(HOOKS.format(before="[]", after="[]"), encoding="utf-8")
    (tmp_path / "app.py").write_text(EARLY, encoding="utf-8")

    async with numbering_connections() as url:
        variables = {"AWS_LAMBDA_INITIALIZATION_TYPE": type_, "ASKED_EARLY": url}
        async with process(tmp_path, variables=variables) as (api, _):
            first = await asyncio.wait_for(read(api.invoke(make_event())), 10)
            second = await asyncio.wait_for(read(api.invoke(make_event())), 10)

    assert [answer.body.split()[0] for answer in (first, second)] == [connection] * 2
    assert (float(first.body.split()[1]) == Random(1).random()) is alike


@pytest.mark.parametrize(
    ("before", "after", "type_"),
    [
        ("[(int, ('no number',), {})]", "[]", "Runtime.BeforeSnapshotError"),
        ("[]", "[(int, ('no number',), {})]", "Runtime.AfterRestoreError"),
    ],
    ids=["before", "after"],
)
async def test_a_hook_that_fails_is_reported_under_its_own_name(
    tmp_path: Path, before: str, after: str, type_: str
) -> None:
    (tmp_path / "snapshot_restore_py.py").write_text(HOOKS.format(before=before, after=after), encoding="utf-8")
    (tmp_path / "app.py").write_text((DEMO / "app.py").read_text(encoding="utf-8"), encoding="utf-8")

    async with process(tmp_path, variables={"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}) as (api, running):
        failure = await asyncio.wait_for(api.start_failure, 10)
        await asyncio.wait_for(running.communicate(), 10)

    assert failure.type == type_
    assert running.returncode == 1


async def test_a_process_that_dies_in_mid_stream_is_seen_as_a_broken_answer() -> None:
    async with process(DEMO) as (api, running):
        chunks = api.invoke(make_event("/x")).chunks()
        await asyncio.wait_for(anext(chunks), 10)
        running.kill()
        with pytest.raises(FunctionFailed, match="broke off"):
            async for _ in chunks:
                pass
