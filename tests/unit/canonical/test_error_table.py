"""The error tree against the table of the contract."""

from __future__ import annotations

import re

import pytest

from prxy.canonical import errors
from prxy.canonical.errors import (
    PROVIDER_ERRORS,
    CostLimitExceeded,
    GatewayError,
    InvalidRequest,
    KeyChanged,
    NotAuthenticated,
    ProviderError,
    ProviderKeyUnavailable,
    ProviderRejected,
    ProviderUnavailable,
    StoreUnavailable,
)

TABLE = {
    "GatewayError": (500, "internal_error", "internal_error"),
    "InvalidRequest": (400, "invalid_request", "invalid_value"),
    "UnsupportedFeature": (400, "invalid_request", "unsupported_content"),
    "MethodNotAllowed": (405, "invalid_request", "method_not_allowed"),
    "RequestTooLarge": (413, "invalid_request", "request_too_large"),
    "UnsupportedMediaType": (415, "invalid_request", "unsupported_media_type"),
    "NotAuthenticated": (401, "authentication_error", "invalid_api_key"),
    "NotPermitted": (403, "permission_error", "model_not_allowed"),
    "NotFound": (404, "not_found", "unknown_route"),
    "IdempotencyConflict": (409, "idempotency_error", "idempotency_in_progress"),
    "NotReplayable": (409, "idempotency_error", "idempotency_result_too_large"),
    "IdempotencyKeyReused": (422, "idempotency_error", "idempotency_key_reused"),
    "RateLimited": (429, "rate_limit", "requests_per_minute"),
    "CostLimitExceeded": (429, "cost_limit_per_day", "cost_limit_per_day"),
    "GuardrailBlocked": (400, "guardrail_custom_block", "guardrail_custom_block"),
    "StoreUnavailable": (503, "overloaded", "budget_store_unavailable"),
    "KeyChanged": (503, "overloaded", "key_changed"),
    "ProviderKeyUnavailable": (503, "overloaded", "provider_key_unavailable"),
    "ProviderError": (502, "provider_error", "provider_unavailable"),
    "ProviderRejected": (400, "invalid_request", "provider_rejected"),
    "ProviderAuthentication": (401, "authentication_error", "provider_authentication"),
    "ProviderPermission": (403, "permission_error", "provider_permission"),
    "ProviderModelNotFound": (404, "not_found", "model_not_found"),
    "ProviderTooLarge": (413, "invalid_request", "request_too_large"),
    "ProviderRateLimited": (429, "rate_limit", "provider_rate_limit"),
    "ProviderUnavailable": (502, "provider_error", "provider_unavailable"),
    "ProviderConnectionFailed": (502, "provider_error", "provider_connection_failed"),
    "ProviderBadResponse": (502, "provider_error", "provider_bad_response"),
    "ProviderStreamInterrupted": (502, "provider_error", "provider_stream_interrupted"),
    "ProviderOverloaded": (503, "overloaded", "provider_overloaded"),
    "ProviderTimeout": (504, "timeout", "provider_timeout"),
}


def made(name: str) -> GatewayError:
    kind: type[GatewayError] = getattr(errors, name)
    if kind is CostLimitExceeded:
        return CostLimitExceeded("day", limit="5", spent="4.99", estimated="0.02", resets_at="2026-11-23T00:00:00Z")
    return (
        kind()
        if kind in (KeyChanged, NotAuthenticated, ProviderKeyUnavailable, StoreUnavailable)
        else kind("What is wrong and how to mend it.")
    )


@pytest.mark.parametrize("name", TABLE)
def test_every_error_has_the_status_type_and_code_of_the_contract(name: str) -> None:
    error = made(name)

    assert (error.status, error.type, error.code) == TABLE[name]
    assert str(error) == error.message


def test_the_table_and_the_drawing_name_every_class() -> None:
    defined = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, GatewayError)}
    drawn = set(re.findall(r"^[\s│├└─]*([A-Z]\w+) +(?:\d{3}|what)\b", errors.__doc__ or "", re.MULTILINE))

    assert set(TABLE) == defined == drawn


@pytest.mark.parametrize("window", ["request", "day", "month"])
def test_a_cost_refusal_says_what_was_spent_and_when_it_resets(window: str) -> None:
    error = CostLimitExceeded(window, limit="5", spent="4.99", estimated="0.02", resets_at="2026-11-23T00:00:00Z")

    assert error.type == error.code == f"cost_limit_per_{window}"
    assert error.details == {"limit": "5", "spent": "4.99", "estimated": "0.02", "resets_at": "2026-11-23T00:00:00Z"}
    assert error.should_retry is False


def test_a_cost_refusal_that_never_resets_says_nothing_of_it() -> None:
    assert "resets_at" not in CostLimitExceeded("request", limit="1", spent="0", estimated="2").details


def test_code_param_and_retry_after_are_the_ones_given() -> None:
    error = InvalidRequest("'a' is missing.", code="missing_field", param="a", retry_after="3")

    assert (error.code, error.param, error.retry_after) == ("missing_field", "a", "3")


@pytest.mark.parametrize(("status", "kind"), PROVIDER_ERRORS.items())
def test_a_providers_status_picks_the_class(status: int, kind: type[ProviderError]) -> None:
    assert type(ProviderError.from_status(status, "no")) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [(418, ProviderRejected), (451, ProviderRejected), (501, ProviderUnavailable), (302, ProviderUnavailable)],
)
def test_an_unknown_status_is_understood_by_its_hundred(status: int, kind: type[ProviderError]) -> None:
    assert type(ProviderError.from_status(status, "no")) is kind
