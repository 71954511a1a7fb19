"""One endpoint per wire format: the same steps for each, nothing in it knows which."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from msgspec import structs

from prxy.api.auth import authenticate, provider_key, require_ordinary
from prxy.api.http import Receive, Scope, Send, headers_of, read_body, require
from prxy.api.streaming import answer
from prxy.api.strict_json import parse_object
from prxy.canonical.errors import InvalidRequest, NotPermitted
from prxy.exchange import exchange
from prxy.formats.base import Format
from prxy.gateway import Gateway
from prxy.pipeline.base import Call
from prxy.store.records import ApiKey

DEADLINE_MARGIN_S = 10.0
"""Kept back of the time that the runtime gives, to settle and to say goodbye."""
MAX_MODEL_LENGTH = 256


class Inference:
    """ASGI application of one format's paths."""

    def __init__(self, format_: Format, gateway: Gateway) -> None:
        self.format = format_
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        require(scope, "POST")
        headers = headers_of(scope)
        gateway = self._gateway
        now = gateway.clock()
        key = await authenticate(headers, gateway.keys, now)
        require_ordinary(key)
        body = parse_object(await read_body(headers, receive))
        request = self.format.parse_request(body, scope.get("path_params", {}))
        request = structs.replace(request, headers=self._forwarded(headers))
        _permit_model(request.model, key)
        call = Call(
            id=scope["prxy.request_id"],
            now=int(now),
            key=key,
            request=request,
            limits=key.limits,
            provider_key=provider_key(headers),
        )
        steps = gateway.pipelines.steps(headers.get("x-prxy-pipe"), key)
        try:
            reply = await exchange(call, steps, gateway, self._left_s(scope, now))
        except InvalidRequest as error:
            raise _in_own_words(error, self.format) from error
        await answer(reply, self.format, gateway.keepalive_s, send)

    def _forwarded(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {name: headers[name] for name in self.format.forwards if name in headers}

    def _left_s(self, scope: Scope, now: float) -> float:
        total = self._gateway.deadlines.total_s
        deadline = scope.get("prxy.deadline")
        return total if deadline is None else max(1.0, min(total, deadline - now - DEADLINE_MARGIN_S))


def _in_own_words(error: InvalidRequest, format_: Format) -> InvalidRequest:
    """The error with the client's name of the field, where a renderer told it in canonical words."""
    word = format_.fields.get(error.param or "")
    if word is None:
        return error
    message = error.message.replace(f"'{error.param}'", f"'{word}'")
    return type(error)(message, code=error.code, param=word, retry_after=error.retry_after)


def _permit_model(model: str, key: ApiKey) -> None:
    if not model or len(model) > MAX_MODEL_LENGTH or not model.isprintable():
        raise InvalidRequest(
            f"'model' must be 1 to {MAX_MODEL_LENGTH} printable characters.", code="invalid_model", param="model"
        )
    if key.models is not None and not any(fnmatchcase(model, pattern) for pattern in key.models):
        raise NotPermitted(f"This key may not use the model '{model}'.", code="model_not_allowed", param="model")
