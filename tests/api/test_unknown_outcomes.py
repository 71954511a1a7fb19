"""Calls of which nobody knows what they were billed: the whole hold is charged, and counted as unconfirmed."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from tests.api.paid import Books, Paid, charged, forfeited, paid_gateway
from tests.api.upstream import Answer, Upstream
from tests.api.wires import SSE, USAGES, Said, Wire, both_ways, on_every_wire, on_native_wires

from prxy.local import dynamodb

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paid(store: str, upstream: Upstream) -> AsyncIterator[Paid]:
    async with paid_gateway(store, upstream.url) as gateway:
        yield gateway


def counted_early(said: bytes) -> bytes:
    """The same events, each with a count of its own. Anthropic's begin with one anyway."""
    said = said.replace(b'"choices"', b'"usage": %s, "choices"' % json.dumps(USAGES["openai"]).encode())
    return said.replace(b'"candidates"', b'"usageMetadata": %s, "candidates"' % json.dumps(USAGES["google"]).encode())


@on_every_wire
async def test_usage_in_the_middle_of_a_stream_does_not_stand_for_its_end(
    paid: Paid, upstream: Upstream, wire: Wire
) -> None:
    """M18: some providers count with every event; here words came after the last count."""
    said = wire.said({})
    head, delta, more = said.words.rpartition(b"event: content_block_delta")
    body = [counted_early(said.words), (delta if head else b"") + more, said.closing, said.terminal]
    fixture = upstream.put("early", Answer(body=body, headers=SSE))

    reply, books = await charged(paid, wire, fixture, stream=True)

    assert reply.content.endswith(wire.ends)
    assert books == await forfeited(paid, wire, stream=True)


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def listening(stack: AsyncExitStack, handler: Handler) -> str:
    server = await stack.enter_async_context(await asyncio.start_server(handler, "127.0.0.1", 0))
    return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def whole_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await whole_request(reader)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await whole_request(reader)
    writer.close()


async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)
    writer.close()


HASTY = {"PRXY_FIRST_BYTE_TIMEOUT_S": "0.4", "PRXY_IDLE_TIMEOUT_S": "0.4", "PRXY_TOTAL_TIMEOUT_S": "0.8"}
UNANSWERED: Mapping[str, tuple[Handler, int]] = {
    "reset": (reset, 502),
    "closed": (hang_up, 502),
    "silent": (keep_silent, 504),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unanswered(store: str) -> AsyncIterator[Mapping[str, Paid]]:
    """Gateways whose providers take a request and say nothing to it."""
    async with AsyncExitStack() as stack:
        urls = {name: f"http://{await listening(stack, handler)}" for name, (handler, _) in UNANSWERED.items()}
        yield {name: await stack.enter_async_context(paid_gateway(store, url, **HASTY)) for name, url in urls.items()}


@on_native_wires
@both_ways
@pytest.mark.parametrize("how", UNANSWERED)
async def test_a_request_that_was_sent_and_not_answered_costs_the_whole_hold(
    unanswered: Mapping[str, Paid], wire: Wire, how: str, *, stream: bool
) -> None:
    """M13: nobody knows whether the provider works on it."""
    paid = unanswered[how]

    reply, books = await charged(paid, wire, "nobody", stream=stream)

    assert reply.status_code == UNANSWERED[how][1]
    assert books == await forfeited(paid, wire, stream=stream)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty(store: str, upstream: Upstream) -> AsyncIterator[Paid]:
    """A gateway that waits 0.4 s for the next bytes and 0.8 s for all of them."""
    async with paid_gateway(store, upstream.url, **HASTY) as gateway:
        yield gateway


def broken_streams(said: Said) -> Mapping[str, Answer]:
    """Streams that end before the provider has told what it bills."""
    half, rest = said.closing[:-20], (said.closing, said.terminal)
    error = b'event: error\ndata: {"type": "error", "error": {"type": "api_error", "message": "no"}}\n\n'
    return {
        "cut off": Answer(body=[said.words], headers=SSE, cut=True),
        "cut off in the first event": Answer(body=[said.words[:40]], headers=SSE, cut=True),
        "closed": Answer(body=[said.words], headers=SSE),
        "closed before the first event": Answer(body=b"", headers=SSE),
        "half an event": Answer(body=[said.words, half], headers=SSE),
        "half an event, cut off": Answer(body=[said.words, half], headers=SSE, cut=True),
        "broken event": Answer(body=[said.words, b"data: {broken\n\n", *rest], headers=SSE),
        "broken first event": Answer(body=[b"data: {broken\n\n", *rest], headers=SSE),
        "endless line": Answer(body=[said.words, b"data: " + b"x" * (1 << 20)], headers=SSE),
        "an error": Answer(body=[said.words, error, *rest], headers=SSE),
        "silence": Answer(body=[said.words, *rest], headers=SSE, pause_s=1.5),
        "no end": Answer(body=[said.words, *[b": nothing\n\n"] * 20], headers=SSE, pause_s=0.2),
    }


BREAKS = tuple(broken_streams(Said(words=b"", closing=b"", terminal=b"")))


@on_every_wire
@pytest.mark.parametrize("how", BREAKS)
async def test_a_stream_without_its_end_costs_the_whole_hold(
    hasty: Paid, upstream: Upstream, wire: Wire, how: str
) -> None:
    """Had the rest been read, it might have told any usage up to the hold."""
    fixture = upstream.put("broken-stream", broken_streams(wire.said(wire.billed))[how])

    reply, books = await charged(hasty, wire, fixture, stream=True)

    assert upstream.asked[fixture]
    assert b'"error"' in reply.content
    assert not wire.ends or wire.ends not in reply.content
    assert books == await forfeited(hasty, wire, stream=True)


@on_every_wire
@pytest.mark.parametrize("how", ["cut off", "silence", "half an event"])
async def test_a_stream_that_breaks_behind_its_final_usage_costs_what_that_says(
    hasty: Paid, upstream: Upstream, wire: Wire, how: str
) -> None:
    said = wire.said(wire.billed)
    paid_for = said.words + said.closing
    answers = {
        "cut off": Answer(body=[paid_for], headers=SSE, cut=True),
        "silence": Answer(body=[paid_for, said.terminal], headers=SSE, pause_s=1.5),
        "half an event": Answer(body=[paid_for, b"data: {"], headers=SSE),
    }
    fixture = upstream.put("behind-usage", answers[how])

    _, books = await charged(hasty, wire, fixture, stream=True)

    assert books == Books(spent=wire.cost_nano)


def broken_bodies(body: bytes) -> Mapping[str, Answer]:
    half, rest = body[:-30], body[-30:]
    return {
        "cut off": Answer(body=half, cut=True),
        "half": Answer(body=half),
        "empty": Answer(body=b""),
        "null": Answer(body=b"null"),
        "a page": Answer(body=b"<html>", headers={"content-type": "text/html"}),
        "silence": Answer(body=[half, rest], pause_s=1.5),
    }


@on_native_wires
@pytest.mark.parametrize("how", broken_bodies(b""))
async def test_a_body_that_cannot_be_read_costs_the_whole_hold(
    hasty: Paid, upstream: Upstream, wire: Wire, how: str
) -> None:
    """P10: the provider said that it had served the call."""
    body = json.dumps(wire.whole(wire.billed)).encode()
    fixture = upstream.put("broken-body", broken_bodies(body)[how])

    reply, books = await charged(hasty, wire, fixture, stream=False)

    assert upstream.asked[fixture]
    assert reply.status_code in (502, 504)
    assert books == await forfeited(hasty, wire, stream=False)
