"""A web adapter at its least: events from the Runtime API to a server on loopback, its answer back as it comes.

`python -m bench.runtime.adapter PORT`, with AWS_LAMBDA_RUNTIME_API in the environment. What AWS's adapter does beside
that (Lambda's context, readiness, compression) is left out: it would only be slower. That one is compiled, though, so
half of what this one costs in CPU is Python's.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from bench.http import Connection, connect, make_request
from prxy_streaming.runtime_api import RuntimeApi  # type: ignore[import-not-found]  # a layer, not a package of ours

_STREAMING = {
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    "Content-Type": "application/vnd.awslambda.http-integration-response",
}
_DROPPED = frozenset({"host", "content-length", "content-type", "transfer-encoding"})


class Reply:
    """Passes one answer of the server on; a sink of `bench.http`."""

    def __init__(self, api: RuntimeApi, path: str) -> None:
        self._api, self._path = api, path
        self._prelude = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        kept = {name.decode(): value.decode() for name, value in headers.items() if name.decode() not in _DROPPED}
        self._prelude = json.dumps({"statusCode": status, "headers": kept}).encode() + b"\0" * 8

    def piece(self, data: bytes) -> None:
        if self._prelude:
            self._api.begin(self._path, _STREAMING, self._prelude + data)
            self._prelude = b""
        else:
            self._api.write(data)

    def end(self, error: Exception | None) -> None:
        if error is None:
            self._api.end({})
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)


async def adapt(api: RuntimeApi, server: Connection) -> None:
    """One event."""
    given = await api.get("/runtime/invocation/next")
    event = json.loads(given.body)
    headers = {name: value for name, value in event["headers"].items() if name.lower() not in _DROPPED}
    headers["x-amzn-request-context"] = json.dumps(event["requestContext"])
    reply = Reply(api, f"/runtime/invocation/{given.headers['lambda-runtime-aws-request-id']}/response")
    server.ask(make_request(event["path"], headers, event["body"].encode()), reply)
    await reply.ended
    await api.drain()
    await api.answer()


async def main(port: int) -> None:
    api, server = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"]), await connect(port)
    while True:
        await adapt(api, server)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
