"""URL -> where to connect and what to ask for."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from prxy.canonical.errors import GatewayError
from prxy.providers.limits import UNUSABLE_REQUEST

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """What a connection may be shared for."""

    scheme: str
    host: str
    port: int


class Address(NamedTuple):
    origin: Origin
    host_header: str
    target: str
    """Path and query, as they stand in the request line."""


@lru_cache(maxsize=512)
def locate(url: str) -> Address:
    """Raises GatewayError for what is not an absolute http or https URL in printable ASCII."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError) as error:
        raise GatewayError(UNUSABLE_REQUEST) from error
    host = parts.hostname
    if not host or "@" in parts.netloc or not url.isascii() or not url.isprintable() or " " in url:
        raise GatewayError(UNUSABLE_REQUEST)
    name = f"[{host}]" if ":" in host else host
    target = parts.path or "/"
    return Address(
        origin=Origin(parts.scheme, host, port),
        host_header=name if port == _PORTS[parts.scheme] else f"{name}:{port}",
        target=f"{target}?{parts.query}" if parts.query else target,
    )
