"""What every transport does with a server that behaves."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import closing

import pytest
from msgspec.structs import replace
from tests.contract.calls import CHUNKED, SHORT, answer, ask, refused
from tests.contract.hostile import OK, Peer, hostile, replying, replying_once, whole

from prxy.canonical.errors import (
    ProviderConnectionFailed,
    ProviderStreamInterrupted,
)
from prxy.providers.transport import HttpRequest, Transport


async def test_sends_method_headers_and_body_as_given_and_adds_only_its_own(transport: Transport, real: str) -> None:
    request = HttpRequest(url=f"{real}/echo", headers={"x-one": "1", "accept": "a/b"}, body=b'{"a": 1}')

    seen = json.loads(await answer(transport, request))

    assert seen["method"] == "POST"
    assert seen["body"] == '{"a": 1}'
    assert seen["headers"].pop("connection", "keep-alive") == "keep-alive"
    assert seen["headers"] == {
        "host": real.removeprefix("http://"),
        "x-one": "1",
        "accept": "a/b",
        "accept-encoding": "identity",
        "content-length": "8",
    }


async def test_reply_headers_have_lower_case_names_and_the_last_of_a_repeated_one_wins(
    transport: Transport, real: str
) -> None:
    reply = await transport.send(ask(f"{real}/echo"))

    await reply.read()

    assert reply.status == 200
    assert reply.headers["x-twice"] == "2"


async def test_a_large_request_body_arrives_whole(transport: Transport, real: str) -> None:
    assert await answer(transport, ask(f"{real}/size", b"y" * 5_000_000)) == b"5000000"


async def test_a_large_reply_arrives_whole_although_the_caller_dawdles(transport: Transport, real: str) -> None:
    reply = await transport.send(ask(f"{real}/big?n=8388608"))

    size = 0
    async for chunk in reply.chunks():
        size += len(chunk)
        await asyncio.sleep(0.001)

    assert size == 8388608


async def test_chunks_come_while_the_reply_is_still_being_made(transport: Transport, real: str) -> None:
    reply = await transport.send(ask(f"{real}/drops?n=5"))

    chunks = [chunk async for chunk in reply.chunks()]

    assert len(chunks) >= 3
    assert b"".join(chunks) == b"".join(b"line %d\n" % number for number in range(5))


async def test_escaped_paths_and_queries_travel_as_they_are(transport: Transport) -> None:
    async with hostile(replying(whole(b"ok"))) as server:
        await answer(transport, ask(f"{server.url}/a%2Fb%3A1?alt=sse"))

    assert server.requests[0].startswith(b"POST /v1/x/a%2Fb%3A1?alt=sse HTTP/1.1\r\n")


async def test_three_hundred_calls_at_once_each_get_their_own_answer(transport: Transport, real: str) -> None:
    async def one(number: int) -> str:
        seen = json.loads(await answer(transport, ask(f"{real}/echo", b'{"nonce": %d}' % number)))
        return str(seen["body"])

    bodies = await asyncio.gather(*(one(number) for number in range(300)))

    assert bodies == [f'{{"nonce": {number}}}' for number in range(300)]


# Connections


async def test_calls_in_a_row_share_one_connection(lean: Transport) -> None:
    async with hostile(replying(whole(b"one"))) as server:
        for _ in range(5):
            assert await answer(lean, ask(server.url)) == b"one"

    assert server.connections == 1


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(whole(b"x", b"connection: close\r\n"), id="the server says close"),
        pytest.param(b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", id="HTTP/1.0"),
    ],
)
async def test_a_connection_that_will_not_persist_is_not_used_again(transport: Transport, reply: bytes) -> None:
    async with hostile(replying(reply)) as server:
        for _ in range(2):
            assert await answer(transport, ask(server.url)) == b"x"

    assert server.connections == 2


async def test_bytes_after_the_reply_never_become_part_of_the_next(transport: Transport) -> None:
    async with hostile(replying(whole(b"good") + whole(b"evil"))) as server:
        for _ in range(3):
            assert await answer(transport, ask(server.url)) == b"good"

    assert server.connections == 3


async def test_bytes_that_come_later_and_unasked_never_become_part_of_the_next(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(whole(b"good"), pause_s=0.05)
            await peer.send(whole(b"evil"))

    async with hostile(script) as server:
        for _ in range(3):
            assert await answer(transport, ask(server.url)) == b"good"
            await asyncio.sleep(0.1)

    assert server.connections == 3


async def test_a_pooled_connection_that_the_server_closed_meanwhile_costs_nothing(transport: Transport) -> None:
    async with hostile(replying_once(whole(b"fresh"))) as server:
        for _ in range(3):
            assert await answer(transport, ask(server.url)) == b"fresh"
            await asyncio.sleep(0.02)

    assert server.connections == 3


async def test_a_request_is_never_sent_twice_when_its_pooled_connection_closes_without_a_byte(
    lean: Transport,
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(whole(b"first"))
        await peer.request()

    async with hostile(script) as server:
        assert await answer(lean, ask(server.url)) == b"first"
        await refused(lean, ask(server.url), ProviderStreamInterrupted)

    assert len(server.requests) == 2
    assert server.connections == 1


async def test_nobody_listens_is_a_failed_connection(transport: Transport) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"

        await refused(transport, ask(url), ProviderConnectionFailed)


async def test_a_name_that_does_not_resolve_is_a_failed_connection(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)

    await refused(transport, ask("http://nobody.invalid/"), ProviderConnectionFailed)


async def test_a_server_that_does_not_accept_is_a_failed_connection_at_the_connect_deadline(
    transport: Transport,
) -> None:
    with closing(socket.socket()) as full, closing(socket.socket()) as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first.connect(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"

        await refused(transport, ask(url, deadlines=replace(SHORT, connect_s=0.2, total_s=5)), ProviderConnectionFailed)


async def test_ipv6_addresses_work(transport: Transport) -> None:
    try:
        server = await asyncio.start_server(lambda r, w: w.close(), "::1", 0)
    except OSError:
        pytest.skip("This machine has no IPv6 loopback.")
    server.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await Peer(reader, writer).request()
        host = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"host:"))
        writer.write(whole(host[6:], b"connection: close\r\n"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "::1", 0)
    port = server.sockets[0].getsockname()[1]

    assert await answer(transport, ask(f"http://[::1]:{port}/")) == b"[::1]:%d" % port
    server.close()


# Replies as they should be, in any cut


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(whole(b"hello world"), id="length"),
        pytest.param(CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", id="chunks"),
        pytest.param(CHUNKED + b"5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 1\r\n\r\n", id="extension and trailer"),
        pytest.param(b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + whole(b"hello world"), id="103 first"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + whole(b"hello world"), id="100 thrice"),
    ],
)
async def test_a_reply_reads_the_same_wherever_it_is_cut(transport: Transport, reply: bytes) -> None:
    cuts = iter(range(len(reply)))

    async def script(peer: Peer) -> None:
        while await peer.request():
            cut = next(cuts)
            await peer.send(reply[:cut], reply[cut:])

    async with hostile(script) as server:
        for _ in range(len(reply)):
            assert await answer(transport, ask(server.url)) == b"hello world"


async def test_a_reply_sent_byte_by_byte_is_whole(transport: Transport) -> None:
    reply = CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"

    async with hostile(replying(*(reply[at : at + 1] for at in range(len(reply))))) as server:
        assert await answer(transport, ask(server.url)) == b"hello"


async def test_a_body_without_length_ends_with_the_connection(transport: Transport) -> None:
    async with hostile(replying_once(OK + b"\r\nhello ", b"world")) as server:
        assert await answer(transport, ask(server.url)) == b"hello world"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_a_status_without_body_ends_with_its_head(transport: Transport, status: bytes) -> None:
    async with hostile(replying(b"HTTP/1.1 " + status + b"\r\n\r\n")) as server:
        for _ in range(2):
            assert await answer(transport, ask(server.url)) == b""


async def test_the_reply_to_head_has_no_body_whatever_its_length_says(transport: Transport) -> None:
    async with hostile(replying(OK + b"content-length: 5\r\n\r\n")) as server:
        reply = await transport.send(replace(ask(server.url), method="HEAD"))

        assert await reply.read() == b""
        assert reply.headers["content-length"] == "5"


async def test_an_error_status_is_a_reply_like_any_other(transport: Transport) -> None:
    async with hostile(replying(b"HTTP/1.1 529 Overloaded\r\nretry-after: 3\r\ncontent-length: 2\r\n\r\nno")) as server:
        reply = await transport.send(ask(server.url))

        assert (reply.status, reply.headers["retry-after"], await reply.read()) == (529, "3", b"no")


async def test_redirects_are_not_followed(transport: Transport) -> None:
    async with hostile(replying(whole(b"elsewhere"))) as other:
        location = b"location: " + other.url.encode() + b"\r\ncontent-length: 0\r\n\r\n"
        async with hostile(replying(b"HTTP/1.1 307 Temporary Redirect\r\n" + location)) as server:
            reply = await transport.send(ask(server.url))
            await reply.read()

    assert reply.status == 307
    assert other.connections == 0


async def test_compressed_bodies_stay_as_they_came(transport: Transport) -> None:
    async with hostile(replying(whole(b"\x1f\x8bnot really gzip", b"content-encoding: gzip\r\n"))) as server:
        assert await answer(transport, ask(server.url)) == b"\x1f\x8bnot really gzip"


async def test_cookies_are_not_kept(transport: Transport) -> None:
    async with hostile(replying(whole(b"x", b"set-cookie: a=b; Path=/\r\n"))) as server:
        for _ in range(2):
            await answer(transport, ask(server.url))

    assert b"cookie" not in server.requests[1].lower()
