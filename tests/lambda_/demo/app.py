"""A function small enough to know by heart: streams, echoes, or fails in each way there is."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from mangum import Mangum


async def app(scope: Any, receive: Any, send: Any) -> None:
    match scope["path"]:
        case "/broken":
            raise LookupError("nothing here")
        case "/dying":
            os._exit(7)
        case path if path.startswith("/deep/"):
            await _echo(scope, receive, send)
        case path:
            await _stream(path, send)


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    event = scope["aws.event"]
    seen = {
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "parameters": event["pathParameters"],
        "body": (await receive())["body"].decode(),
        "greeting": os.environ.get("DEMO_GREETING"),
        "table": os.environ.get("DEMO_TABLE"),
        "own": os.environ.get("DEMO_OWN"),
        "store": os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"),
    }
    headers = [(b"content-type", b"application/json"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-n", b"1")]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(seen).encode()})


async def _stream(path: str, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for k in range(3):
        await send({"type": "http.response.body", "body": b"data: %d\n\n" % k, "more_body": True})
        await asyncio.sleep(0.1)
    if path == "/torn":
        raise LookupError("no more")
    await send({"type": "http.response.body", "body": b"data: end\n\n"})


handler = Mangum(app, lifespan="off")
