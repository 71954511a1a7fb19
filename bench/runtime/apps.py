"""Functions: `handler` says one word, `relay` relays with the usual stack and `bare_relay` with no framework."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mangum import Mangum

_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-request-id", b"r-1")]

Message = MutableMapping[str, Any]


async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Any]) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b"data: word\n\n", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


handler = Mangum(app, lifespan="off")


def __getattr__(name: str) -> Mangum:
    """No part of the one-word function, so they are imported when they are asked for."""
    match name:
        case "relay":
            from bench.relays.fastapi_httpx import make_app  # noqa: PLC0415

            return Mangum(make_app(int(os.environ["UPSTREAM_PORT"])), lifespan="off")
        case "bare_relay":
            from bench.relays.starlette_httpx import make_app as make_bare_app  # noqa: PLC0415

            return Mangum(make_bare_app(int(os.environ["UPSTREAM_PORT"])), lifespan="off")
        case _:
            raise AttributeError(name)
