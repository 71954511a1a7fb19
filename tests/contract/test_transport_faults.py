"""What every transport makes of replies that are not what they should be."""

from __future__ import annotations

import pytest
from tests.contract.calls import CHUNKED, ask, refused
from tests.contract.hostile import OK, Peer, hostile, replying, replying_once

from prxy.canonical.errors import (
    ProviderBadResponse,
    ProviderConnectionFailed,
    ProviderStreamInterrupted,
)
from prxy.providers.limits import MAX_BODY_BYTES
from prxy.providers.transport import Deadlines, Transport


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"<html>no</html>\r\n\r\n", id="no HTTP"),
        pytest.param(b"HTTP/1.1 xyz OK\r\n\r\n", id="no status"),
        pytest.param(OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", id="length and chunks"),
        pytest.param(OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", id="chunks and length"),
        pytest.param(OK + b"content-length: 2\r\ncontent-length: 5\r\n\r\nhello", id="two lengths"),
        pytest.param(OK + b"content-length: -5\r\n\r\nhello", id="negative length"),
        pytest.param(OK + b"no colon here\r\n\r\n", id="a line that is no header"),
        pytest.param(OK + b"x: " + b"y" * 102_400 + b"\r\ncontent-length: 0\r\n\r\n", id="a header of 100 KB"),
        pytest.param(OK + b"x: y\r\n" * 1_000 + b"content-length: 0\r\n\r\n", id="a thousand headers"),
        pytest.param(OK + b"x: " + b"y" * 300_000, id="a head without end"),
        pytest.param(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", id="upgrade"),
    ],
)
async def test_a_head_that_is_not_http_is_a_bad_response(transport: Transport, reply: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(reply)
        await peer.until_closed()

    async with hostile(script) as server:
        await refused(transport, ask(server.url, deadlines=Deadlines(first_byte_s=2)), ProviderBadResponse)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200", id="half a status line"),
        pytest.param(OK + b"content-le", id="half a head"),
        pytest.param(OK + b"content-length: 10\r\n\r\nhell", id="half a length"),
        pytest.param(CHUNKED + b"5\r\nhel", id="half a chunk"),
        pytest.param(CHUNKED + b"5\r\nhello\r\n", id="no last chunk"),
        pytest.param(CHUNKED + b"5\r\nhello\r\n0\r\n", id="no end of trailers"),
    ],
)
async def test_a_connection_that_closes_early_interrupts_the_reply(transport: Transport, reply: bytes) -> None:
    async with hostile(replying_once(reply)) as server:
        await refused(transport, ask(server.url), ProviderStreamInterrupted)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n", id="a size that is no number"),
        pytest.param(CHUNKED + b"5\r\nhelloworld\r\n0\r\n\r\n", id="a chunk longer than it says"),
        pytest.param(CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", id="a negative size"),
    ],
)
async def test_bad_chunks_interrupt_the_reply(transport: Transport, reply: bytes) -> None:
    async with hostile(replying(reply)) as server:
        await refused(transport, ask(server.url), ProviderStreamInterrupted)


@pytest.mark.parametrize(
    "before", [b"", OK + b"content-le", OK + b"content-length: 9\r\n\r\nhell", CHUNKED + b"5\r\nh"]
)
async def test_a_reset_interrupts_the_reply(transport: Transport, before: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(before, pause_s=0.02)
        peer.reset()

    async with hostile(script) as server:
        await refused(transport, ask(server.url), ProviderStreamInterrupted)


async def test_a_reset_of_a_body_without_length_is_not_its_end(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"\r\nhalf", pause_s=0.02)
        peer.reset()

    async with hostile(script) as server:
        await refused(transport, ask(server.url), ProviderStreamInterrupted)


async def test_what_came_before_an_interruption_is_given_out_first(transport: Transport) -> None:
    async with hostile(replying_once(CHUNKED + b"5\r\nhello\r\n")) as server:
        reply = await transport.send(ask(server.url))
        chunks = reply.chunks()

        assert await anext(chunks) == b"hello"
        with pytest.raises(ProviderStreamInterrupted):
            await anext(chunks)
        await reply.aclose()


async def test_a_server_that_closes_before_it_listens_is_an_error_of_the_connection(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        peer.writer.close()

    async with hostile(script) as server:
        await refused(transport, ask(server.url), ProviderStreamInterrupted, ProviderConnectionFailed)


@pytest.mark.parametrize("announced", [True, False], ids=["length", "chunks"])
async def test_a_body_over_the_cap_is_cut_off(transport: Transport, announced: bool) -> None:
    piece = b"x" * (1 << 20)
    count = MAX_BODY_BYTES // len(piece) + 2

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"content-length: %d\r\n\r\n" % (count * len(piece)) if announced else CHUNKED)
        for _ in range(count):
            await peer.send(piece if announced else b"100000\r\n" + piece + b"\r\n")

    async with hostile(script) as server:
        reply = await transport.send(ask(server.url))
        size = 0
        with pytest.raises(ProviderBadResponse):
            async for chunk in reply.chunks():
                size += len(chunk)
        await reply.aclose()

    assert size <= MAX_BODY_BYTES
