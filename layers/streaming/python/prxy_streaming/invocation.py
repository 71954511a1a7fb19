"""One event as the Runtime API hands it over, and the ASGI scope it becomes."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, Protocol

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


class Invocation:
    """A plain class, as all values here are: a cold start makes each NamedTuple for a thousandth of its time."""

    def __init__(self, answer: Answer) -> None:
        """Nothing in it that a caller wrote is looked at yet. Raises RuntimeApiError where it cannot be answered."""
        headers = answer.headers
        try:
            self.id: Final = headers["lambda-runtime-aws-request-id"]
            self.deadline_ms: Final = int(headers["lambda-runtime-deadline-ms"])
            """Epoch milliseconds. Lambda kills the process then, without a word before."""
        except (KeyError, ValueError) as error:
            raise RuntimeApiError("the Runtime API gave an event without id or deadline") from error
        self.function_arn: Final = headers.get("lambda-runtime-invoked-function-arn", "")
        self.trace_id: Final = headers.get("lambda-runtime-trace-id")
        self.token: Final = headers.get("lambda-runtime-invocation-id")
        """Given back with every answer where Lambda sends it."""
        self.tenant_id: Final = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context: Final = headers.get("lambda-runtime-client-context", "")
        """JSON, as the caller wrote it; empty where there is none. The same goes for the two below."""
        self.identity: Final = headers.get("lambda-runtime-cognito-identity", "")
        self.event: Final = answer.body

    @property
    def left_s(self) -> float:
        """Seconds until the deadline."""
        return self.deadline_ms / 1000 - time.time()

    @property
    def returned_headers(self) -> Mapping[str, str]:
        """What every answer to this invocation gives back."""
        return {} if self.token is None else {"Lambda-Runtime-Invocation-Id": self.token}


class Context:
    """The second argument of a Lambda handler, named as in the stock runtime; the app finds it as `aws.context`."""

    def __init__(self, invocation: Invocation, environment: Environment) -> None:
        """Raises ValueError where what the caller wrote is not JSON."""
        self.aws_request_id: Final = invocation.id
        self.invoked_function_arn: Final = invocation.function_arn
        self.function_name: Final = environment.function_name
        self.function_version: Final = environment.function_version
        self.memory_limit_in_mb: Final = environment.memory_limit_in_mb
        self.log_group_name: Final = environment.log_group_name
        self.log_stream_name: Final = environment.log_stream_name
        self.client_context: Final = _said(invocation.client_context)
        self.identity: Final = _said(invocation.identity)
        self.tenant_id: Final = invocation.tenant_id
        self.trace_id: Final = invocation.trace_id
        self.deadline_ms: Final = invocation.deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        return max(self.deadline_ms - int(time.time() * 1000), 0)


def _said(document: str) -> Any:
    return json.loads(document) if document else None


def open_request(invocation: Invocation, application: Application, environment: Environment) -> tuple[Scope, bytes]:
    """The ASGI scope and the body of an event.

    Raises RuntimeError for an event that is no HTTP request, ValueError for one that is not JSON or of bad encoding.

    Two keys of our own: `prxy.deadline`, epoch seconds at which Lambda ends the process, and `prxy.request_id`, the id
    under which API Gateway logs the request.
    """
    event: Any = json.loads(invocation.event)
    request = application.infer(event, Context(invocation, environment))
    scope = request.scope
    scope["prxy.deadline"] = invocation.deadline_ms / 1000
    scope["prxy.request_id"] = _request_id(event) or invocation.id
    # 2.4 promises that `send` raises once nobody listens, as ours does; Starlette then needs no task to wait for it.
    scope["asgi"] = {"version": "3.0", "spec_version": "2.4"}
    return scope, request.body


def _request_id(event: Any) -> str | None:
    given = event.get("requestContext", {}).get("requestId")
    return given if isinstance(given, str) else None
