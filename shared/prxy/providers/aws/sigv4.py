"""AWS Signature Version 4, as a pure function over one request.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, as of 2026-11-22.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

from msgspec import Struct

ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(Struct, frozen=True, kw_only=True):
    access_key: str
    secret_key: str
    token: str | None = None
    expires_at: int | None = None
    """Epoch seconds; None: for good."""

    def __repr__(self) -> str:
        return f"Credentials(access_key={self.access_key!r})"


class Scope(Struct, frozen=True, kw_only=True):
    """Where and when a signature holds."""

    region: str
    service: str
    timestamp: str
    """UTC, `20261122T210000Z`. AWS refuses one that is more than 15 minutes off."""

    @property
    def text(self) -> str:
        return f"{self.timestamp[:8]}/{self.region}/{self.service}/aws4_request"


class Signable(Struct, frozen=True, kw_only=True):
    method: str
    path: str
    """As it stands on the request line, already percent-encoded once."""
    query: tuple[tuple[str, str], ...] = ()
    """Decoded names and values."""
    headers: Mapping[str, str]
    """Lower-case names, with `host`. All of them are signed."""
    body: bytes


def signing_key(secret_key: str, scope: Scope) -> bytes:
    """Good for a day, a region and a service, so callers keep it."""
    key = _hmac(b"AWS4" + secret_key.encode(), scope.timestamp[:8])
    return _hmac(_hmac(_hmac(key, scope.region), scope.service), "aws4_request")


def sign(request: Signable, credentials: Credentials, scope: Scope, key: bytes | None = None) -> dict[str, str]:
    """The headers to send: those given and `x-amz-date`, `x-amz-security-token`, `authorization`."""
    headers = {**request.headers, "x-amz-date": scope.timestamp}
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    names = sorted(headers)
    signed = ";".join(names)
    canonical = "\n".join(
        (
            request.method,
            quote(request.path or "/", safe="/~"),
            _canonical_query(request.query),
            *(f"{name}:{' '.join(headers[name].split())}" for name in names),
            "",
            signed,
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{ALGORITHM}\n{scope.timestamp}\n{scope.text}\n{digest}"
    key = key or signing_key(credentials.secret_key, scope)
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope.text}, SignedHeaders={signed}, Signature={signature}"
    )
    return headers


def _canonical_query(query: tuple[tuple[str, str], ...]) -> str:
    return "&".join(
        f"{name}={value}" for name, value in sorted((_quoted(name), _quoted(value)) for name, value in query)
    )


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
