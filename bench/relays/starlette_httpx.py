"""Starlette and httpx, passing bytes through: what a function on the usual client and no framework is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

_PASSED_ON = ("authorization", "x-api-key", "anthropic-version", "content-type")


def make_relay(upstream_port: int) -> Callable[[Request], Awaitable[Response]]:
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{upstream_port}", timeout=120)

    async def relay(request: Request) -> Response:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        asked = client.build_request("POST", request.url.path, content=await request.body(), headers=headers)
        answer = await client.send(asked, stream=True)
        media_type = answer.headers["content-type"]
        if media_type.startswith("text/event-stream"):
            closing = BackgroundTask(answer.aclose)
            return StreamingResponse(answer.aiter_raw(), answer.status_code, media_type=media_type, background=closing)
        return Response(await answer.aread(), answer.status_code, media_type=media_type)

    return relay


def make_app(upstream_port: int) -> Starlette:
    return Starlette(routes=[Route("/v1/chat/completions", make_relay(upstream_port), methods=["POST"])])
