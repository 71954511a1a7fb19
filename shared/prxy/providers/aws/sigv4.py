"""AWS Signature Version 4, as a pure function over one request.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, as of 2026-11-22.
"""

from __future__ import annotations

import hmac
import time
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from msgspec import Struct

ALGORITHM = "AWS4-HMAC-SHA256"
DATE, TOKEN = "x-amz-date", "x-amz-security-token"
_BLOCK = 64
"""Bytes of one, in SHA-256."""


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


class Signable(Struct, frozen=True, kw_only=True):
    """A request but for its body."""

    method: str
    path: str
    """As it stands on the request line, already percent-encoded once."""
    query: tuple[tuple[str, str], ...] = ()
    """Decoded names and values."""
    headers: tuple[tuple[str, str], ...]
    """Lower-case names, with `host`. All of them are signed."""


def timestamp(now: float) -> str:
    """Epoch seconds as a scope has them."""
    second = int(now)
    return f"{_minute(second // 60)}{second % 60:02d}Z"


@lru_cache(maxsize=4)
def _minute(minute: int) -> str:
    return time.strftime("%Y%m%dT%H%M", time.gmtime(minute * 60))


def sign(request: Signable, body: bytes, credentials: Credentials, scope: Scope) -> dict[str, str]:
    """The headers to send besides those given: `x-amz-date`, `x-amz-security-token`, `authorization`."""
    now, token = scope.timestamp, credentials.token
    to_date, to_body, names = _outline(request, token)
    place, inner, outer = _key(credentials.secret_key, now[:8], scope.region, scope.service)
    canonical = f"{to_date}{now}{to_body}{sha256(body).hexdigest()}"
    to_sign = f"{ALGORITHM}\n{now}\n{place}\n{sha256(canonical.encode()).hexdigest()}"
    signature = sha256(outer + sha256(inner + to_sign.encode()).digest()).hexdigest()
    credential = f"{ALGORITHM} Credential={credentials.access_key}/{place}"
    added = {DATE: now, "authorization": f"{credential}, SignedHeaders={names}, Signature={signature}"}
    return {**added, TOKEN: token} if token else added


@lru_cache(maxsize=64)
def _outline(request: Signable, token: str | None) -> tuple[str, str, str]:
    """The canonical request up to its date, and from there up to the hash of its body; the names of what is signed."""
    given = {**dict(request.headers), DATE: "", **({TOKEN: token} if token else {})}
    names = sorted(given)
    lines = (f"{name}:{' '.join(given[name].split())}" for name in names)
    path, signed = quote(request.path or "/", safe="/~"), ";".join(names)
    text = "\n".join((request.method, path, _canonical_query(request.query), *lines, "", signed, ""))
    before, date, after = text.partition(f"\n{DATE}:")
    return before + date, after, signed


@lru_cache(maxsize=8)
def _key(secret_key: str, day: str, region: str, service: str) -> tuple[str, bytes, bytes]:
    """The place that a key is good for, and what HMAC-SHA256 puts before a text and before the hash of that.

    https://www.rfc-editor.org/rfc/rfc2104: beginning anew with the key costs more than the signature itself.
    """
    key = b"AWS4" + secret_key.encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    padded = key.ljust(_BLOCK, b"\0")
    return f"{day}/{region}/{service}/aws4_request", padded.translate(hmac.trans_36), padded.translate(hmac.trans_5C)


def _canonical_query(query: tuple[tuple[str, str], ...]) -> str:
    return "&".join(
        f"{name}={value}" for name, value in sorted((_quoted(name), _quoted(value)) for name, value in query)
    )


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
