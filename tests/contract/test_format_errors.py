"""What every wire format makes of errors, its own and ours."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cases import MINE, each, each_format, format_of
from tests.exchanges import Exchange
from tests.strategies import JUNK

from prxy.canonical.errors import (
    PROVIDER_ERRORS,
    CostLimitExceeded,
    GatewayError,
    KeyChanged,
    NotAuthenticated,
    ProviderError,
    ProviderKeyUnavailable,
    StoreUnavailable,
)
from prxy.formats import FORMATS
from prxy.formats.base import encode_json


def gateway_errors() -> list[GatewayError]:
    """One of every class in the tree."""
    built = {
        NotAuthenticated: NotAuthenticated(),
        StoreUnavailable: StoreUnavailable(),
        ProviderKeyUnavailable: ProviderKeyUnavailable(),
        KeyChanged: KeyChanged(),
        CostLimitExceeded: CostLimitExceeded(
            "day", limit="5", spent="4.99", estimated="0.02", resets_at="2026-11-23T00:00:00Z"
        ),
    }
    return [built.get(kind) or kind("What is wrong and how to mend it.") for kind in _tree(GatewayError)]


def _tree(root: type[GatewayError]) -> list[type[GatewayError]]:
    """The canonical ones: a store may have kinds of its own below them."""
    below = [child for child in root.__subclasses__() if child.__module__ == root.__module__]
    return [root, *(kind for child in below for kind in _tree(child))]


each_error = pytest.mark.parametrize("error", [pytest.param(one, id=type(one).__name__) for one in gateway_errors()])
each_sent_error = pytest.mark.parametrize(
    "kind", [pytest.param(kind, id=kind.__name__) for kind in dict.fromkeys(PROVIDER_ERRORS.values())]
)


@each_format
@each_sent_error
def test_a_providers_error_survives_the_trip_over_the_wire(name: str, kind: type[ProviderError]) -> None:
    format_ = FORMATS[name]
    error = kind("The provider said no.")

    parsed = format_.parse_error(*format_.render_error(error, "req_1"))

    assert type(parsed) is kind
    assert (parsed.type, parsed.code) == (error.type, error.code)


@each_format
@each_error
def test_every_error_has_a_face_in_every_format(name: str, error: GatewayError) -> None:
    format_ = FORMATS[name]
    status, body = format_.render_error(error, "req_1")

    assert status == error.status or (status, error.status) == (529, 503)
    assert error.message in encode_json(body).decode()
    assert error.code in encode_json(body).decode()


@each_format
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 413, 418, 422, 429, 500, 502, 503, 504, 529, 599])
@pytest.mark.parametrize(
    "body",
    [*JUNK, "<html><body>502 Bad Gateway</body></html>", {"error": None}, {"error": "no"}, {"error": {"message": 3}}],
    ids=repr,
)
def test_an_error_body_of_any_shape_is_understood_by_its_status(name: str, status: int, body: Any) -> None:
    format_ = FORMATS[name]
    error = format_.parse_error(status, body)

    assert type(error) is type(ProviderError.from_status(status, ""))
    assert error.message


@each(one for one in MINE if not one.is_ok)
def test_a_recorded_error_is_of_the_class_of_its_status(exchange: Exchange) -> None:
    error = format_of(exchange).parse_error(exchange.status, exchange.response)

    by_status = ProviderError.from_status(exchange.status, "")
    assert (exchange.status, error.code) == (400, "provider_authentication") or type(error) is type(by_status)
    assert error.message
