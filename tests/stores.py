"""An embedded DynamoDB for the tests: one per session, one fresh table per test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from functools import cache

from tests.transports import ADAPTERS, CHOSEN

from prxy.canonical.errors import ProviderStreamInterrupted, ProviderTimeout
from prxy.local import dynamodb as embedded
from prxy.providers.aws.credentials import FixedCredentials
from prxy.providers.aws.sigv4 import Credentials
from prxy.providers.transport import HttpReply, HttpRequest, Transport
from prxy.store.attempts import Attempts
from prxy.store.dynamodb import Address, make_table
from prxy.store.key_text import generate, hashed
from prxy.store.records import ApiKey, Claim, Limits
from prxy.store.schema import TABLE
from prxy.store.table import Table

CREDENTIALS = Credentials(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
REGION = "eu-central-1"
NOON = 1_795_348_800
"""22 November 2026, 12:00:00 UTC."""
USD = 1_000_000_000
PATIENT = Attempts(count=4, within_s=60.0, connect_s=30.0, read_s=30.0)
"""For a busy test machine: what is tested is not how soon the store gives up."""


@cache
def embedded_url() -> str:
    """Started on first use; its thread ends with the process."""
    return embedded.start().url


def make_key(limits: Limits = Limits(), *, tenant: str = "acme") -> ApiKey:  # noqa: B008  # frozen
    made = generate()
    return ApiKey(
        id=made.id, name="a key", tenant=tenant, secret_hash=hashed(made.text), limits=limits, created_at=NOON
    )


def make_claim(key: ApiKey, amount_nano: int, *, request_id: str | None = None, now: int = NOON) -> Claim:
    return Claim(
        request_id=request_id or secrets.token_hex(8),
        nonce=secrets.token_hex(8),
        amount_nano=amount_nano,
        now=now,
    )


async def fresh_table(transport: Transport, url: str | None = None, name: str | None = None) -> Table:
    address = Address(region=REGION, endpoint=url or embedded_url())
    credentials = FixedCredentials(CREDENTIALS)
    table = make_table(name or f"prxy-{secrets.token_hex(6)}", transport, address, credentials, patience=30.0)
    assert await table.create_table(TABLE)
    return table


async def store_transport(adapter: str = CHOSEN) -> AsyncIterator[Transport]:
    """The way to the store that the suite was asked to take."""
    transport = ADAPTERS[adapter]()
    yield transport
    await transport.aclose()


class CountingTransport(Transport):
    """Passes everything on and remembers which operations went out."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.operations: list[str] = []

    async def send(self, request: HttpRequest) -> HttpReply:
        self.operations.append(request.headers["x-amz-target"].partition(".")[2])
        return await self._inner.send(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


class LossyTransport(Transport):
    """Sends every request and loses the answers whose turn (from 0) is named: the store has acted, nobody knows."""

    def __init__(self, inner: Transport, *lost: int) -> None:
        self._inner = inner
        self._lost = lost
        self._turn = -1

    def arm(self, *lost: int) -> None:
        """Count anew from the next request."""
        self._lost, self._turn = lost, -1

    async def send(self, request: HttpRequest) -> HttpReply:
        self._turn += 1
        turn = self._turn
        reply = await self._inner.send(request)
        if turn in self._lost:
            await reply.read()
            await reply.aclose()
            raise ProviderStreamInterrupted("The answer was lost.")
        return reply

    async def aclose(self) -> None:
        await self._inner.aclose()


class DeafTransport(Transport):
    """Sends nothing for a while and says that no answer came."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.deaf_for = 0

    async def send(self, request: HttpRequest) -> HttpReply:
        if self.deaf_for:
            self.deaf_for -= 1
            raise ProviderTimeout("No answer came.")
        return await self._inner.send(request)

    async def aclose(self) -> None:
        await self._inner.aclose()
