"""API Gateway on this machine: the routes of template.yaml, each in front of its real function, answers streamed.

What a REST API does to a request and to a streamed answer, from
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html and
https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html, as of 2026-11.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from prxy.api.http import Receive, Scope, Send
from prxy.local.function import LocalFunction
from prxy.local.runtime_api import Delivery, FunctionFailed
from prxy.local.template import RouteTemplate, Template

MAX_BODY_BYTES = 10 * 1024 * 1024
PRELUDE_BYTES = 16 * 1024
DELIMITER = b"\0" * 8

_log = logging.getLogger(__name__)


class Refused(Exception):
    """API Gateway answers by itself. `kind` is the type of its gateway response."""

    def __init__(self, kind: str, status: int, message: str) -> None:
        super().__init__(message)
        self.kind, self.status, self.message = kind, status, message


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    status: int
    headers: list[tuple[bytes, bytes]]


class LocalApiGateway:
    """An ASGI application."""

    def __init__(self, template: Template, functions: Mapping[str, LocalFunction]) -> None:
        self._template = template
        self._functions = functions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = str(uuid.uuid4())
        try:
            route, parameters = self._route(scope["method"], scope["path"])
            event = _event(scope, await _body(receive), route, parameters, request_id)
            delivery = await self._functions[route.function].invoke(event)
            await _relay(delivery, route, send)
        except Refused as refused:
            await self._refuse(refused, request_id, send)

    def _route(self, method: str, path: str) -> tuple[RouteTemplate, Mapping[str, str]]:
        for route in self._template.routes:
            if route.method in {method, "ANY"} and (found := route.pattern.fullmatch(path)):
                return route, found.groupdict()
        raise Refused("MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token")

    async def _refuse(self, refused: Refused, request_id: str, send: Send) -> None:
        responses = self._template.gateway_responses
        given = responses.get(refused.kind) or responses.get(f"DEFAULT_{refused.status // 100}XX")
        status = (given.status if given else 0) or refused.status
        template = given.template if given else '{"message": $context.error.messageString}'
        body = template.replace("$context.error.messageString", json.dumps(refused.message)).encode()
        headers = [(b"content-type", b"application/json"), (b"x-request-id", request_id.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise Refused("REQUEST_TOO_LARGE", 413, "Request Too Long")
        if not message.get("more_body", False):
            return bytes(body)


def _event(scope: Scope, body: bytes, route: RouteTemplate, parameters: Mapping[str, str], request_id: str) -> bytes:
    """The proxy event, version 1. The body is text: a byte that is no UTF-8 is replaced, as the real one does."""
    path = scope["raw_path"].decode("latin-1")
    headers = _many((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    query = _many(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    event: dict[str, Any] = {
        "resource": route.resource,
        "path": path,
        "httpMethod": scope["method"],
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(parameters) or None,
        "stageVariables": None,
        "requestContext": {
            "requestId": request_id,
            "requestTimeEpoch": int(time.time() * 1000),
            "resourcePath": route.resource,
            "httpMethod": scope["method"],
            "path": f"/local{path}",
            "stage": "local",
            "protocol": "HTTP/1.1",
            "identity": {"sourceIp": (scope.get("client") or ("127.0.0.1", 0))[0]},
        },
        "body": body.decode("utf-8", "replace") if body else None,
        "isBase64Encoded": False,
    }
    return json.dumps(event).encode()


def _many(pairs: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


async def _relay(delivery: Delivery, route: RouteTemplate, send: Send) -> None:
    """Pass the answer on: in a streaming route chunk by chunk, else once it is whole.

    Raises Refused before the head is sent; after it FunctionFailed or TimeoutError, which the client sees as a cut.
    """
    deadline = asyncio.get_running_loop().time() + route.timeout_s
    chunks = delivery.chunks()
    try:
        async with asyncio.timeout_at(deadline):
            head, body = await _head(chunks)
            if not route.streams:
                body += b"".join([chunk async for chunk in chunks])
    except TimeoutError as error:
        raise Refused("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out") from error
    except FunctionFailed as failure:
        _log.error("the function failed: %s", failure)
        raise Refused("DEFAULT_5XX", 502, "Internal server error") from failure
    await send({"type": "http.response.start", "status": head.status, "headers": head.headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    async with asyncio.timeout_at(deadline):
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _head(chunks: AsyncIterator[bytes]) -> tuple[Head, bytes]:
    """Status and headers, and what came of the body along with them. Raises Refused and FunctionFailed."""
    begun = b""
    async for chunk in chunks:
        begun += chunk
        prelude, delimiter, rest = begun.partition(DELIMITER)
        if len(prelude) + len(DELIMITER) > PRELUDE_BYTES:
            break
        if delimiter:
            return _parse_head(json.loads(prelude)), rest
    raise Refused("API_CONFIGURATION_ERROR", 500, "Internal server error")


def _parse_head(prelude: Mapping[str, Any]) -> Head:
    multi: Mapping[str, list[str]] = prelude.get("multiValueHeaders", {})
    pairs = [(name, value) for name, values in multi.items() for value in values]
    pairs += [(name, value) for name, value in prelude.get("headers", {}).items() if name not in multi]
    pairs += [("set-cookie", value) for value in prelude.get("cookies", [])]
    headers = [(name.encode("latin-1"), str(value).encode("latin-1")) for name, value in pairs]
    return Head(status=prelude.get("statusCode", 200), headers=headers)
