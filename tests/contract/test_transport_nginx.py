"""What every transport does with nginx, which stands in front of most that speak HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from msgspec.structs import replace
from tests.contract.calls import answer, ask
from tests.contract.certificates import Authority, serving
from tests.contract.nginx import Nginx, nginx

from prxy.providers.transport import Transport

LINES = b"line 0\nline 1\nline 2\n"


@pytest.fixture
async def front(tmp_path: Path, real: str, authority: Authority) -> AsyncIterator[Nginx]:
    """nginx before a server that behaves, with a certificate that the process trusts."""
    serving(tmp_path, x509.IPAddress(ip_address("127.0.0.1")), authority)
    with nginx(tmp_path, real, tmp_path / "server.pem") as started:
        yield started


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/file", (200, b"f" * 1_000_000), id="length"),
        pytest.param("/drops?n=3", (200, LINES), id="chunks"),
        pytest.param("/old/drops?n=3", (200, LINES), id="no length"),
        pytest.param("/empty", (204, b""), id="no body"),
    ],
)
async def test_every_kind_of_reply_is_read_to_its_end(
    transport: Transport, front: Nginx, path: str, expected: tuple[int, bytes]
) -> None:
    """More often than nginx lets one connection be used."""
    for url in (front.url, front.tls_url):
        for _ in range(9):
            reply = await transport.send(replace(ask(url + path), method="GET", body=b""))

            assert (reply.status, await reply.read()) == expected
            assert "content-encoding" not in reply.headers


async def test_errors_and_redirects_of_nginx_are_replies(transport: Transport, front: Nginx) -> None:
    for path, status in (("/broken", 502), ("/moved", 307)):
        reply = await transport.send(ask(front.url + path))

        assert reply.status == status
        assert b"nginx" in await reply.read()


async def test_a_request_that_nginx_refuses_for_its_size_is_answered(transport: Transport, front: Nginx) -> None:
    reply = await transport.send(ask(front.url + "/small", b"z" * 200_000))

    assert reply.status == 413
    assert b"Too Large" in await reply.read()
    assert await answer(transport, ask(front.url + "/size", b"z" * 5_000_000)) == b"5000000"


async def test_a_hundred_calls_at_once_through_nginx_each_get_their_own_answer(
    transport: Transport, front: Nginx
) -> None:
    async def one(number: int) -> str:
        seen = json.loads(await answer(transport, ask(front.tls_url + "/echo", b'{"nonce": %d}' % number)))
        return str(seen["body"])

    bodies = await asyncio.gather(*(one(number) for number in range(100)))

    assert bodies == [f'{{"nonce": {number}}}' for number in range(100)]


async def test_nginx_resumes_the_session_of_an_earlier_connection(transport: Transport, front: Nginx) -> None:
    """`r` is its word for a session that was resumed."""
    words = [await answer(transport, ask(front.tls_url + "/session")) for _ in range(8)]

    assert words[0] == b"."
    assert words[-1] == b"r"
