"""A Runtime API that refuses, breaks off or talks nonsense: what the runtime does, call by call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from mangum import Mangum
from tests.lambda_.processes import DEMO, spawned
from tests.lambda_.scripted_api import HANG_UP, ScriptedApi, event, reply, scripted
from tests.lambda_.serving import App, Receive, Scope, Send, body, start

from prxy_streaming.environment import Environment
from prxy_streaming.runtime_api import ContainerFailed, RuntimeApiError
from prxy_streaming.serve import serve

NO_ID = reply(200, [("Lambda-Runtime-Deadline-Ms", "99999999999999")], b"{}")
NOT_HTTP = b"220 mail.test ESMTP\r\n\r\n"
USELESS = {
    "400": reply(400),
    "403": reply(403),
    "413": reply(413),
    "429": reply(429),
    "503": reply(503, (), b"busy"),
    "reset": HANG_UP,
    "not-http": NOT_HTTP,
    "bad-length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}


async def _greet(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start(200))
    await send(body(b"hello"))


async def _break(scope: Scope, receive: Receive, send: Send) -> None:
    raise LookupError("nothing here")


def _running(api: ScriptedApi, app: App, concurrency: int = 1) -> asyncio.Task[None]:
    named = {"AWS_LAMBDA_RUNTIME_API": api.address, "_HANDLER": "app.handler"}
    if concurrency > 1:
        named["AWS_LAMBDA_MAX_CONCURRENCY"] = str(concurrency)
    return asyncio.create_task(serve(Mangum(app, lifespan="off"), Environment(named)))


@asynccontextmanager
async def running(api: ScriptedApi, app: App) -> AsyncIterator[None]:
    """The runtime, until all events are spent and it asks for more."""
    runtime = _running(api, app)
    yield
    await asyncio.wait_for(api.spent.wait(), 10)
    assert not runtime.done()
    runtime.cancel()
    await asyncio.gather(runtime, return_exceptions=True)


@pytest.mark.parametrize(
    "useless", [*USELESS.values(), NO_ID, event(deadline_ms="soon")], ids=[*USELESS, "no-id", "no-deadline"]
)
async def test_whatever_comes_in_place_of_an_event_the_next_event_is_answered(useless: bytes) -> None:
    async with scripted([event("first"), useless, event("second")]) as api, running(api, _greet):
        pass

    assert [answer.path for answer in api.answers] == [
        "/runtime/invocation/first/response",
        "/runtime/invocation/second/response",
    ]
    assert all(answer.body.endswith(b"hello") for answer in api.answers)


async def test_a_runtime_api_that_gives_no_event_at_all_ends_the_runtime() -> None:
    async with scripted([reply(403)] * 9) as api:
        with pytest.raises(RuntimeApiError, match="answered 403"):
            await asyncio.wait_for(_running(api, _greet), 10)

    assert len(api.asked) == 4


async def test_500_in_place_of_an_event_ends_the_runtime_at_once() -> None:
    async with scripted([event(), reply(500), event()]) as api:
        with pytest.raises(ContainerFailed):
            await asyncio.wait_for(_running(api, _greet), 10)

    assert len(api.answers) == 1


async def test_a_runtime_that_was_told_to_end_logs_it_and_exits_with_one() -> None:
    async with scripted([reply(500)]) as api, spawned(api.address, DEMO) as process:
        _, logged = await asyncio.wait_for(process.communicate(), 10)

    assert process.returncode == 1
    assert json.loads(logged)["type"] == "Runtime.ContainerFailed"


@pytest.mark.parametrize("app", [_greet, _break], ids=["response", "error"])
@pytest.mark.parametrize("useless", USELESS.values(), ids=USELESS)
async def test_an_answer_that_is_not_taken_is_logged_given_once_and_the_next_event_is_served(
    app: App, useless: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    async with scripted([event("first"), event("second")], [useless]) as api, running(api, app):
        pass

    assert [answer.path.split("/")[3] for answer in api.answers] == ["first", "second"]
    logged = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    of_the_refusal = [line for line in logged if line["request_id"] == "first" and "LookupError" not in line["type"]]
    assert len(of_the_refusal) == 1


async def test_500_to_an_answer_ends_the_runtime_at_once() -> None:
    async with scripted([event(), event()], [reply(500)]) as api:
        with pytest.raises(ContainerFailed):
            await asyncio.wait_for(_running(api, _greet), 10)

    assert len(api.answers) == 1


async def test_a_connection_lost_before_the_first_byte_costs_nothing() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.05)
        await send(start(200))
        await asyncio.sleep(0.05)
        await send(body(b"late"))

    async with scripted([event("first"), event("second")], hang_up_after_events=True) as api, running(api, slow):
        pass

    assert [answer.path.split("/")[3] for answer in api.answers] == ["first", "second"]
    assert all(answer.body.endswith(b"\0" * 8 + b"late") for answer in api.answers)


async def test_when_one_loop_is_told_to_end_the_others_finish_what_they_have_begun() -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200))
        await send(body(b"first half, ", more=True))
        begun.set()
        await gate.wait()
        await send(body(b"second half"))

    async with scripted([event("long"), reply(500)]) as api:
        runtime = _running(api, waiting, concurrency=3)
        await asyncio.wait_for(begun.wait(), 5)
        await asyncio.wait_for(api.spent.wait(), 5)
        gate.set()
        with pytest.raises(ContainerFailed):
            await asyncio.wait_for(runtime, 10)

    assert [answer.body.partition(b"\0" * 8)[2] for answer in api.answers] == [b"first half, second half"]
