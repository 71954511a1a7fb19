"""The streaming runtime in the test's own process, so that a test may stand between two chunks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mangum import Mangum

from prxy.local.runtime_api import Delivery, FunctionFailed, RuntimeApi
from prxy_streaming.environment import Environment
from prxy_streaming.serve import Patience, serve

Scope = MutableMapping[str, Any]
Receive = Callable[[], Coroutine[Any, Any, MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Coroutine[Any, Any, None]]
App = Callable[[Scope, Any, Any], Coroutine[Any, Any, None]]

DELIMITER = b"\0" * 8
USUAL = Patience()


@dataclass(frozen=True)
class Answer:
    headers: Mapping[str, str]
    """Of the POST to the Runtime API."""
    prelude: Mapping[str, Any]
    body: bytes


@asynccontextmanager
async def serving(
    app: App, variables: Mapping[str, str] | None = None, patience: Patience = USUAL
) -> AsyncIterator[RuntimeApi]:
    """A Runtime API double with the runtime behind it, which must still be running at the end."""
    async with RuntimeApi() as api:
        named = {"AWS_LAMBDA_RUNTIME_API": api.address, "_HANDLER": "app.handler", **(variables or {})}
        runtime = asyncio.create_task(serve(Mangum(app, lifespan="off"), Environment(named), patience))
        ended = FunctionFailed("Runtime.ExitError", {"errorMessage": "the runtime has ended"})
        runtime.add_done_callback(lambda _: api.abandon(ended))
        yield api
        assert not runtime.done()
        runtime.cancel()
        await asyncio.gather(runtime, return_exceptions=True)


async def read(delivery: Delivery) -> Answer:
    headers = await delivery.begun()
    prelude, _, body = b"".join([chunk async for chunk in delivery.chunks()]).partition(DELIMITER)
    return Answer(headers=headers, prelude=json.loads(prelude), body=body)


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> MutableMapping[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": [*headers]}


def body(data: bytes = b"", *, more: bool = False) -> MutableMapping[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}
