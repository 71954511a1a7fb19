"""Errors, as Google reports them and as Gemini clients read them."""

from __future__ import annotations

from typing import Any

import pytest

from prxy.canonical.errors import (
    CostLimitExceeded,
    GatewayError,
    InvalidRequest,
    ProviderAuthentication,
    ProviderConnectionFailed,
    ProviderError,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
)
from prxy.formats import gemini_generate as gemini


def said(status: int, message: str, *details: Any) -> ProviderError:
    return gemini.parse_error(status, {"error": {"code": status, "message": message, "details": list(details)}})


@pytest.mark.parametrize(
    "error",
    [
        said(400, "API key not valid. Please pass a valid API key."),
        said(400, "API key expired. Please renew the API key."),
        said(400, "No.", {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}),
    ],
)
def test_a_bad_key_is_an_authentication_error_though_google_says_400(error: ProviderError) -> None:
    assert type(error) is ProviderAuthentication
    assert (error.status, error.code) == (401, "provider_authentication")


def test_an_input_that_is_too_long_has_a_code_of_its_own() -> None:
    """H15."""
    error = said(400, "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).")

    assert type(error) is ProviderRejected
    assert error.code == "context_length_exceeded"


@pytest.mark.parametrize(("delay", "seconds"), [("7s", "7"), ("34.07s", "35"), ("0s", "0"), ("soon", None), (7, None)])
def test_the_time_to_wait_is_kept_in_whole_seconds(delay: Any, seconds: str | None) -> None:
    """H02."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}

    error = said(429, "Resource exhausted.", info)

    assert type(error) is ProviderRateLimited
    assert error.retry_after == seconds


def test_a_stream_wraps_its_error_in_a_list() -> None:
    error = gemini.parse_error(429, [{"error": {"code": 429, "message": "Slow down."}}])

    assert (type(error), error.message) == (ProviderRateLimited, "Slow down.")


@pytest.mark.parametrize("body", [None, "<html>", 5, [], [5], {}, {"error": None}, {"error": {"details": 5}}], ids=repr)
def test_a_body_of_another_shape_is_never_echoed(body: Any) -> None:
    """H04, H06."""
    error = gemini.parse_error(502, body)

    assert type(error) is ProviderUnavailable
    assert error.message == "The provider answered with HTTP status 502 and no message."


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequest("'contents' is missing.", code="missing_field", param="contents"), "INVALID_ARGUMENT"),
        (ProviderAuthentication("No."), "UNAUTHENTICATED"),
        (ProviderRateLimited("Slow down.", retry_after="7"), "RESOURCE_EXHAUSTED"),
        (ProviderConnectionFailed("Gone."), "UNAVAILABLE"),
        (GatewayError(), "INTERNAL"),
    ],
)
def test_an_error_in_googles_envelope(error: GatewayError, status: str) -> None:
    """H05."""
    code, body = gemini.render_error(error, "req_1")

    assert code == body["error"]["code"] == error.status
    assert (body["error"]["message"], body["error"]["status"]) == (error.message, status)
    info, request = body["error"]["details"][:2]
    assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert (info["reason"], info["domain"]) == (error.code, "prxy")
    assert info["metadata"] == ({"param": error.param} if error.param else {})
    assert request == {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "req_1"}


def test_a_wait_is_told_as_retry_info() -> None:
    _, body = gemini.render_error(ProviderRateLimited("Slow down.", retry_after="7"), "req_1")

    assert body["error"]["details"][2] == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
    assert gemini.parse_error(429, body).retry_after == "7"


def test_a_cost_refusal_names_its_limit() -> None:
    error = CostLimitExceeded("day", limit="5", spent="4.99", estimated="0.02", resets_at="2026-11-23T00:00:00Z")

    _, body = gemini.render_error(error, "req_1")

    metadata = body["error"]["details"][0]["metadata"]
    assert metadata == {"limit": "5", "spent": "4.99", "estimated": "0.02", "resets_at": "2026-11-23T00:00:00Z"}


def test_a_gateway_behind_a_gateway_says_what_went_wrong_there() -> None:
    for error in (ProviderConnectionFailed("Gone."), ProviderRejected("Long.", code="context_length_exceeded")):
        again = gemini.parse_error(*gemini.render_error(error, "req_1"))

        assert (type(again), again.code) == (type(error), error.code)
