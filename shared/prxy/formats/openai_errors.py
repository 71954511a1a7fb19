"""Errors of OpenAI and of vendors that follow it: wire <-> canonical. Chat Completions and Responses share them.

https://platform.openai.com/docs/guides/error-codes (as of 2026-11)
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from prxy.canonical.errors import PROVIDER_ERRORS, GatewayError, ProviderAuthentication, ProviderError, ProviderRejected
from prxy.canonical.parts import Json, Wire

NO_MESSAGE = "The provider answered with an error and no readable message."
MAX_MESSAGE = 4000
"""Characters of a provider's message that are passed on."""

OVERFLOW = (
    r"maximum context length|context[ _]length[ _]exceeded|exceeds? the (?:model'?s? )?(?:maximum )?context"
    r"|context window|prompt is too long|too large for model with|reduce the length of the (?:messages|prompt|input)"
)
"""How OpenAI, vLLM, Mistral, Groq and others word a prompt that is too long."""

BAD_KEY = r"(?:incorrect|invalid|expired|revoked|wrong) api[ _-]?key|api[ _-]?key (?:is )?(?:not valid|invalid)"

STATUS_OF_WORD: Mapping[str, int] = {
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "invalid_prompt": 400,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "tokens": 429,
    "requests": 429,
    "overloaded_error": 503,
    "service_unavailable": 503,
    "timeout": 504,
    **{error.default_code: error.status for error in PROVIDER_ERRORS.values()},
}
"""`code` or `type` of an error inside a stream -> the HTTP status it would have had; 500 for any other word.

The last are our own, for a gateway behind a gateway.
"""


def parse_error(status: int, body: Json) -> ProviderError:
    """What the provider reported. A body that is not JSON, or says nothing, gives a constant message."""
    error = _error_object(body)
    message = _message(error)[:MAX_MESSAGE] or NO_MESSAGE
    refined = _refined(status, str(error.get("code") or ""), message) or ProviderError.from_status(status, message)
    param = error.get("param")
    refined.param = param if isinstance(param, str) else None
    return refined


def _refined(status: int, code: str, message: str) -> ProviderError | None:
    """A narrower class than the status tells."""
    if status in (400, 401, 403) and (code == "invalid_api_key" or re.search(BAD_KEY, message, re.IGNORECASE)):
        return ProviderAuthentication(message)
    if code == "context_length_exceeded" or (status in (400, 413, 422) and re.search(OVERFLOW, message, re.IGNORECASE)):
        return ProviderRejected(message, code="context_length_exceeded")
    return None


def _error_object(body: Json) -> Wire:
    """The object that holds message, code and param, wherever the vendor put it."""
    match body:
        case [first, *_]:
            return _error_object(first)
        case {"error": dict(error)}:
            return error
        case dict() as error:
            return {**error, "message": error["error"]} if isinstance(error.get("error"), str) else error
        case _:
            return {}


def _message(error: Json) -> str:
    """The first text among the fields that vendors use, looking into lists and objects on the way.

    `detail` is FastAPI's, `msg` that of its validation errors, as Mistral sends them.
    """
    match error:
        case str():
            return error
        case [first, *_]:
            return _message(first)
        case dict():
            found = (_message(error[name]) for name in ("message", "detail", "msg", "error") if error.get(name))
            return next(filter(None, found), "")
        case _:
            return ""


def in_band_error(value: Wire) -> ProviderError | None:
    """The error that a body or chunk with status 200 carries, if it does (OpenRouter, Groq, vLLM, SGLang)."""
    if not value.get("error") and value.get("object") != "error":
        return None
    return parse_error(status_of(_error_object(value)), value)


def status_of(error: Wire) -> int:
    """A number among the fields decides, else the first known word."""
    for name in ("status_code", "code", "status"):
        match error.get(name):
            case int(status) if 400 <= status < 600:
                return status
            case str(text) if text.isdecimal() and 400 <= int(text) < 600:
                return int(text)
    words = (STATUS_OF_WORD.get(str(error.get(name))) for name in ("code", "type"))
    return next((status for status in words if status is not None), 500)


def render_error(error: GatewayError, request_id: str) -> tuple[int, Wire]:
    """The body of an error; the request id travels in a header on this wire."""
    body = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return error.status, {"error": {**body, **error.details}}
