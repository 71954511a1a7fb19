"""The mock of two providers: `python -m bench.upstream PORT`. Answers are made once for each kind of question."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import httptools
import msgspec

from bench.answers import anthropic_body, anthropic_events, openai_body, openai_events
from bench.scenarios import PACE_S, PACED_MODELS


class Options(msgspec.Struct):
    include_usage: bool = False


class Asked(msgspec.Struct):
    model: str
    stream: bool = False
    stream_options: Options | None = None


_decode = msgspec.json.Decoder(Asked).decode
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n"
_made: dict[tuple[bytes, str, bool, bool], Sequence[bytes]] = {}


def _answer(path: bytes, asked: Asked) -> Sequence[bytes]:
    """The writes of an answer: one for JSON, one an event for a stream."""
    with_usage = asked.stream_options is not None and asked.stream_options.include_usage
    key = (path, asked.model, asked.stream, with_usage)
    if key not in _made:
        _made[key] = _stream(path, asked.model, with_usage) if asked.stream else _whole(path, asked.model)
    return _made[key]


def _whole(path: bytes, model: str) -> Sequence[bytes]:
    body = anthropic_body(model) if path.endswith(b"/messages") else openai_body(model)
    return (_HEAD % b"application/json" + b"content-length: %d\r\n\r\n" % len(body) + body,)


def _stream(path: bytes, model: str, with_usage: bool) -> Sequence[bytes]:
    events = anthropic_events(model) if path.endswith(b"/messages") else openai_events(model, with_usage)
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    head = _HEAD % b"text/event-stream" + b"transfer-encoding: chunked\r\n\r\n"
    return (head, *chunks, b"0\r\n\r\n")


class Server(asyncio.Protocol):
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        for task in self._tasks:
            task.cancel()

    def on_message_begin(self) -> None:
        self._path, self._body = b"", b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        asked = _decode(self._body)
        writes = _answer(self._path.partition(b"?")[0], asked)
        if asked.stream and asked.model in PACED_MODELS:
            task = asyncio.ensure_future(self._pace(writes))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            for data in writes:
                self._transport.write(data)

    async def _pace(self, writes: Sequence[bytes]) -> None:
        for data in writes:
            self._transport.write(data)
            await asyncio.sleep(PACE_S)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
