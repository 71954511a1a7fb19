"""One event as the Runtime API hands it over, and the ASGI scope it becomes."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple, Protocol

from prxy_streaming.environment import Environment
from prxy_streaming.runtime_api import Answer, RuntimeApiError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Request(Protocol):
    """What one of Mangum's handler classes makes of an event."""

    @property
    def scope(self) -> Scope: ...
    @property
    def body(self) -> bytes: ...


class Application(Protocol):
    """A `Mangum(app)` object, as far as this runtime uses it."""

    @property
    def app(self) -> Callable[[Scope, Receive, Send], Awaitable[None]]: ...
    def infer(self, event: Any, context: Any, /) -> Request: ...


class Invocation(NamedTuple):
    id: str
    deadline_ms: int
    """Epoch milliseconds. Lambda kills the process then, without a word before."""
    function_arn: str
    trace_id: str | None
    token: str | None
    """`Lambda-Runtime-Invocation-Id`, given back with every answer where Lambda sends it."""
    tenant_id: str | None
    client_context: str
    """JSON, as the caller wrote it; empty where there is none. The same goes for the two below."""
    identity: str
    event: bytes

    @classmethod
    def read(cls, answer: Answer) -> Invocation:
        """Nothing in it that a caller wrote is looked at yet. Raises RuntimeApiError where it cannot be answered."""
        headers = answer.headers
        try:
            id_, deadline_ms = headers["lambda-runtime-aws-request-id"], int(headers["lambda-runtime-deadline-ms"])
        except (KeyError, ValueError) as error:
            raise RuntimeApiError("the Runtime API gave an event without id or deadline") from error
        return cls(
            id=id_,
            deadline_ms=deadline_ms,
            function_arn=headers.get("lambda-runtime-invoked-function-arn", ""),
            trace_id=headers.get("lambda-runtime-trace-id"),
            token=headers.get("lambda-runtime-invocation-id"),
            tenant_id=headers.get("lambda-runtime-aws-tenant-id"),
            client_context=headers.get("lambda-runtime-client-context", ""),
            identity=headers.get("lambda-runtime-cognito-identity", ""),
            event=answer.body,
        )

    @property
    def left_s(self) -> float:
        """Seconds until the deadline."""
        return self.deadline_ms / 1000 - time.time()

    @property
    def returned_headers(self) -> Mapping[str, str]:
        """What every answer to this invocation gives back."""
        return {} if self.token is None else {"Lambda-Runtime-Invocation-Id": self.token}


class Context(NamedTuple):
    """The second argument of a Lambda handler, named as in the stock runtime; the app finds it as `aws.context`."""

    aws_request_id: str
    invoked_function_arn: str
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    client_context: Any
    identity: Any
    tenant_id: str | None
    trace_id: str | None
    deadline_ms: int

    @classmethod
    def of(cls, invocation: Invocation, environment: Environment) -> Context:
        return cls(
            aws_request_id=invocation.id,
            invoked_function_arn=invocation.function_arn,
            function_name=environment.function_name,
            function_version=environment.function_version,
            memory_limit_in_mb=environment.memory_limit_in_mb,
            log_group_name=environment.log_group_name,
            log_stream_name=environment.log_stream_name,
            client_context=json.loads(invocation.client_context or "null"),
            identity=json.loads(invocation.identity or "null"),
            tenant_id=invocation.tenant_id,
            trace_id=invocation.trace_id,
            deadline_ms=invocation.deadline_ms,
        )

    def get_remaining_time_in_millis(self) -> int:
        return max(self.deadline_ms - int(time.time() * 1000), 0)


def open_request(invocation: Invocation, application: Application, environment: Environment) -> tuple[Scope, bytes]:
    """The ASGI scope and the body of an event.

    Raises RuntimeError for an event that is no HTTP request, ValueError for one that is not JSON or of bad encoding.

    Two keys of our own: `prxy.deadline`, epoch seconds at which Lambda ends the process, and `prxy.request_id`, the id
    under which API Gateway logs the request.
    """
    event: Any = json.loads(invocation.event)
    request = application.infer(event, Context.of(invocation, environment))
    scope = request.scope
    scope["prxy.deadline"] = invocation.deadline_ms / 1000
    scope["prxy.request_id"] = _request_id(event) or invocation.id
    # 2.4 promises that `send` raises once nobody listens, as ours does; Starlette then needs no task to wait for it.
    scope["asgi"] = {"version": "3.0", "spec_version": "2.4"}
    return scope, request.body


def _request_id(event: Any) -> str | None:
    match event:
        case {"requestContext": {"requestId": str(given)}}:
            return given
        case _:
            return None
