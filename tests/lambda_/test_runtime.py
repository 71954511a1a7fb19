"""The streaming runtime against a Runtime API of our own, which sees each chunk as it arrives."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import time

import pytest
from tests.lambda_.events import make_event
from tests.lambda_.serving import DELIMITER, Receive, Scope, Send, body, read, serving, start

from prxy.local.runtime_api import FunctionFailed


async def _greet(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start(200, (b"content-type", b"text/plain")))
    await send(body(b"hello"))


async def test_an_answer_is_a_prelude_eight_nul_bytes_and_the_body() -> None:
    async with serving(_greet) as api:
        answer = await read(api.invoke(make_event()))

    assert answer.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert answer.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.prelude == {"statusCode": 200, "headers": {"content-type": "text/plain"}}
    assert answer.body == b"hello"


async def test_prelude_and_first_body_leave_in_one_chunk() -> None:
    async with serving(_greet) as api:
        chunks = [chunk async for chunk in api.invoke(make_event()).chunks()]

    assert [chunk.partition(DELIMITER)[2] for chunk in chunks] == [b"hello"]


async def test_the_prelude_does_not_wait_for_an_app_that_waits() -> None:
    gate = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200))
        await gate.wait()
        await send(body(b"late"))

    async with serving(slow) as api:
        chunks = api.invoke(make_event()).chunks()
        first = await asyncio.wait_for(anext(chunks), 5)
        gate.set()
        rest = [chunk async for chunk in chunks]

    assert first == b'{"statusCode": 200}' + DELIMITER
    assert rest == [b"late"]


async def test_each_chunk_is_out_before_the_next_is_made() -> None:
    """G27."""
    made = 0
    gates = [asyncio.Event() for _ in range(5)]

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal made
        await send(start(200))
        for gate in gates:
            await gate.wait()
            made += 1
            await send(body(b"chunk %d" % made, more=True))
        await send(body())

    seen: list[tuple[int, bytes]] = []
    async with serving(counting) as api:
        chunks = api.invoke(make_event()).chunks()
        await anext(chunks)
        for gate in gates:
            gate.set()
            arrived = await asyncio.wait_for(anext(chunks), 5)
            seen.append((made, arrived))

    assert seen == [(k, b"chunk %d" % k) for k in range(1, 6)]


async def test_cookies_and_repeated_headers_all_arrive() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (b"Set-Cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            (b"x-one", b"1"),
            (b"x-two", b"1"),
            (b"X-Two", b"2"),
        ]
        await send(start(201, *headers, (b"transfer-encoding", b"chunked")))
        await send(body())

    async with serving(app) as api:
        answer = await read(api.invoke(make_event()))

    assert answer.prelude == {
        "statusCode": 201,
        "headers": {"x-one": "1"},
        "multiValueHeaders": {"x-two": ["1", "2"]},
        "cookies": ["a=1", "b=2"],
    }


async def test_the_app_sees_request_body_deadline_and_request_id() -> None:
    seen: Scope = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(scope, body=(await receive())["body"])
        await _greet(scope, receive, send)

    event = make_event("/v1/models/a%2Fb", body='{"x": "ü"}', headers={"Authorization": "Bearer k"}, request_id="r-7")
    async with serving(app) as api:
        await read(api.invoke(event, timeout_s=42))

    assert seen["path"] == "/v1/models/a/b"
    assert [b"authorization", b"Bearer k"] in seen["headers"]
    assert seen["body"] == '{"x": "ü"}'.encode()
    assert seen["prxy.request_id"] == "r-7"
    assert 40 < seen["prxy.deadline"] - time.time() < 43
    assert 40_000 < seen["aws.context"].get_remaining_time_in_millis() < 43_000


async def test_an_app_that_asks_on_hears_of_the_end_once_the_answer_is_complete() -> None:
    heard: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        listener = asyncio.create_task(receive())
        await _greet(scope, receive, send)
        heard.append((await listener)["type"])

    async with serving(app) as api:
        await read(api.invoke(make_event()))
        await read(api.invoke(make_event()))

    assert heard[0] == "http.disconnect"


async def test_an_error_before_the_first_byte_is_reported_without_its_message(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200))
        raise LookupError("a prompt with sk-secret")

    async with serving(app) as api:
        with pytest.raises(FunctionFailed) as failed:
            await api.invoke(make_event()).begun()

    assert failed.value.type == "Function.LookupError"
    assert failed.value.document["errorMessage"] == "unhandled LookupError"
    assert "test_runtime.py" in str(failed.value.document["stackTrace"])
    logged = json.loads(capfd.readouterr().err)
    assert logged["type"] == "Function.LookupError"
    assert "sk-secret" not in str(failed.value.document) + str(logged)


async def test_an_error_in_mid_stream_becomes_trailers_under_two_kilobytes() -> None:
    def deep(levels: int) -> None:
        if levels == 0:
            raise RuntimeError("x" * 10_000)
        deep(levels - 1)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200))
        await send(body(b"partial", more=True))
        deep(60)

    async with serving(app) as api:
        delivery = api.invoke(make_event())
        got: list[bytes] = []
        with pytest.raises(FunctionFailed) as failed:
            async for chunk in delivery.chunks():
                got += [chunk]

    assert got[-1].endswith(b"partial")
    assert failed.value.type == "Function.RuntimeError"
    assert len(base64.b64encode(json.dumps(failed.value.document).encode())) <= 2048


async def test_an_app_that_forgets_its_end_is_reported() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200))
        await send(body(b"partial", more=True))

    async with serving(app) as api:
        with pytest.raises(FunctionFailed, match="RuntimeError"):
            await read(api.invoke(make_event()))


async def test_a_head_that_api_gateway_would_not_read_is_an_error() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200, (b"x-long", b"v" * 17_000)))
        await send(body(b"never"))

    async with serving(app) as api:
        with pytest.raises(FunctionFailed, match="ValueError"):
            await api.invoke(make_event()).begun()


async def test_no_event_is_answered_twice_whatever_the_app_does() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await _greet(scope, receive, send)
        await _greet(scope, receive, send)

    async with serving(app) as api:
        answers = [await read(api.invoke(make_event())) for _ in range(3)]

    assert [answer.body for answer in answers] == [b"hello"] * 3
    assert api.receipts[:2] == [202, 202]
    assert 400 not in api.receipts


async def test_an_event_that_is_no_http_request_is_an_error_and_the_next_one_is_served() -> None:
    async with serving(_greet) as api:
        with pytest.raises(FunctionFailed, match="RuntimeError"):
            await api.invoke(b'{"detail": "a schedule"}').begun()
        answer = await read(api.invoke(make_event()))

    assert answer.body == b"hello"


async def test_an_app_that_cancels_itself_does_not_end_the_runtime() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    async with serving(app) as api:
        for _ in range(2):
            with pytest.raises(FunctionFailed, match="CancelledError"):
                await api.invoke(make_event()).begun()


async def test_the_invocation_token_is_given_back_with_answers_and_errors() -> None:
    async with serving(_greet) as api:
        answer = await read(api.invoke(make_event(), headers={"Lambda-Runtime-Invocation-Id": "token-1"}))

    assert answer.headers["lambda-runtime-invocation-id"] == "token-1"


async def test_the_trace_id_is_that_of_the_running_invocation() -> None:
    seen: list[str | None] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(os.environ.get("_X_AMZN_TRACE_ID"))
        await _greet(scope, receive, send)

    async with serving(app) as api:
        await read(api.invoke(make_event(), headers={"Lambda-Runtime-Trace-Id": "Root=1-a"}))
        await read(api.invoke(make_event()))

    assert seen == ["Root=1-a", None]


async def test_as_many_invocations_run_at_once_as_lambda_allows() -> None:
    running = 0
    all_here = asyncio.Event()
    traces: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal running
        running += 1
        traces.append(scope["aws.context"].trace_id)
        if running == 4:
            all_here.set()
        await all_here.wait()
        await send(start(200))
        await send(body(scope["prxy.request_id"].encode()))

    async with serving(app, {"AWS_LAMBDA_MAX_CONCURRENCY": "4"}) as api:
        deliveries = [
            api.invoke(make_event(request_id=f"r{k}"), headers={"Lambda-Runtime-Trace-Id": f"t{k}"}) for k in range(4)
        ]
        answers = await asyncio.wait_for(asyncio.gather(*map(read, deliveries)), 5)

    assert [answer.body for answer in answers] == [b"r0", b"r1", b"r2", b"r3"]
    assert sorted(traces) == ["t0", "t1", "t2", "t3"]


async def test_sixteen_megabytes_pass_at_the_readers_pace() -> None:
    sent = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(start(200))
        for _ in range(16):
            await send(body(b"x" * 1024 * 1024, more=True))
            sent += 1
        await send(body())

    async with serving(app) as api:
        chunks = api.invoke(make_event()).chunks()
        total = len(await anext(chunks)) - len(b'{"statusCode": 200}' + DELIMITER)
        await asyncio.sleep(0.2)
        sent_to_a_reader_who_waits = sent
        async for chunk in chunks:
            assert len(chunk) <= 64 * 1024
            total += len(chunk)

    assert sent_to_a_reader_who_waits < 16
    assert total == 16 * 1024 * 1024


async def test_two_hundred_invocations_leave_nothing_behind() -> None:
    async with serving(_greet) as api:
        for _ in range(50):
            await read(api.invoke(make_event()))
        gc.collect()
        objects, tasks = len(gc.get_objects()), len(asyncio.all_tasks())
        for _ in range(200):
            await read(api.invoke(make_event()))
        gc.collect()
        api.receipts.clear()

    assert len(gc.get_objects()) - objects < 100
    assert len(asyncio.all_tasks()) <= tasks


async def test_a_lost_connection_costs_one_answer_and_not_the_runtime() -> None:
    gate = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["prxy.request_id"] == "lost":
            await send(start(200))
            await send(body(b"partial", more=True))
            await gate.wait()
            await send(body(b"more"))
        else:
            await _greet(scope, receive, send)

    async with serving(app) as api:
        chunks = api.invoke(make_event(request_id="lost")).chunks()
        await anext(chunks)
        await api.drop_connections()
        gate.set()
        answer = await read(api.invoke(make_event()))
        with pytest.raises(FunctionFailed, match="broke off"):
            await asyncio.wait_for(anext(chunks), 5)

    assert answer.body == b"hello"
