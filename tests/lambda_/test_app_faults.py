"""An app that hangs, lies or breaks: each answer ends in a way that Lambda knows, and the next event is served."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable

import pytest
from tests.lambda_.events import make_event
from tests.lambda_.serving import Receive, Scope, Send, body, read, serving, start

from prxy.local.runtime_api import FunctionFailed, RuntimeApi
from prxy_streaming.serve import Patience

SOON = Patience(margin_s=0.0, after_end_s=0.05)


async def _next_is_served(api: RuntimeApi) -> bool:
    answer = await asyncio.wait_for(read(api.invoke(make_event("/greeting"))), 10)
    return answer.body == b"hello"


def _first(misbehave: Callable[[Send], Awaitable[None]]) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An app that greets under /greeting and misbehaves elsewhere."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/greeting":
            await send(start(200))
            await send(body(b"hello"))
        else:
            await misbehave(send)

    return app


async def test_an_app_that_sends_nothing_is_ended_before_lambda_would_end_the_process() -> None:
    cancelled = asyncio.Event()

    async def silent(send: Send) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serving(_first(silent)) as api:
        with pytest.raises(FunctionFailed) as failed:
            await asyncio.wait_for(api.invoke(make_event(), timeout_s=1.2).begun(), 10)
        served = await _next_is_served(api)

    assert failed.value.type == "Function.TimeoutError"
    assert cancelled.is_set()
    assert served


async def test_an_app_that_hangs_in_mid_stream_ends_in_trailers() -> None:
    async def hanging(send: Send) -> None:
        await send(start(200))
        await send(body(b"partial", more=True))
        await asyncio.Event().wait()

    async with serving(_first(hanging)) as api:
        chunks = api.invoke(make_event(), timeout_s=1.2).chunks()
        begun = await anext(chunks)
        with pytest.raises(FunctionFailed, match="TimeoutError"):
            await asyncio.wait_for(anext(chunks), 10)
        served = await _next_is_served(api)

    assert begun.endswith(b"partial")
    assert served


async def test_an_app_that_returns_without_a_word_is_an_error() -> None:
    async def mute(send: Send) -> None:
        return

    async with serving(_first(mute)) as api:
        with pytest.raises(FunctionFailed, match="RuntimeError"):
            await api.invoke(make_event()).begun()
        served = await _next_is_served(api)

    assert served


async def test_an_app_that_never_ends_behind_its_last_byte_is_ended_and_its_answer_stands(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def lingering(send: Send) -> None:
        await send(start(200))
        await send(body(b"whole"))
        await asyncio.Event().wait()

    async with serving(_first(lingering), patience=SOON) as api:
        answer = await read(api.invoke(make_event()))
        served = await _next_is_served(api)

    assert answer.body == b"whole"
    assert served
    assert api.receipts == [202, 202]
    assert json.loads(capfd.readouterr().err)["type"] == "Function.TimeoutError"


async def test_an_app_that_clears_up_behind_its_last_byte_is_left_to_it() -> None:
    done: list[str] = []

    async def thorough(send: Send) -> None:
        await send(start(200))
        await send(body(b"whole"))
        await asyncio.sleep(0.2)
        done.append("cleared up")

    async with serving(_first(thorough)) as api:
        await read(api.invoke(make_event()))
        served = await _next_is_served(api)

    assert done == ["cleared up"]
    assert served


async def test_an_answer_that_nobody_takes_is_given_up_at_the_deadline() -> None:
    given_up = asyncio.Event()

    async def endless(send: Send) -> None:
        await send(start(200))
        try:
            while True:
                await send(body(b"x" * 65536, more=True))
        finally:
            given_up.set()

    async with serving(_first(endless), patience=Patience(margin_s=0.1)) as api:
        stuck = api.invoke(make_event(), timeout_s=0.5)
        await stuck.begun()
        await asyncio.wait_for(given_up.wait(), 10)
        served = await _next_is_served(api)

    assert served


@pytest.mark.parametrize(
    "head",
    [
        start(200, (b"x-a", b"1\r\nx-injected: 2")),
        start(200, (b"x-a", b"1\n2")),
        start(200, (b"x-a", b"1\x002")),
        start(200, (b"x-a", b"\x7f")),
        start(200, (b"x a", b"1")),
        start(200, (b"x\xe4", b"1")),
        start(200, (b"", b"1")),
        start(99),
        start(600),
    ],
    ids=["crlf", "lf", "nul", "del", "space", "not-ascii", "no-name", "99", "600"],
)
async def test_a_head_that_is_no_http_is_an_error_and_not_passed_on(head: dict[str, object]) -> None:
    async def lying(send: Send) -> None:
        await send(head)
        await send(body(b"never"))

    async with serving(_first(lying)) as api:
        with pytest.raises(FunctionFailed, match="ValueError"):
            await api.invoke(make_event()).begun()
        served = await _next_is_served(api)

    assert served


async def test_header_values_may_have_tabs_and_any_byte_above_ascii() -> None:
    async def european(send: Send) -> None:
        await send(start(200, (b"x-a", b"\t\xe4\xff ~")))
        await send(body())

    async with serving(_first(european)) as api:
        answer = await read(api.invoke(make_event()))

    assert answer.prelude["headers"] == {"x-a": "\t\xe4\xff ~"}


@pytest.mark.parametrize(
    "event",
    [
        b"",
        b"{",
        b"\xff",
        make_event(headers={"x-a": "\ud800"}),
        make_event(body="\ud800"),
        make_event(body="x").replace(b'"isBase64Encoded": false', b'"isBase64Encoded": true'),
        b"[" * 200_000,
    ],
    ids=["empty", "cut", "not-utf8", "surrogate-header", "surrogate-body", "not-base64", "deep"],
)
async def test_an_event_that_cannot_be_read_is_answered_with_an_error(event: bytes) -> None:
    async def unasked(send: Send) -> None:
        raise AssertionError("the app is not asked")

    async with serving(_first(unasked)) as api:
        with pytest.raises(FunctionFailed, match="Function") as failed:
            await api.invoke(event).begun()
        served = await _next_is_served(api)

    assert "AssertionError" not in failed.value.type
    assert served


@pytest.mark.parametrize("name", ["Lambda-Runtime-Client-Context", "Lambda-Runtime-Cognito-Identity"])
async def test_a_callers_context_that_is_no_json_is_answered_with_an_error(name: str) -> None:
    async with serving(_first(lambda send: send(start(200)))) as api:
        with pytest.raises(FunctionFailed, match="JSONDecodeError"):
            await api.invoke(make_event(), headers={name: "{"}).begun()
        served = await _next_is_served(api)

    assert served


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("E" * 5000, f"Function.{'E' * 119}"),
        ("Ошибка", "Function.______"),
        ("A\r\nB: c", "Function.A__B__c"),
    ],
    ids=["long", "cyrillic", "line-break"],
)
@pytest.mark.parametrize("begun", [False, True], ids=["before-the-first-byte", "after-it"])
async def test_the_name_of_an_exception_never_breaks_its_report(name: str, type_: str, begun: bool) -> None:
    async def failing(send: Send) -> None:
        await send(start(200))
        if begun:
            await send(body(b"partial", more=True))
        raise type(name, (Exception,), {})("x" * 9000)

    async with serving(_first(failing)) as api:
        with pytest.raises(FunctionFailed) as failed:
            await read(api.invoke(make_event()))
        served = await _next_is_served(api)

    assert failed.value.type == type_
    assert len(base64.b64encode(json.dumps(failed.value.document).encode())) <= 2048
    assert served
