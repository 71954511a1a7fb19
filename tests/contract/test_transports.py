"""What every transport promises, against a real server and against one that misbehaves."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.contract.hostile import OK, Peer, hostile, replying, replying_once, whole

from prxy.canonical.errors import (
    GatewayError,
    ProviderBadResponse,
    ProviderConnectionFailed,
    ProviderStreamInterrupted,
    ProviderTimeout,
)
from prxy.providers.lean import LeanTransport
from prxy.providers.limits import MAX_BODY_BYTES
from prxy.providers.through_httpx import HttpxTransport
from prxy.providers.tls import tls_context
from prxy.providers.transport import Deadlines, HttpReply, HttpRequest, Transport

CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
PATIENT = Deadlines()
SHORT = Deadlines(connect_s=1, first_byte_s=0.2, idle_s=0.2, total_s=0.5)


@pytest.fixture(params=[LeanTransport, HttpxTransport], ids=["lean", "httpx"])
async def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Transport]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with closing_after(request.param()) as made:
        yield made


@pytest.fixture
async def lean() -> AsyncIterator[Transport]:
    """The one that uses a connection for more than one call."""
    async with closing_after(LeanTransport()) as made:
        yield made


@asynccontextmanager
async def closing_after(made: Transport) -> AsyncIterator[Transport]:
    yield made
    await made.aclose()
    await asyncio.sleep(0.01)
    gc.collect()  # a socket that was not closed warns here, and warnings are errors


def ask(url: str, body: bytes = b"{}", deadlines: Deadlines = PATIENT) -> HttpRequest:
    return HttpRequest(url=url, headers={"content-type": "application/json"}, body=body, deadlines=deadlines)


async def answer(transport: Transport, request: HttpRequest) -> bytes:
    reply = await transport.send(request)
    try:
        return await reply.read()
    finally:
        await reply.aclose()


async def refused(transport: Transport, request: HttpRequest, *errors: type[GatewayError]) -> GatewayError:
    """The error with which a call ends, in its head or in its body."""
    with pytest.raises(errors) as caught:
        await answer(transport, request)
    return caught.value


# A well-behaved server


async def app(scope: dict, receive, send) -> None:
    """`/echo` says what it got; `/big?n=` sends that many bytes; `/drops?n=` sends that many lines one by one."""
    query = {name: int(values[0]) for name, values in parse_qs(scope["query_string"].decode()).items()}
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Twice", b"1"), (b"x-twice", b"2")]})
    match scope["path"]:
        case "/echo":
            heads = {name.decode(): value.decode() for name, value in scope["headers"]}
            seen = {
                "method": scope["method"],
                "headers": heads,
                "body": body.decode(),
                "raw": scope["raw_path"].decode(),
            }
            await send({"type": "http.response.body", "body": json.dumps(seen).encode()})
        case "/size":
            await send({"type": "http.response.body", "body": b"%d" % len(body)})
        case "/big":
            for _ in range(query["n"] // 65536):
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        case "/drops":
            for number in range(query["n"]):
                await send({"type": "http.response.body", "body": b"line %d\n" % number, "more_body": True})
                await asyncio.sleep(0.01)
            await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def real() -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="error", ws="none", http="httptools"))
    serving = asyncio.create_task(server.serve())
    for _ in range(500):
        if server.started:
            break
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


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


# Replies as they should not be


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


# Deadlines


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


# Giving up


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


# TLS


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ssl.SSLContext]]:
    """A throwaway authority that the process trusts, and servers by the name in their certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "throwaway")])
    authority = sign(name, key, x509.BasicConstraints(ca=True, path_length=0), name, key)
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    tls_context.cache_clear()
    stranger = ec.generate_private_key(ec.SECP256R1())
    yield {
        "right": serving(tmp_path, x509.IPAddress(ip_address("127.0.0.1")), name, key),
        "wrong name": serving(tmp_path, x509.DNSName("other.example"), name, key),
        "unknown authority": serving(tmp_path, x509.IPAddress(ip_address("127.0.0.1")), name, stranger),
        "expired": serving(tmp_path, x509.IPAddress(ip_address("127.0.0.1")), name, key, days=-1),
    }
    tls_context.cache_clear()


def sign(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    days: int = 2,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .sign(issuer_key, hashes.SHA256())
    )


def serving(
    folder: Path, host: x509.GeneralName, issuer: x509.Name, issuer_key: ec.EllipticCurvePrivateKey, days: int = 2
) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    certificate = sign(subject, key, x509.SubjectAlternativeName([host]), issuer, issuer_key, days)
    both = folder / "server.pem"
    both.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(both)
    return context


async def test_tls_with_a_trusted_certificate_works(
    transport: Transport, certificates: dict[str, ssl.SSLContext]
) -> None:
    async with hostile(replying(CHUNKED + b"5\r\nhello\r\n", b"0\r\n\r\n"), certificates["right"]) as server:
        for _ in range(3):
            assert await answer(transport, ask(server.url, b"z" * 100_000)) == b"hello"


async def test_tls_connections_are_kept(lean: Transport, certificates: dict[str, ssl.SSLContext]) -> None:
    async with hostile(replying(whole(b"hello")), certificates["right"]) as server:
        for _ in range(5):
            assert await answer(lean, ask(server.url)) == b"hello"

    assert server.connections == 1


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(whole(b""), id="empty body"),
        pytest.param(CHUNKED + b"5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n", id="trailer"),
        pytest.param(b"HTTP/1.1 103 Early\r\n\r\n" + whole(b"x"), id="103 first"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", id="204"),
        pytest.param(b"HTTP/1.1 500 Oh\r\ncontent-length: 1\r\n\r\nx", id="error"),
        pytest.param(b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx", id="HTTP/1.0"),
    ],
)
async def test_a_reply_that_is_complete_leaves_its_connection_usable(lean: Transport, reply: bytes) -> None:
    async with hostile(replying(reply)) as server:
        for _ in range(3):
            await answer(lean, ask(server.url))

    assert server.connections == 1


async def test_a_connection_is_not_kept_longer_than_the_server_promised(lean: Transport) -> None:
    async with hostile(replying(whole(b"x", b"keep-alive: timeout=1, max=5\r\n"))) as server:
        for _ in range(2):
            assert await answer(lean, ask(server.url)) == b"x"

    assert server.connections == 2


@pytest.mark.parametrize("which", ["wrong name", "unknown authority", "expired"])
async def test_tls_with_a_certificate_that_does_not_verify_is_a_failed_connection(
    transport: Transport, certificates: dict[str, ssl.SSLContext], which: str
) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's side of the failed handshake

    async with hostile(replying(whole(b"secret")), certificates[which]) as server:
        await refused(transport, ask(server.url), ProviderConnectionFailed)


async def test_a_server_that_speaks_no_tls_is_a_failed_connection(transport: Transport) -> None:
    async with hostile(replying_once(whole(b"plain"))) as server:
        url = server.url.replace("http:", "https:")

        await refused(transport, ask(url, deadlines=replace(SHORT, connect_s=0.3)), ProviderConnectionFailed)
