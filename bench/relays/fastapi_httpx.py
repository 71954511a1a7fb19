"""The usual stack, empty: FastAPI and httpx, passing bytes through. `python -m … PORT UPSTREAM_PORT`."""

from __future__ import annotations

import sys

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

_PASSED_ON = ("authorization", "x-api-key", "anthropic-version", "content-type")


def make_app(upstream_port: int) -> FastAPI:
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{upstream_port}", timeout=120)
    app = FastAPI()

    @app.post("/v1/chat/completions")
    @app.post("/v1/messages")
    async def relay(request: Request) -> Response:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        asked = client.build_request("POST", request.url.path, content=await request.body(), headers=headers)
        answer = await client.send(asked, stream=True)
        media_type = answer.headers["content-type"]
        if media_type.startswith("text/event-stream"):
            closing = BackgroundTask(answer.aclose)
            return StreamingResponse(answer.aiter_raw(), answer.status_code, media_type=media_type, background=closing)
        return Response(await answer.aread(), answer.status_code, media_type=media_type)

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(int(sys.argv[2])), port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
