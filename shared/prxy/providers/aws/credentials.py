"""Where AWS credentials come from: the environment's values, or the endpoint that a container is given.

A function restored from a snapshot has no keys in its environment, only the endpoint.
Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html, as of 2026-11-22.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import msgspec
from msgspec import Struct

from prxy.canonical.errors import ProviderError, StoreUnavailable
from prxy.providers.aws.sigv4 import Credentials
from prxy.providers.transport import Deadlines, HttpRequest, Transport

RENEW_BEFORE_S = 300

_log = logging.getLogger(__name__)


class CredentialSource(Protocol):
    async def current(self) -> Credentials:
        """Raises StoreUnavailable where there are none."""
        ...

    def forget(self) -> None:
        """The service refused what `current` gave: fetch anew next time."""
        ...


class FixedCredentials(CredentialSource):
    """Handed in at start, good as long as the process lives."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def current(self) -> Credentials:
        return self._credentials

    def forget(self) -> None:
        """Nothing newer is to be had."""


class Document(Struct, frozen=True, kw_only=True, rename="pascal"):
    access_key_id: str
    secret_access_key: str
    token: str
    expiration: datetime


_decoder = msgspec.json.Decoder(Document)


class ContainerCredentials(CredentialSource):
    """Fetched from `AWS_CONTAINER_CREDENTIALS_FULL_URI` and kept until five minutes before they expire."""

    def __init__(
        self, transport: Transport, url: str, *, token: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._transport = transport
        self._request = HttpRequest(
            url=url,
            method="GET",
            headers={"authorization": token} if token else {},
            body=b"",
            deadlines=Deadlines(connect_s=1.0, first_byte_s=2.0, idle_s=2.0, total_s=3.0),
        )
        self._clock = clock
        self._kept: Credentials | None = None

    async def current(self) -> Credentials:
        if self._kept is None or not self._lasts(self._kept, RENEW_BEFORE_S):
            await self._renew()
        assert self._kept is not None
        return self._kept

    def forget(self) -> None:
        self._kept = None

    def _lasts(self, credentials: Credentials, seconds: int) -> bool:
        return credentials.expires_at is None or credentials.expires_at - self._clock() > seconds

    async def _renew(self) -> None:
        """A failed renewal is borne as long as the old ones are good."""
        try:
            self._kept = await self._fetch()
        except (ProviderError, msgspec.DecodeError) as error:
            _log.warning("credentials_not_renewed", extra={"cause": type(error).__name__})
            if self._kept is None or not self._lasts(self._kept, 0):
                raise StoreUnavailable from error

    async def _fetch(self) -> Credentials:
        reply = await self._transport.send(self._request)
        try:
            body = await reply.read()
        finally:
            await reply.aclose()
        if reply.status != 200:
            raise ProviderError.from_status(reply.status, "The credentials endpoint refused.")
        document = _decoder.decode(body)
        return Credentials(
            access_key=document.access_key_id,
            secret_key=document.secret_access_key,
            token=document.token,
            expires_at=int(document.expiration.timestamp()),
        )
