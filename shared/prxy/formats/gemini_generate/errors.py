"""Errors, both ways. https://cloud.google.com/apis/design/errors and
https://ai.google.dev/gemini-api/docs/troubleshooting (as of 2026-11)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from prxy.canonical.errors import (
    PROVIDER_ERRORS,
    GatewayError,
    ProviderAuthentication,
    ProviderBadResponse,
    ProviderConnectionFailed,
    ProviderError,
    ProviderRejected,
    ProviderStreamInterrupted,
)
from prxy.canonical.parts import Json, Wire

_DOMAIN = "prxy"
_TYPE = "type.googleapis.com/google.rpc."
_STATUS: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_HTTP: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""Google's word -> HTTP status, for errors inside a stream that name no code."""

_BAD_KEY = re.compile(r"API key (?:not valid|expired|not found)", re.IGNORECASE)
_TOO_LONG = re.compile(r"input token count.*exceeds|exceeds the maximum number of tokens", re.IGNORECASE | re.DOTALL)
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")
_SAME_STATUS = {
    kind.default_code: kind for kind in (ProviderConnectionFailed, ProviderBadResponse, ProviderStreamInterrupted)
}
"""Errors of a gateway like this one that share a status with another."""


def parse_error(status: int, body: Json) -> ProviderError:
    """The message is the provider's own, not yet redacted. Streams wrap the error in a list of one."""
    error = _error_object(body)
    message = error.get("message")
    if not isinstance(message, str) or not message:
        message = f"The provider answered with HTTP status {status} and no message."
    found = _classify(status, message, list(_details(error)))
    found.retry_after = _retry_after(error)
    return found


def _error_object(body: Json) -> Wire:
    match body:
        case {"error": dict(error)} | [{"error": dict(error)}, *_]:
            return error
        case {"error": str(message)}:
            return {"message": message}
        case _:
            return {}


def _details(error: Wire) -> Iterator[Wire]:
    details = error.get("details")
    yield from (detail for detail in details if isinstance(detail, dict)) if isinstance(details, list) else ()


def _classify(status: int, message: str, details: list[Wire]) -> ProviderError:
    reasons = [detail.get("reason") for detail in details]
    ours = [detail.get("reason") for detail in details if detail.get("domain") == _DOMAIN]
    code = ours[0] if ours and isinstance(ours[0], str) else None
    if "API_KEY_INVALID" in reasons or (status == 400 and _BAD_KEY.search(message)):
        return ProviderAuthentication(message)
    if status == 400 and (code == "context_length_exceeded" or _TOO_LONG.search(message)):
        return ProviderRejected(message, code="context_length_exceeded")
    if code in _SAME_STATUS:
        return _SAME_STATUS[code](message)
    return ProviderError.from_status(status, message)


def _retry_after(error: Wire) -> str | None:
    """Whole seconds of a RetryInfo, rounded up."""
    for detail in _details(error):
        match = _DELAY.fullmatch(str(detail.get("retryDelay", "")))
        if match:
            return str(math.ceil(float(match[1])))
    return None


def parse_stream_error(error: Wire) -> ProviderError:
    """An error object inside a stream whose HTTP status was 200."""
    code, word = error.get("code"), error.get("status")
    status = code if isinstance(code, int) and code in PROVIDER_ERRORS else _HTTP.get(str(word), 500)
    return parse_error(status, {"error": error})


def render_error(error: GatewayError, request_id: str) -> tuple[int, Wire]:
    return error.status, {"error": error_object(error, request_id)}


def error_object(error: GatewayError, request_id: str = "") -> Wire:
    metadata = {**error.details, **({"param": error.param} if error.param else {})}
    details: list[Wire] = [
        {"@type": f"{_TYPE}ErrorInfo", "reason": error.code, "domain": _DOMAIN, "metadata": metadata},
    ]
    if request_id:
        details.append({"@type": f"{_TYPE}RequestInfo", "requestId": request_id})
    if error.retry_after and error.retry_after.isdigit():
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after}s"})
    return {
        "code": error.status,
        "message": error.message,
        "status": _STATUS.get(error.status, "INVALID_ARGUMENT" if error.status < 500 else "UNAVAILABLE"),
        "details": details,
    }
