"""How long a transport waits, and what is left behind when its caller gives up."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from tests.contract.calls import CHUNKED, SHORT, answer, ask, closing_after, refused
from tests.contract.hostile import OK, Peer, hostile, replying, whole

from prxy.canonical.errors import (
    GatewayError,
    ProviderStreamInterrupted,
    ProviderTimeout,
)
from prxy.providers.through_httpx import HttpxTransport
from prxy.providers.transport import HttpReply, Transport


async def test_no_answer_is_a_timeout_at_the_first_byte_deadline(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.until_closed()

    started = asyncio.get_running_loop().time()
    async with hostile(script) as server:
        await refused(transport, ask(server.url, deadlines=replace(SHORT, total_s=9)), ProviderTimeout)

    assert 0.15 < asyncio.get_running_loop().time() - started < 2


async def test_silence_in_the_body_is_a_timeout_at_the_idle_deadline(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"5\r\nhello\r\n")
        await peer.until_closed()

    async with hostile(script) as server:
        request = ask(server.url, deadlines=replace(SHORT, first_byte_s=9, total_s=9))
        reply = await transport.send(request)
        chunks = reply.chunks()

        assert await anext(chunks) == b"hello"
        with pytest.raises(ProviderTimeout):
            await anext(chunks)
        await reply.aclose()


async def test_a_head_that_drips_for_ever_is_a_timeout(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK, *([b"x: y\r\n"] * 80), pause_s=0.02)

    async with hostile(script) as server:
        await refused(transport, ask(server.url, deadlines=replace(SHORT, first_byte_s=0.3)), ProviderTimeout)


async def test_a_body_that_drips_for_ever_is_a_timeout_at_the_total_deadline(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED, *([b"1\r\nx\r\n"] * 200), pause_s=0.02)

    async with hostile(script) as server:
        await refused(transport, ask(server.url, deadlines=SHORT), ProviderTimeout)


async def test_time_that_the_caller_takes_is_not_the_servers_idleness(transport: Transport) -> None:
    async with hostile(replying(CHUNKED + b"5\r\nhello\r\n", b"5\r\nworld\r\n", b"0\r\n\r\n", pause_s=0.1)) as server:
        reply = await transport.send(ask(server.url, deadlines=replace(SHORT, total_s=9)))
        seen = b""
        async for chunk in reply.chunks():
            seen += chunk
            await asyncio.sleep(0.3)

    assert seen == b"helloworld"


async def test_a_caller_that_does_not_read_holds_the_server_back(transport: Transport) -> None:
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(OK + b"content-length: 67108864\r\n\r\n")
        for _ in range(1024):
            await peer.send(b"x" * 65536)
            sent += 65536

    async with hostile(script) as server:
        reply = await transport.send(ask(server.url))
        await asyncio.sleep(0.5)
        held_back_at = sent
        await reply.aclose()

    assert held_back_at < 32 * 2**20


async def test_the_proxy_of_the_environment_is_used_by_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hostile(replying(whole(b"through"))) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1/x"))
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with closing_after(HttpxTransport()) as transport:
            assert await answer(transport, ask("http://provider.example/v1/x")) == b"through"

    assert proxy.requests[0].startswith(b"POST http://provider.example/v1/x HTTP/1.1\r\n")


async def test_a_cancelled_call_leaves_nothing_for_the_next(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            await peer.send(whole(request[-7:]), pause_s=0.0 if b"quickly" in request else 0.1)

    async with hostile(script) as server:
        assert await answer(transport, ask(server.url, b"quickly")) == b"quickly"
        slow = asyncio.create_task(answer(transport, ask(server.url, b"too late")))
        await asyncio.sleep(0.02)
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)

        for _ in range(3):
            assert await answer(transport, ask(server.url, b"quickly")) == b"quickly"


async def test_a_call_cancelled_at_any_moment_leaves_nothing_for_the_next(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            nonce = request[-4:]
            await peer.send(CHUNKED + b"4\r\n", nonce, b"\r\n", b"0\r\n\r\n")

    async def one(number: int) -> bool:
        nonce = b"%04d" % number
        return await answer(transport, ask(server.url, nonce)) == nonce

    async with hostile(script) as server:
        for number in range(60):
            task = asyncio.create_task(one(number))
            for _ in range(number % 20):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await one(number + 100)


async def test_a_reply_that_was_not_read_to_its_end_costs_its_connection(transport: Transport) -> None:
    async with hostile(replying(CHUNKED + b"5\r\nhello\r\n", b"0\r\n\r\n", pause_s=0.05)) as server:
        reply = await transport.send(ask(server.url))
        await anext(reply.chunks())
        await reply.aclose()
        await reply.aclose()

        assert await answer(transport, ask(server.url)) == b"hello"

    assert server.connections == 2


async def test_closing_the_transport_ends_what_is_under_way(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"5\r\nhello\r\n")
        await peer.until_closed()

    async with hostile(script) as server:
        reply: HttpReply = await transport.send(ask(server.url, deadlines=replace(SHORT, total_s=9)))
        await transport.aclose()

        with pytest.raises((ProviderStreamInterrupted, ProviderTimeout)):
            await reply.read()
        await reply.aclose()


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\0b", "\N{SNOWMAN}"])
async def test_a_header_that_would_break_out_of_its_line_is_never_sent(transport: Transport, value: str) -> None:
    async with hostile(replying(whole(b"x"))) as server:
        await refused(transport, replace(ask(server.url), headers={"x-one": value}), GatewayError)

    assert server.connections <= 1
