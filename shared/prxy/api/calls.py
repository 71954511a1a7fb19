"""From a request at the door to the call that it makes: who asks, for what, and whether they may."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from msgspec import Struct, structs

from prxy.api.auth import authenticate, provider_key, require_ordinary
from prxy.api.http import Receive, Scope, headers_of, query_of, read_body, require, single
from prxy.api.strict_json import parse_object
from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import Wire
from prxy.canonical.request import ChatRequest
from prxy.formats.base import Format
from prxy.gateway import Gateway
from prxy.pipeline.base import Call, Step
from prxy.routing import may_call, not_allowed
from prxy.store.records import ApiKey, Once

DEADLINE_MARGIN_S = 10.0
"""Kept back of the time that the runtime gives, to settle and to say goodbye."""
MAX_MODEL_LENGTH = 256
MAX_IDEMPOTENCY_KEY = 255


class Received(NamedTuple):
    call: Call
    steps: Sequence[Step]
    left_s: float
    """Seconds for the whole call."""
    query: Mapping[str, str]


class Door(Struct, frozen=True, kw_only=True):
    """Where clients of one format ask for one thing."""

    format: Format
    parse_request: Callable[[Wire, Mapping[str, str]], ChatRequest]
    gateway: Gateway

    async def receive(self, scope: Scope, receive: Receive) -> Received:
        """Read a request to its end. Raises GatewayError for what is refused before the life of a call begins."""
        arrived_at = asyncio.get_running_loop().time()
        require(scope, "POST")
        headers, query = headers_of(scope), query_of(scope)
        gateway = self.gateway
        now = gateway.clock()
        if self.format.key_parameter in query:
            headers.setdefault("x-api-key", query[self.format.key_parameter])
        key = await authenticate(headers, gateway.keys, now)
        require_ordinary(key)
        body = await read_body(headers, receive)
        request = self.parse_request(parse_object(body), scope.get("path_params", {}))
        _permit_model(request.model, key, gateway)
        steps = gateway.pipelines.steps(single(scope, "x-prxy-pipe"), key)
        call = Call(
            id=scope["prxy.request_id"],
            now=int(now),
            arrived_at=arrived_at,
            key=key,
            request=structs.replace(request, headers=self._forwarded(headers)),
            budgets=await gateway.budgets.of(key),
            provider_key=provider_key(headers),
            stored=await gateway.provider_keys.of(key.tenant),
            shaped_by=gateway.pipelines.shaping(steps),
            once=_once(headers, key, scope["path"], body),
        )
        return Received(call, steps, self._left_s(scope, now), query)

    def _forwarded(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {name: headers[name] for name in self.format.forwards if name in headers}

    def _left_s(self, scope: Scope, now: float) -> float:
        total = self.gateway.deadlines.total_s
        deadline = scope.get("prxy.deadline")
        return total if deadline is None else max(1.0, min(total, deadline - now - DEADLINE_MARGIN_S))

    @contextmanager
    def in_own_words(self) -> Iterator[None]:
        """Gives an error the client's name of a field where a renderer told it in canonical words."""
        try:
            yield
        except InvalidRequest as error:
            word = self.format.fields.get(error.param or "")
            if word is None:
                raise
            message = error.message.replace(f"'{error.param}'", f"'{word}'")
            raise type(error)(message, code=error.code, param=word, retry_after=error.retry_after) from error


def _once(headers: Mapping[str, str], key: ApiKey, path: str, body: bytes) -> Once | None:
    """The attempt that a request is, None without Idempotency-Key. Raises InvalidRequest (invalid_header).

    With another body it is another request, and so it is with another pipeline, which may let less pass.
    """
    word = headers.get("idempotency-key")
    if word is None:
        return None
    if not 1 <= len(word) <= MAX_IDEMPOTENCY_KEY or not (word.isascii() and word.isprintable()):
        raise InvalidRequest(
            f"'Idempotency-Key' must be 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters.",
            code="invalid_header",
            param="Idempotency-Key",
        )
    pipe = headers.get("x-prxy-pipe")
    head = path if pipe is None else f"{path}\nx-prxy-pipe: {pipe}"
    fingerprint = hashlib.sha256(head.encode("utf-8", "surrogatepass") + b"\n" + body).hexdigest()
    return Once(key_id=key.id, word=word, fingerprint=fingerprint, nonce=secrets.token_hex(8))


def _permit_model(model: str, key: ApiKey, gateway: Gateway) -> None:
    if not model or len(model) > MAX_MODEL_LENGTH or not model.isprintable():
        raise InvalidRequest(
            f"'model' must be 1 to {MAX_MODEL_LENGTH} printable characters.", code="invalid_model", param="model"
        )
    if not may_call(model, key.models, gateway.providers):
        raise not_allowed(model)
