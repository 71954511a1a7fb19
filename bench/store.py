"""The emulated table in a process of its own, connections kept as DynamoDB does: `python -m bench.store PORT`."""

from __future__ import annotations

import asyncio
import sys

import httptools
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.test import Client

_client = Client(create_backend_app("dynamodb"))


class Server(asyncio.Protocol):
    """One question at a time, in one thread: nothing interleaves."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        reply = _client.post("/", data=self._body, headers=self._headers)
        body = reply.get_data()
        head = f"HTTP/1.1 {reply.status}\r\ncontent-type: {reply.content_type}\r\ncontent-length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
