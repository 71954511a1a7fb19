"""Each request to an endpoint that leads to a provider is noted once: when it is over and its answer has left."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prxy.api.http import Receive, Scope, Send, error_headers, send_json
from prxy.call_record import Operation, Trace, parse_traceparent
from prxy.canonical.errors import GatewayError
from prxy.formats.base import Format
from prxy.gateway import Gateway
from prxy.journal import Abandoned, Passage

Endpoint = Callable[[Scope, Receive, Send, Passage], Awaitable[None]]
"""Tells in the passage how far it came. Raises GatewayError for what it refuses."""


class Noted:
    """ASGI application: an endpoint, and a note of whatever became of each request to it.

    Refusals are sent from here, in the client's format, because the note must not keep the client waiting.
    """

    def __init__(self, operation: Operation, endpoint: Endpoint, format_: Format, gateway: Gateway) -> None:
        self._operation, self._endpoint = operation, endpoint
        self._format, self._gateway = format_, gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()
        passage = Passage(
            operation=self._operation,
            request_id=scope["prxy.request_id"],
            path=scope["path"],
            began_at=self._gateway.clock(),
            trace=_trace(scope),
        )
        try:
            await self._served(scope, receive, send, passage)
        except BaseException as error:
            passage.refusal = _told(error)
            raise
        finally:
            await self._gateway.journal.note(passage.noted(time.monotonic() - began))

    async def _served(self, scope: Scope, receive: Receive, send: Send, passage: Passage) -> None:
        started = False

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._endpoint(scope, receive, watched, passage)
        except GatewayError as error:
            if started:
                raise
            passage.refusal = error
            status, body = self._format.render_error(error, passage.request_id)
            await send_json(send, status, body, error_headers(error))


def _told(error: BaseException) -> GatewayError:
    """An OSError comes of sending to a client that is not there any more; of what is no Exception, every cause is."""
    if isinstance(error, GatewayError):
        return error
    gone = isinstance(error, OSError) or not isinstance(error, Exception)
    return Abandoned("The client went away.") if gone else GatewayError()


def _trace(scope: Scope) -> Trace | None:
    given = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
    return None if given is None else parse_traceparent(given.decode("latin-1"))
