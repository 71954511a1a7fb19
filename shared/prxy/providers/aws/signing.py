"""Signs a finished request with the operator's own AWS credentials."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from msgspec.structs import replace

from prxy.canonical.errors import ProviderUnavailable, StoreUnavailable
from prxy.providers.aws.credentials import CredentialSource
from prxy.providers.aws.sigv4 import Scope, Signable, sign, timestamp
from prxy.providers.transport import HttpRequest


class RequestSigner:
    """HttpRequest -> the same with its signature, over host, content type and body. The URL must have no query."""

    def __init__(
        self, service: str, region: str, credentials: CredentialSource, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._service, self._region = service, region
        self._credentials = credentials
        self._clock = clock

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
            headers=(("content-type", request.headers["content-type"]), ("host", parts.netloc)),
        )
        scope = Scope(region=self._region, service=self._service, timestamp=timestamp(self._clock()))
        return replace(request, headers={**request.headers, **sign(signable, request.body, credentials, scope)})
