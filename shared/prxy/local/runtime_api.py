"""The other end of Lambda's Runtime API, on loopback: hands events to a function process, takes answers as they arrive.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, as of 2026-11. As strict as the real one where a runtime
could go wrong unseen: one answer for an event, no mode but `streaming`, no trailer block of 4 KB.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

_VERSION = "/2018-06-01"
_TRAILER_BLOCK_BYTES = 4096
_CHUNKS_AHEAD = 16


class FunctionFailed(Exception):
    """The function told of an error, or ended, in place of (the rest of) an answer."""

    def __init__(self, error_type: str, document: Mapping[str, object]) -> None:
        super().__init__(f"{error_type}: {document.get('errorMessage', '')}")
        self.type = error_type
        self.document = document


class Delivery:
    """What one event is answered with, while it arrives."""

    def __init__(self, event: bytes, timeout_s: float, headers: Mapping[str, str]) -> None:
        self.id = str(uuid.uuid4())
        self.event = event
        self.deadline_ms = int((time.time() + timeout_s) * 1000)
        self.headers = headers
        """Further headers for the runtime, such as `Lambda-Runtime-Trace-Id`."""
        self._begun: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self._chunks: asyncio.Queue[bytes | FunctionFailed | None] = asyncio.Queue(_CHUNKS_AHEAD)

    async def begun(self) -> Mapping[str, str]:
        """The headers of the function's answer, in lower case, once there are some. Raises FunctionFailed."""
        return await asyncio.shield(self._begun)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, one item an HTTP chunk; unread items hold the function back. Raises FunctionFailed."""
        await self.begun()
        while (item := await self._chunks.get()) is not None:
            if isinstance(item, FunctionFailed):
                raise item
            yield item

    def begin(self, headers: Mapping[str, str]) -> None:
        self._begun.set_result(headers)

    async def put(self, item: bytes | FunctionFailed | None) -> None:
        """A chunk, the reason why there will be no more, or None at the end."""
        await self._chunks.put(item)

    def fail(self, failure: FunctionFailed) -> None:
        """There will be no (more) answer. Does nothing to a delivery that has ended."""
        if not self._begun.done():
            self._begun.set_exception(failure)
            # Nobody may be listening any more, which is no defect of ours.
            self._begun.exception()
        elif self._chunks.full():
            self._chunks.get_nowait()
            self._chunks.put_nowait(failure)
        else:
            self._chunks.put_nowait(failure)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(slots=True)
class RuntimeApi:
    """Used as `async with RuntimeApi() as api`; `api.address` is what AWS_LAMBDA_RUNTIME_API must say."""

    address: str = ""
    start_failure: asyncio.Future[FunctionFailed] = field(default_factory=asyncio.Future)
    """Set where the function could not start, or could not be restored from its snapshot."""
    receipts: list[int] = field(default_factory=list)
    """Status of each reply to an answer, in order."""
    _waiting: asyncio.Queue[Delivery] = field(default_factory=asyncio.Queue)
    _running: dict[str, Delivery] = field(default_factory=dict)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> RuntimeApi:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        await self.drop_connections()

    def invoke(self, event: bytes, *, timeout_s: float = 900.0, headers: Mapping[str, str] | None = None) -> Delivery:
        """Queue an event for the next loop of the function that asks."""
        delivery = Delivery(event, timeout_s, headers or {})
        self._waiting.put_nowait(delivery)
        return delivery

    def abandon(self, failure: FunctionFailed) -> None:
        """The function's process has ended: nothing that it was given, or would have been given, will be answered."""
        while not self._waiting.empty():
            self._waiting.get_nowait().fail(failure)
        for delivery in self._running.values():
            delivery.fail(failure)
        self._running.clear()

    async def drop_connections(self) -> None:
        """Hang up on the function, whatever it is doing."""
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._connection(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await self._serve(await _read_request(reader), reader, writer)
                await writer.drain()
        except (OSError, EOFError):
            return  # The end of a function's process is told by whoever started it.
        finally:
            writer.close()

    async def _serve(self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match request.method, request.path.removeprefix(_VERSION).split("/")[1:]:
            case "GET", ["runtime", "invocation", "next"]:
                await self._next(reader, writer)
            case "GET", ["runtime", "restore", "next"]:
                _reply(writer, 200)
            case "POST", ["runtime", "init" | "restore", "error"]:
                self._not_started(_failure(request, await _read_body(request, reader)))
                _reply(writer, 202)
            case "POST", ["runtime", "invocation", id_, "response"]:
                await self._response(id_, request, reader, writer)
            case "POST", ["runtime", "invocation", id_, "error"]:
                failure = _failure(request, await _read_body(request, reader))
                self._receipt(writer, self._running.pop(id_, None), failure)
            case _:
                _reply(writer, 404)

    def _not_started(self, failure: FunctionFailed) -> None:
        if not self.start_failure.done():
            self.start_failure.set_result(failure)
        self.abandon(failure)

    async def _next(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        delivery = await self._waiting.get()
        if reader.at_eof():
            self._waiting.put_nowait(delivery)
            raise EOFError("the function that waited here has ended")
        self._running[delivery.id] = delivery
        headers = {
            "Lambda-Runtime-Aws-Request-Id": delivery.id,
            "Lambda-Runtime-Deadline-Ms": str(delivery.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:local",
            **delivery.headers,
        }
        _reply(writer, 200, headers, delivery.event)

    async def _response(
        self, id_: str, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        delivery = self._running.pop(id_, None)
        mode = request.headers.get("lambda-runtime-function-response-mode", "streaming")
        if delivery is None or mode != "streaming":
            await _read_body(request, reader)
            self._receipt(writer, None, None)
            return
        delivery.begin(request.headers)
        try:
            async for chunk in _read_chunks(request, reader):
                await delivery.put(chunk)
            await delivery.put(await _read_trailers(request, reader))
        except (OSError, EOFError, asyncio.CancelledError):
            delivery.fail(FunctionFailed("Runtime.ExitError", {"errorMessage": "the answer broke off"}))
            raise
        self._receipt(writer, delivery, None)

    def _receipt(self, writer: asyncio.StreamWriter, delivery: Delivery | None, failure: FunctionFailed | None) -> None:
        if delivery is not None and failure is not None:
            delivery.fail(failure)
        self.receipts.append(202 if delivery is not None else 400)
        _reply(writer, self.receipts[-1])


def _failure(request: _Request, body: bytes) -> FunctionFailed:
    return FunctionFailed(
        request.headers.get("lambda-runtime-function-error-type", "Unhandled"), json.loads(body or b"{}")
    )


def _reply(
    writer: asyncio.StreamWriter, status: int, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = f"HTTP/1.1 {status} Reply\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
    writer.write(head.encode("latin-1") + body)


async def _read_request(reader: asyncio.StreamReader) -> _Request:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    return _Request(method=method, path=path, headers=_fields(lines))


def _fields(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _is_chunked(request: _Request) -> bool:
    return request.headers.get("transfer-encoding", "").lower() == "chunked"


async def _read_chunks(request: _Request, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    if not _is_chunked(request):
        yield await reader.readexactly(int(request.headers.get("content-length", "0")))
        return
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]


async def _read_trailers(request: _Request, reader: asyncio.StreamReader) -> FunctionFailed | None:
    """None: the body is whole. Raises ConnectionResetError for a block that the real server would not take."""
    lines: list[str] = []
    while _is_chunked(request) and (line := (await reader.readuntil(b"\r\n")).decode("latin-1").strip()):
        lines.append(line)
    if sum(map(len, lines)) > _TRAILER_BLOCK_BYTES:
        raise ConnectionResetError("the trailers exceed 4 KB")
    fields = _fields(lines)
    if "lambda-runtime-function-error-type" not in fields:
        return None
    return FunctionFailed(fields["lambda-runtime-function-error-type"], _decoded(fields))


def _decoded(fields: Mapping[str, str]) -> Mapping[str, object]:
    try:
        document = json.loads(base64.b64decode(fields["lambda-runtime-function-error-body"], validate=True))
    except (KeyError, ValueError, binascii.Error) as error:
        raise ConnectionResetError("the error trailer is not JSON in base64") from error
    return dict(document)


async def _read_body(request: _Request, reader: asyncio.StreamReader) -> bytes:
    body = b"".join([chunk async for chunk in _read_chunks(request, reader)])
    await _read_trailers(request, reader)
    return body
