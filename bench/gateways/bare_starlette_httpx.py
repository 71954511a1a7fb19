"""The floor of the usual stack: Starlette and httpx, passing bytes through. `python -m … PORT UPSTREAM_PORT`."""

from __future__ import annotations

import sys

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

_PASSED_ON = ("authorization", "x-api-key", "anthropic-version", "content-type")


def make_app(upstream_port: int) -> Starlette:
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

    paths = ("/v1/chat/completions", "/v1/messages")
    return Starlette(routes=[Route(path, relay, methods=["POST"]) for path in paths])


if __name__ == "__main__":
    uvicorn.run(make_app(int(sys.argv[2])), port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
