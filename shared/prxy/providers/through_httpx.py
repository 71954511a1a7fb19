"""The transport port over httpx: for machines whose way out is an HTTP proxy. Many times the CPU of `lean`.

`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured by httpx itself; nothing else is read from the
environment. A connection carries one call: httpcore 1.0.9 keeps the bytes that follow a reply and would give them out
as the next call's answer, which here may be another tenant's. Where the package `sniffio` is missing, httpcore tries to
import it for every lock it makes, at 0.25 ms of CPU a request (a failed import is not cached): install it beside httpx.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from prxy.canonical.errors import (
    GatewayError,
    ProviderBadResponse,
    ProviderConnectionFailed,
    ProviderError,
    ProviderStreamInterrupted,
    ProviderTimeout,
)
from prxy.providers.limits import (
    BODY_TOO_LARGE,
    CUT_SHORT,
    HEAD_TOO_LARGE,
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    NO_ANSWER,
    NO_CONNECTION,
    NOT_HTTP,
    TOO_SLOW,
    UNUSABLE_REQUEST,
)
from prxy.providers.tls import tls_context
from prxy.providers.transport import HttpRequest

_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_OURS = (
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    httpx.CookieConflict,
    httpx.StreamError,
    httpx.TooManyRedirects,
    httpx.HTTPStatusError,
)
"""Cannot happen unless the gateway misuses httpx."""


def error_of(error: Exception, *, in_body: bool) -> GatewayError:
    """What any exception of httpx means to a call."""
    match error:
        case _ if isinstance(error, _BEFORE_SENDING):
            return ProviderConnectionFailed(NO_CONNECTION)
        case httpx.TimeoutException():
            return ProviderTimeout(TOO_SLOW)
        case _ if isinstance(error, _OURS):
            return GatewayError(UNUSABLE_REQUEST)
        case httpx.DecodingError():
            return ProviderBadResponse(NOT_HTTP)
        case httpx.RemoteProtocolError() if not in_body and not _disconnected(error):
            return ProviderBadResponse(NOT_HTTP)
        case _:
            return ProviderStreamInterrupted(CUT_SHORT if in_body else NO_ANSWER)


def _disconnected(error: httpx.RemoteProtocolError) -> bool:
    """httpcore has one class for nonsense and for a connection that closed in the head; only its words differ."""
    return "disconnected" in str(error)


@contextmanager
def _mapped(*, in_body: bool) -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError) as error:
        raise error_of(error, in_body=in_body) from error
    except TimeoutError as error:
        raise ProviderTimeout(TOO_SLOW) from error


class HttpxReply:
    def __init__(self, response: httpx.Response, idle_s: float, total_at: float) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers.multi_items())
        self._response = response
        self._idle_s = idle_s
        self._total_at = total_at

    async def chunks(self) -> AsyncIterator[bytes]:
        size = 0
        pieces = self._response.aiter_raw()
        try:
            while (piece := await self._next(pieces)) is not None:
                size += len(piece)
                if size > MAX_BODY_BYTES:
                    raise ProviderBadResponse(BODY_TOO_LARGE)
                yield piece
        finally:
            await self.aclose()

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        due = min(asyncio.get_running_loop().time() + self._idle_s, self._total_at)
        with _mapped(in_body=True):
            async with asyncio.timeout_at(due):
                return await anext(pieces, None)

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    async def aclose(self) -> None:
        await self._response.aclose()


class HttpxTransport:
    """Makes its client at the first request, on the event loop that will use it."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def send(self, request: HttpRequest) -> HttpxReply:
        self._client = self._client or _make_client()
        loop = asyncio.get_running_loop()
        limits = request.deadlines
        total_at = loop.time() + limits.total_s
        with _mapped(in_body=False):
            async with asyncio.timeout_at(total_at) as deadline:

                async def note(event: str, _: Mapping[str, object]) -> None:
                    if event == "http11.send_request_body.complete":
                        deadline.reschedule(min(loop.time() + limits.first_byte_s, total_at))

                outgoing = _outgoing(request, {"trace": note, "timeout": {"connect": limits.connect_s}})
                response = await self._client.send(outgoing, stream=True, follow_redirects=False)
        try:
            _check_head(response)
        except ProviderError:
            await response.aclose()
            raise
        return HttpxReply(response, limits.idle_s, total_at)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def _make_client() -> httpx.AsyncClient:
    no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(verify=tls_context(), trust_env=True, cookies=no_cookies, limits=limits)


def _outgoing(request: HttpRequest, extensions: dict[str, object]) -> httpx.Request:
    """Built here and not by the client, which would add its own accept-encoding and user-agent."""
    headers = {**request.headers, "accept-encoding": "identity"}
    if request.method != "GET" or request.body:
        headers["content-length"] = str(len(request.body))
    try:
        return httpx.Request(request.method, request.url, headers=headers, content=request.body, extensions=extensions)
    except UnicodeEncodeError as error:
        raise GatewayError(UNUSABLE_REQUEST) from error


def _check_head(response: httpx.Response) -> None:
    """What h11 lets pass: more or longer headers than allowed, a body with two lengths, a switch of protocols."""
    raw = response.headers.raw
    if len(raw) > MAX_HEADERS or sum(len(name) + len(value) for name, value in raw) > MAX_HEAD_BYTES:
        raise ProviderBadResponse(HEAD_TOO_LARGE)
    if "content-length" in response.headers and "transfer-encoding" in response.headers:
        raise ProviderBadResponse(NOT_HTTP)
    if response.status_code < 200:
        raise ProviderBadResponse(NOT_HTTP)
