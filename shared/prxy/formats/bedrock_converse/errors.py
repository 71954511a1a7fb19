"""Errors, both ways. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (as of 2026-11)

The type of an error travels in a header that a format does not see; status and message tell it apart well enough.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from prxy.canonical.errors import (
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

_TYPES: Mapping[str, type[ProviderError]] = {
    "validationException": ProviderRejected,
    "unrecognizedClientException": ProviderAuthentication,
    "accessDeniedException": ProviderPermission,
    "resourceNotFoundException": ProviderModelNotFound,
    "requestEntityTooLargeException": ProviderTooLarge,
    "throttlingException": ProviderRateLimited,
    "modelTimeoutException": ProviderTimeout,
    "internalServerException": ProviderUnavailable,
    "modelStreamErrorException": ProviderUnavailable,
    "modelErrorException": ProviderUnavailable,
    "serviceUnavailableException": ProviderOverloaded,
    "modelNotReadyException": ProviderOverloaded,
}
"""`:exception-type` of a stream -> error; what is not listed is the provider's own trouble."""
_WORDS: Mapping[type[ProviderError], str] = {kind: word for word, kind in reversed([*_TYPES.items()])}

_MODEL_FAILED = 424
_TOO_LONG = (
    r"input is too long|too many (?:input )?tokens|prompt is too long|exceed context limit|context[ _](?:window|length)"
    r"|maximum context|input tokens? .{0,40}exceed"
)
_BAD_KEY = (
    r"security token .{0,40}(?:invalid|expired)|api key is (?:valid|not valid|invalid)"
    r"|(?:invalid|expired) (?:api key|bearer)|bearer token has expired"
)
_NOT_READY = r"\bnot ready\b"


def parse_error(status: int, body: Json) -> ProviderError:
    """Status first, refined by the words of the message. A page of HTML is not repeated."""
    message = _message(body) or f"The provider answered with status {status}."
    if status == _MODEL_FAILED:
        return ProviderUnavailable(message)
    return _refined(ProviderError.from_status(status, message))


def parse_stream_error(kind: str, body: Json) -> ProviderError:
    """The error of an exception frame, which comes without a status."""
    message = _message(body) or "The provider's stream failed."
    return _refined(_TYPES.get(kind[:1].lower() + kind[1:], ProviderUnavailable)(message))


def _message(body: Json) -> str | None:
    """Services write the field small or large; gateways before them may have an error object."""
    match body:
        case {"message": str(message)} | {"Message": str(message)} | {"error": {"message": str(message)}}:
            return message or None
        case _:
            return None


def _refined(error: ProviderError) -> ProviderError:
    if type(error) is ProviderRejected and re.search(_TOO_LONG, error.message, re.IGNORECASE):
        return ProviderRejected(error.message, code="context_length_exceeded")
    if type(error) is ProviderPermission and re.search(_BAD_KEY, error.message, re.IGNORECASE):
        return ProviderAuthentication(error.message)
    if type(error) is ProviderRateLimited and re.search(_NOT_READY, error.message, re.IGNORECASE):
        return ProviderOverloaded(error.message)
    return error


def render_error(error: GatewayError, request_id: str) -> tuple[int, Wire]:
    """Error -> status and body; the wire's body has but a message, so the rest of it is ours."""
    param = {} if error.param is None else {"param": error.param}
    told = {"message": error.message, "code": error.code, "type": error.type, **param, **error.details}
    return error.status, {**told, "requestId": request_id}


def error_type(error: GatewayError) -> str:
    """`:exception-type` for an error in a stream."""
    kinds = (_WORDS[kind] for kind in type(error).__mro__ if kind in _WORDS)
    return next(kinds, "internalServerException")
