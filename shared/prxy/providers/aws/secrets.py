"""Operator keys that lie in Secrets Manager: fetched when first needed, kept for minutes, never in the environment.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html (as of 2026-11)
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from prxy.canonical.errors import ProviderError, ProviderKeyUnavailable
from prxy.providers.auth import Auth
from prxy.providers.aws.credentials import CredentialSource
from prxy.providers.aws.signing import RequestSigner
from prxy.providers.transport import Deadlines, HttpRequest, Transport

KEPT_S = 300.0
"""A rotated secret is used after that long at the latest."""

_DEADLINES = Deadlines(connect_s=1.0, first_byte_s=3.0, idle_s=3.0, total_s=5.0)
_log = logging.getLogger(__name__)


class _Answer(Struct):
    SecretString: str


_decoder = msgspec.json.Decoder(_Answer)


def region_of(arn: str) -> str:
    """Region of `arn:aws:secretsmanager:<region>:<account>:secret:<name>`. Raises ValueError."""
    parts = arn.split(":")
    if len(parts) < 7 or parts[2] != "secretsmanager" or not parts[3]:
        raise ValueError("it is not the ARN of a secret in Secrets Manager")
    return parts[3]


class Vault(Struct, frozen=True, kw_only=True):
    """Secrets Manager of one region."""

    url: str
    transport: Transport
    signer: RequestSigner


def vault_of(arn: str, transport: Transport, credentials: CredentialSource) -> Vault:
    """The one in which a secret lies. Raises ValueError."""
    region = region_of(arn)
    signer = RequestSigner("secretsmanager", region, credentials)
    return Vault(url=f"https://secretsmanager.{region}.amazonaws.com/", transport=transport, signer=signer)


class SecretKey:
    """Signs a request with a key whose text is the secret. One fetch serves everybody who waits for it."""

    def __init__(self, arn: str, auth: Auth, vault: Vault, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._arn, self._auth, self._vault = arn, auth, vault
        self._clock = clock
        self._key = ""
        self._fetched_at = float("-inf")
        self._lock = asyncio.Lock()

    async def __call__(self, request: HttpRequest) -> HttpRequest:
        """Raises ProviderKeyUnavailable."""
        return replace(request, headers={**request.headers, **self._auth.headers(await self._current())})

    async def _current(self) -> str:
        async with self._lock:
            if self._clock() - self._fetched_at > KEPT_S:
                await self._renew()
            return self._key

    async def _renew(self) -> None:
        """A failed renewal is borne as long as there is a key from before."""
        try:
            self._key = await self._fetch()
            self._fetched_at = self._clock()
        except (ProviderError, msgspec.MsgspecError) as error:
            _log.warning("provider_key_not_renewed", extra={"cause": type(error).__name__})
            if not self._key:
                raise ProviderKeyUnavailable from error

    async def _fetch(self) -> str:
        request = await self._vault.signer(
            HttpRequest(
                url=self._vault.url,
                headers={
                    "content-type": "application/x-amz-json-1.1",
                    "x-amz-target": "secretsmanager.GetSecretValue",
                },
                body=msgspec.json.encode({"SecretId": self._arn}),
                deadlines=_DEADLINES,
            )
        )
        reply = await self._vault.transport.send(request)
        try:
            body = await reply.read()
        finally:
            await reply.aclose()
        return _decoder.decode(body).SecretString.strip()
