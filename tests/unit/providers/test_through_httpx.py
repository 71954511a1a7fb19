"""What the exceptions of httpx mean to a call."""

from __future__ import annotations

import inspect

import httpx
import pytest

from prxy.canonical.errors import (
    GatewayError,
    ProviderBadResponse,
    ProviderConnectionFailed,
    ProviderStreamInterrupted,
    ProviderTimeout,
)
from prxy.providers.through_httpx import error_of

MEANING: dict[str, type[GatewayError]] = {
    "CloseError": ProviderStreamInterrupted,
    "ConnectError": ProviderConnectionFailed,
    "ConnectTimeout": ProviderConnectionFailed,
    "CookieConflict": GatewayError,
    "DecodingError": ProviderBadResponse,
    "HTTPError": ProviderStreamInterrupted,
    "HTTPStatusError": GatewayError,
    "InvalidURL": GatewayError,
    "LocalProtocolError": GatewayError,
    "NetworkError": ProviderStreamInterrupted,
    "PoolTimeout": ProviderConnectionFailed,
    "ProtocolError": ProviderStreamInterrupted,
    "ProxyError": ProviderConnectionFailed,
    "ReadError": ProviderStreamInterrupted,
    "ReadTimeout": ProviderTimeout,
    "RemoteProtocolError": ProviderBadResponse,
    "RequestError": ProviderStreamInterrupted,
    "RequestNotRead": GatewayError,
    "ResponseNotRead": GatewayError,
    "StreamClosed": GatewayError,
    "StreamConsumed": GatewayError,
    "StreamError": GatewayError,
    "TimeoutException": ProviderTimeout,
    "TooManyRedirects": GatewayError,
    "TransportError": ProviderStreamInterrupted,
    "UnsupportedProtocol": ProviderConnectionFailed,
    "WriteError": ProviderStreamInterrupted,
    "WriteTimeout": ProviderTimeout,
}
EXCEPTIONS = {
    name: found
    for name, found in vars(httpx).items()
    if inspect.isclass(found) and issubclass(found, Exception) and found.__module__ == "httpx"
}


def made(kind: type[Exception]) -> Exception:
    exception = kind.__new__(kind)
    Exception.__init__(exception, "words")
    return exception


def test_every_exception_of_httpx_is_in_the_table() -> None:
    assert set(EXCEPTIONS) == set(MEANING)


@pytest.mark.parametrize("name", MEANING)
def test_an_exception_of_httpx_becomes_one_of_ours(name: str) -> None:
    assert type(error_of(made(EXCEPTIONS[name]), in_body=False)) is MEANING[name]


def test_nonsense_after_the_head_is_an_interruption() -> None:
    assert type(error_of(httpx.RemoteProtocolError("words"), in_body=True)) is ProviderStreamInterrupted


def test_a_connection_closed_in_the_head_is_an_interruption() -> None:
    error = httpx.RemoteProtocolError("Server disconnected without sending a response.")

    assert type(error_of(error, in_body=False)) is ProviderStreamInterrupted
