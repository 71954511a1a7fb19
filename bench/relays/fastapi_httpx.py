"""The usual stack, empty: FastAPI and httpx, passing bytes through. `python -m … PORT UPSTREAM_PORT`."""

from __future__ import annotations

import sys

from fastapi import FastAPI

from bench.relays.starlette_httpx import make_relay


def make_app(upstream_port: int) -> FastAPI:
    app, relay = FastAPI(), make_relay(upstream_port)
    for path in ("/v1/chat/completions", "/v1/messages"):
        app.post(path)(relay)
    return app


if __name__ == "__main__":
    import uvicorn  # here, since the function of this app has no server

    uvicorn.run(make_app(int(sys.argv[2])), port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
