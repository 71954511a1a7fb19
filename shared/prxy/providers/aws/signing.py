"""Signs a finished request with the operator's own AWS credentials."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from msgspec.structs import replace

from prxy.canonical.errors import ProviderUnavailable, StoreUnavailable
from prxy.providers.aws.credentials import CredentialSource
from prxy.providers.aws.sigv4 import Credentials, Scope, Signable, sign, signing_key
from prxy.providers.transport import HttpRequest


class RequestSigner:
    """HttpRequest -> the same with its signature, over host, content type and body. The URL must have no query."""

    def __init__(
        self, service: str, region: str, credentials: CredentialSource, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._service, self._region = service, region
        self._credentials = credentials
        self._clock = clock
        self._key: tuple[str, str, bytes] = ("", "", b"")

    async def __call__(self, request: HttpRequest) -> HttpRequest:
        """Raises ProviderUnavailable where there are no credentials."""
        try:
            credentials = await self._credentials.current()
        except StoreUnavailable as error:
            raise ProviderUnavailable("The gateway's own AWS credentials could not be renewed. Try again.") from error
        parts = urlsplit(request.url)
        signable = Signable(
            method=request.method,
            path=parts.path,
            headers={"content-type": request.headers["content-type"], "host": parts.netloc},
            body=request.body,
        )
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        scope = Scope(region=self._region, service=self._service, timestamp=now)
        signed = sign(signable, credentials, scope, self._day_key(credentials, scope))
        del signed["host"]
        return replace(request, headers={**request.headers, **signed})

    def _day_key(self, credentials: Credentials, scope: Scope) -> bytes:
        secret, day, key = self._key
        if (secret, day) != (credentials.secret_key, scope.timestamp[:8]):
            key = signing_key(credentials.secret_key, scope)
            self._key = (credentials.secret_key, scope.timestamp[:8], key)
        return key
