"""An application that uvicorn serves to the tests of transports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import uvicorn


async def app(scope: dict, receive, send) -> None:
    """`/echo` says what it got; `/big?n=` sends that many bytes; `/drops?n=` sends that many lines one by one."""
    query = {name: int(values[0]) for name, values in parse_qs(scope["query_string"].decode()).items()}
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Twice", b"1"), (b"x-twice", b"2")]})
    match scope["path"]:
        case "/echo":
            heads = {name.decode(): value.decode() for name, value in scope["headers"]}
            seen = {
                "method": scope["method"],
                "headers": heads,
                "body": body.decode(),
                "raw": scope["raw_path"].decode(),
            }
            await send({"type": "http.response.body", "body": json.dumps(seen).encode()})
        case "/size":
            await send({"type": "http.response.body", "body": b"%d" % len(body)})
        case "/big":
            for _ in range(query["n"] // 65536):
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        case "/drops":
            for number in range(query["n"]):
                await send({"type": "http.response.body", "body": b"line %d\n" % number, "more_body": True})
                await asyncio.sleep(0.01)
            await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="error", ws="none", http="httptools"))
    serving = asyncio.create_task(server.serve())
    for _ in range(500):
        if server.started:
            break
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving
