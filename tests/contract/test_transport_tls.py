"""Whom a transport trusts."""

from __future__ import annotations

import asyncio
import socket
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace
from tests.contract.calls import CHUNKED, SHORT, answer, ask, refused
from tests.contract.certificates import Authority, serving, serving_alone
from tests.contract.hostile import OK, Peer, Script, hostile, replying, replying_once, whole

from prxy.canonical.errors import (
    ProviderConnectionFailed,
    ProviderStreamInterrupted,
)
from prxy.providers.lean import LeanTransport
from prxy.providers.tls import tls_context
from prxy.providers.transport import Transport


@pytest.fixture
def certificates(tmp_path: Path, authority: Authority) -> dict[str, ssl.SSLContext]:
    """Servers by what their certificate is."""
    here, elsewhere = x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("other.example")
    stranger = Authority(authority.name, ec.generate_private_key(ec.SECP256R1()))
    return {
        "right": serving(tmp_path, here, authority),
        "wrong name": serving(tmp_path, elsewhere, authority),
        "unknown authority": serving(tmp_path, here, stranger),
        "expired": serving(tmp_path, here, authority, days=-1),
        "signed by itself": serving_alone(tmp_path, here),
    }


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


@pytest.mark.parametrize("which", ["wrong name", "unknown authority", "expired", "signed by itself"])
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


def test_every_certificate_and_every_name_is_verified() -> None:
    context = tls_context()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def telling_of_sessions(resumed: list[bool]) -> Script:
    """Notes of every connection whether its handshake was that of an earlier one."""

    async def script(peer: Peer) -> None:
        resumed.append(peer.writer.get_extra_info("ssl_object").session_reused)
        await peer.request()
        await peer.send(whole(b"hello", b"connection: close\r\n"))

    return script


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_session_of_an_earlier_connection_is_resumed(
    transport: Transport, certificates: dict[str, ssl.SSLContext], version: ssl.TLSVersion
) -> None:
    certificates["right"].maximum_version = version
    resumed: list[bool] = []

    async with hostile(telling_of_sessions(resumed), certificates["right"]) as server:
        for _ in range(4):
            assert await answer(transport, ask(server.url)) == b"hello"

    assert resumed == [False, True, True, True]


async def test_a_session_that_was_cut_off_without_a_close_is_resumed_as_well(
    lean: Transport, certificates: dict[str, ssl.SSLContext]
) -> None:
    resumed: list[bool] = []

    async with hostile(telling_of_sessions(resumed), certificates["right"]) as server:
        for _ in range(3):
            reply = await lean.send(ask(server.url))
            await reply.aclose()

    assert resumed == [False, True, True]


@pytest.mark.parametrize("which", ["wrong name", "unknown authority", "expired", "signed by itself"])
async def test_a_session_opens_no_door_to_a_server_that_does_not_verify(
    transport: Transport, certificates: dict[str, ssl.SSLContext], which: str
) -> None:
    """The same host, with and without a session of the right server before it, and again after each refusal."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's side of the failed handshake
    resumed: list[bool] = []

    async with (
        hostile(telling_of_sessions(resumed), certificates["right"]) as right,
        hostile(telling_of_sessions([]), certificates[which]) as other,
    ):
        for _ in range(2):
            await refused(transport, ask(other.url), ProviderConnectionFailed)
            assert await answer(transport, ask(right.url)) == b"hello"
        await refused(transport, ask(other.url), ProviderConnectionFailed)

    assert other.requests == []
    assert resumed[0] is False


async def test_a_session_is_of_the_context_that_it_was_verified_in(
    transport: Transport, certificates: dict[str, ssl.SSLContext]
) -> None:
    resumed: list[bool] = []

    async with hostile(telling_of_sessions(resumed), certificates["right"]) as server:
        assert await answer(transport, ask(server.url)) == b"hello"
        tls_context.cache_clear()
        fresh = LeanTransport()
        assert await answer(fresh, ask(server.url)) == b"hello"
        await fresh.aclose()

    assert resumed == [False, False]


NO_BODY_LENGTH = OK + b"\r\nhello"


async def test_a_body_without_length_ends_where_tls_says_so(
    transport: Transport, certificates: dict[str, ssl.SSLContext]
) -> None:
    async with hostile(replying_once(NO_BODY_LENGTH), certificates["right"]) as server:
        assert await answer(transport, ask(server.url)) == b"hello"


async def test_a_body_without_length_that_was_cut_within_tls_is_interrupted(
    lean: Transport, certificates: dict[str, ssl.SSLContext]
) -> None:
    """`lean` alone: httpcore asks for no close_notify, so through httpx such a body counts as whole."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(NO_BODY_LENGTH)
        peer.writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
        await peer.until_closed()

    async with hostile(script, certificates["right"]) as server:
        await refused(lean, ask(server.url), ProviderStreamInterrupted)
