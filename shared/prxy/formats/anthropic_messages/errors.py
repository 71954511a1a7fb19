"""Errors, both ways. https://docs.claude.com/en/api/errors (as of 2026-11)"""

from __future__ import annotations

import re
from collections.abc import Mapping

from prxy.canonical.errors import (
    PROVIDER_ERRORS,
    GatewayError,
    ProviderAuthentication,
    ProviderError,
    ProviderModelNotFound,
    ProviderOverloaded,
    ProviderPermission,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderTooLarge,
    ProviderUnavailable,
)
from prxy.canonical.parts import Json, Wire

_BY_TYPE: Mapping[str, type[ProviderError]] = {
    "invalid_request_error": ProviderRejected,
    "authentication_error": ProviderAuthentication,
    "billing_error": ProviderPermission,
    "permission_error": ProviderPermission,
    "not_found_error": ProviderModelNotFound,
    "request_too_large": ProviderTooLarge,
    "rate_limit_error": ProviderRateLimited,
    "timeout_error": ProviderTimeout,
    "api_error": ProviderUnavailable,
    "overloaded_error": ProviderOverloaded,
}
_TYPES: Mapping[str, str] = {
    "invalid_request": "invalid_request_error",
    "not_found": "not_found_error",
    "rate_limit": "rate_limit_error",
    "internal_error": "api_error",
    "provider_error": "api_error",
    "overloaded": "overloaded_error",
    "timeout": "timeout_error",
}
"""Our families -> the wire's words. The others (cost limits, guardrails, the words that are the same) stay."""

_TOO_LONG = re.compile(
    r"prompt is too long|exceed context limit|context[ _]window|context_length_exceeded", re.IGNORECASE
)


def parse_error(status: int, body: Json) -> ProviderError:
    """Status first; the body's type where the status is none of an error we know. A page of HTML is not repeated."""
    match body:
        case {"error": dict(error)}:
            return _error(status, error)
        case _:
            return _error(status, {})


def parse_stream_error(error: Json) -> ProviderError:
    """The error of an `error` event, which comes without a status."""
    return _error(0, error if isinstance(error, Mapping) else {})


def _error(status: int, error: Mapping[str, Json]) -> ProviderError:
    message, word = error.get("message"), error.get("type")
    if not isinstance(message, str) or not message:
        message = f"The provider answered with status {status}." if status else "The provider's stream failed."
    if status not in PROVIDER_ERRORS and isinstance(word, str) and word in _BY_TYPE:
        return _refined(_BY_TYPE[word](message))
    return _refined(ProviderError.from_status(status, message))


def _refined(error: ProviderError) -> ProviderError:
    """A prompt that does not fit is told apart from other faults of a request, by the words of the message alone."""
    if type(error) is ProviderRejected and _TOO_LONG.search(error.message):
        return ProviderRejected(error.message, code="context_length_exceeded")
    return error


def render_error(error: GatewayError, request_id: str) -> tuple[int, Wire]:
    """Error -> status and body. An overloaded provider is a 529 here."""
    status = 529 if isinstance(error, ProviderOverloaded) else error.status
    return status, {"type": "error", "error": error_object(error), "request_id": request_id}


def error_object(error: GatewayError) -> Wire:
    """What a body and an `error` event of a stream have in common."""
    word = "request_too_large" if error.status == 413 else _TYPES.get(error.type, error.type)
    param = {} if error.param is None else {"param": error.param}
    return {"type": word, "message": error.message, "code": error.code, **param, **error.details}
