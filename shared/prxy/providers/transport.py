"""The one way out: a port for HTTP to providers and to the store. Adapters: `lean` (default) and `through_httpx`.

Every adapter: HTTP/1.1, TLS verified and its sessions resumed, no redirects followed, no decompression, no cookies,
no retry of its own, nothing logged. `lean` keeps connections alive, one pool per origin; one whose reply was not read
to its end is closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from msgspec import Struct


class Deadlines(Struct, frozen=True, kw_only=True):
    """Seconds. Each is measured from the moment its phase begins; `total_s` from the start of `send`."""

    connect_s: float = 5.0
    first_byte_s: float = 300.0
    """From the request being sent to the head of the reply."""
    idle_s: float = 120.0
    """Between two reads of the body."""
    total_s: float = 840.0

    def within(self, left_s: float) -> Deadlines:
        """The same, none longer than the time that is left."""
        return Deadlines(
            connect_s=min(self.connect_s, left_s),
            first_byte_s=min(self.first_byte_s, left_s),
            idle_s=min(self.idle_s, left_s),
            total_s=min(self.total_s, left_s),
        )


class HttpRequest(Struct, frozen=True, kw_only=True):
    url: str
    """Absolute, http or https, already percent-encoded."""
    headers: Mapping[str, str]
    """Without host, content-length, connection, accept-encoding: the adapter writes those."""
    body: bytes
    deadlines: Deadlines = Deadlines()
    method: str = "POST"


class HttpReply(Protocol):
    status: int
    headers: Mapping[str, str]
    """Lower-case names; the last of a repeated header wins."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, one item a read; may be asked once.

        Raises ProviderTimeout, ProviderStreamInterrupted (reset, early close, bad chunking) or ProviderBadResponse
        (more than 64 MB).
        """
        ...

    async def read(self) -> bytes:
        """The whole body, at most 64 MB. Raises as `chunks` does."""
        ...

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body was not read to its end. May be called twice."""
        ...


class Transport(Protocol):
    async def send(self, request: HttpRequest) -> HttpReply:
        """Send a request and wait for the head of its reply.

        Raises ProviderConnectionFailed where nothing reached the other end (refused, DNS, TLS, connect deadline);
        ProviderTimeout and ProviderStreamInterrupted where it may have (the outcome is unknown and may be billed);
        ProviderBadResponse where the head is not HTTP.
        """
        ...

    async def aclose(self) -> None: ...
