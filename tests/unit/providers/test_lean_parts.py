"""Addresses, heads and the pool of the lean transport."""

from __future__ import annotations

import pytest

from prxy.canonical.errors import GatewayError
from prxy.providers.lean.address import Origin, locate
from prxy.providers.lean.head import render_head
from prxy.providers.transport import HttpRequest


@pytest.mark.parametrize(
    ("url", "origin", "host", "target"),
    [
        ("https://a.example/v1/x", Origin("https", "a.example", 443), "a.example", "/v1/x"),
        ("https://a.example:443/v1/x", Origin("https", "a.example", 443), "a.example", "/v1/x"),
        ("http://a.example:8080/x?alt=sse", Origin("http", "a.example", 8080), "a.example:8080", "/x?alt=sse"),
        ("http://[::1]:8080", Origin("http", "::1", 8080), "[::1]:8080", "/"),
        ("https://[2001:db8::1]/x", Origin("https", "2001:db8::1", 443), "[2001:db8::1]", "/x"),
        ("https://A.Example/m/a%2Fb", Origin("https", "a.example", 443), "a.example", "/m/a%2Fb"),
    ],
)
def test_a_url_says_where_to_connect_and_what_to_ask(url: str, origin: Origin, host: str, target: str) -> None:
    assert locate(url) == (origin, host, target)


@pytest.mark.parametrize(
    "url",
    ["", "/x", "ftp://a/x", "https:///x", "https://u:p@a/x", "https://a/ x", "https://a/é", "https://a:b/", "a\n"],
)
def test_a_url_that_cannot_be_asked_is_a_defect(url: str) -> None:
    with pytest.raises(GatewayError):
        locate(url)


def test_a_head_ends_in_a_blank_line() -> None:
    request = HttpRequest(url="http://a.example/x", headers={"x-one": "1"}, body=b"four")

    head = render_head(request, locate(request.url))

    assert head == (
        b"POST /x HTTP/1.1\r\nhost: a.example\r\naccept-encoding: identity\r\ncontent-length: 4\r\nx-one: 1\r\n\r\n"
    )
