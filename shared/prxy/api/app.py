"""Routes into one ASGI application: who answers which path, and in whose words an error is told."""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

from msgspec import Struct

from prxy.api.defects import log_defect
from prxy.api.http import App, Receive, Scope, Send, error_headers, send_json
from prxy.api.router import Route, find
from prxy.canonical.errors import GatewayError, NotFound
from prxy.canonical.parts import Wire

ErrorRenderer = Callable[[GatewayError, str], tuple[int, Wire]]


class Mounted(Struct, frozen=True, kw_only=True):
    """An endpoint at its path."""

    path: str
    app: App
    render_error: ErrorRenderer
    methods: tuple[str, ...] | None = None
    """Where two endpoints share a path, those that are meant for this one. None: all."""


def create_app(mounted: Sequence[Mounted], render_error: ErrorRenderer, fallback: App | None = None) -> App:
    """One application of many endpoints. `fallback` answers what no path matches; without one that is a 404."""
    routes = [Route(path=m.path, app=_Guarded(m.app, m.render_error), methods=m.methods) for m in mounted]
    elsewhere: App = _Guarded(fallback or _unknown, render_error)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        else:
            scope.setdefault("prxy.request_id", f"req_{os.urandom(12).hex()}")
            endpoint, parameters = find(routes, scope["method"], scope["path"]) or (elsewhere, {})
            scope["path_params"] = parameters
            await endpoint(scope, receive, send)

    return app


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _unknown(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotFound(f"There is no route {scope['method'][:16]} {scope['path'][:200]}.")


class _Guarded:
    """Gives every answer its `x-request-id` and turns what an endpoint raises into the client's error shape."""

    def __init__(self, app: App, render_error: ErrorRenderer) -> None:
        self._app, self._render_error = app, render_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id: str = scope["prxy.request_id"]
        started = False

        async def named(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode("latin-1"))]
            await send(message)

        try:
            await self._app(scope, receive, named)
        except GatewayError as error:
            if started:
                raise
            await self._refuse(error, request_id, named)
        except Exception as error:  # noqa: BLE001  # logged without its text, which may hold a prompt
            log_defect(error, request_id)
            if started:
                raise GatewayError from None  # the server breaks the connection off, and logs what it is told
            await self._refuse(GatewayError(), request_id, named)

    async def _refuse(self, error: GatewayError, request_id: str, send: Send) -> None:
        status, body = self._render_error(error, request_id)
        await send_json(send, status, body, error_headers(error))
