"""Whom a transport trusts."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.contract.calls import CHUNKED, SHORT, answer, ask, refused
from tests.contract.certificates import serving, sign
from tests.contract.hostile import hostile, replying, replying_once, whole

from prxy.canonical.errors import (
    ProviderConnectionFailed,
)
from prxy.providers.tls import tls_context
from prxy.providers.transport import Transport


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ssl.SSLContext]]:
    """A throwaway authority that the process trusts, and servers by the name in their certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "throwaway")])
    authority = sign(name, key, extension=x509.BasicConstraints(ca=True, path_length=0), issuer=name, issuer_key=key)
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
