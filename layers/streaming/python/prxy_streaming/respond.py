"""The answer to one invocation: ASGI messages in, one streamed POST to the Runtime API out.

Wire (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html and
https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html, as of 2026-11): a JSON
prelude with status and headers, eight NUL bytes, the body. API Gateway wants prelude and delimiter in the first 16 KB.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto
from functools import lru_cache

from prxy_streaming.failure import TRAILER_NAMES, Failure
from prxy_streaming.invocation import Invocation, Message
from prxy_streaming.runtime_api import RuntimeApi

_DELIMITER = b"\0" * 8
_PRELUDE_BYTES = 16 * 1024
_PIECE_BYTES = 64 * 1024
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding"})
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_NO_HEADER = "a response header has a byte that no header may have"
_STREAMING = {
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    "Content-Type": "application/vnd.awslambda.http-integration-response",
    "Trailer": TRAILER_NAMES,
}


class _Phase(Enum):
    WAITING = auto()
    """The app has said nothing."""
    HEADED = auto()
    """Status and headers are known; they leave with the first body, or as soon as the app itself waits."""
    STREAMING = auto()
    COMPLETE = auto()


class Response:
    """WAITING -> HEADED -> STREAMING -> COMPLETE. A failure before STREAMING is a plain error, after it a trailer."""

    def __init__(self, api: RuntimeApi, invocation: Invocation) -> None:
        self._api = api
        self._id = invocation.id
        self._path = f"/runtime/invocation/{invocation.id}"
        self._returned = invocation.returned_headers
        self._phase = _Phase.WAITING
        self._prelude = b""
        self._unread_receipt = False
        self.complete = asyncio.Event()
        """Set when the last byte is written."""

    async def send(self, message: Message) -> None:
        """The ASGI `send`.

        Raises RuntimeError for a message out of order, ValueError for a head that is no HTTP, OSError where Lambda
        takes no more.
        """
        match message["type"], self._phase:
            case "http.response.start", _Phase.WAITING:
                self._prelude = _prelude(message["status"], message.get("headers", ()))
                self._phase = _Phase.HEADED
                asyncio.get_running_loop().call_soon(self._release_prelude)
            case "http.response.body", _Phase.HEADED | _Phase.STREAMING:
                await self._send_body(message.get("body", b""))
                if not message.get("more_body", False):
                    self._end({})
            case kind, phase:
                raise RuntimeError(f"ASGI message {kind!r} may not come while the response is {phase.name.lower()}")

    def check_complete(self) -> None:
        """Raises RuntimeError where the app has returned without finishing its response."""
        if self._phase is not _Phase.COMPLETE:
            raise RuntimeError(f"the app returned while its response was {self._phase.name.lower()}")

    async def fail(self, error: BaseException) -> None:
        """Report what the app raised, in the way that the phase still allows."""
        failure = Failure.in_request(error)
        failure.log(self._id)
        match self._phase:
            case _Phase.WAITING | _Phase.HEADED:
                self._phase = _Phase.COMPLETE
                await self._api.post(f"{self._path}/error", {**self._returned, **failure.headers}, failure.body)
            case _Phase.STREAMING:
                self._end(failure.trailers)
            case _Phase.COMPLETE:
                pass  # The client has its whole answer; only the log can tell of what came after.

    async def receipt(self) -> None:
        """Wait until Lambda has taken a streamed answer, so that the connection is free for the next call."""
        if self._unread_receipt:
            self._unread_receipt = False
            await self._api.drain()
            await self._api.answer()

    async def _send_body(self, data: bytes) -> None:
        if self._phase is _Phase.HEADED:
            await self._api.open()  # The app may have waited for minutes, in which an idle connection may be lost.
        for piece in _pieces(data):
            self._write(piece)
            await self._api.drain()

    def _write(self, data: bytes) -> None:
        match self._phase:
            case _Phase.HEADED:
                self._phase = _Phase.STREAMING
                headers = {**_STREAMING, **self._returned}
                self._api.begin(f"{self._path}/response", headers, self._prelude + data)
            case _:
                self._api.write(data)

    def _release_prelude(self) -> None:
        if self._phase is _Phase.HEADED and self._api.stands:
            self._write(b"")

    def _end(self, trailers: Mapping[str, str]) -> None:
        self._release_prelude()
        self._phase = _Phase.COMPLETE
        self._unread_receipt = True
        self._api.end(trailers)
        self.complete.set()


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[start : start + _PIECE_BYTES] for start in range(0, len(data), _PIECE_BYTES))


def _prelude(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Status and headers as API Gateway and Function URLs both read them.

    Raises ValueError where they exceed 16 KB or are no HTTP: a line break in a value would be a header of its own.
    """
    if not 200 <= status <= 599:
        raise ValueError(f"a response's status is 200 to 599, not {status}")
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(_checked_name(name), []).append(_checked_value(value))
    cookies = values.pop("set-cookie", [])
    document = {
        "statusCode": status,
        "headers": {name: given[0] for name, given in values.items() if len(given) == 1 and name not in _HOP_BY_HOP},
        "multiValueHeaders": {
            name: given for name, given in values.items() if len(given) > 1 and name not in _HOP_BY_HOP
        },
        "cookies": cookies,
    }
    prelude = json.dumps({name: value for name, value in document.items() if value}).encode() + _DELIMITER
    if len(prelude) > _PRELUDE_BYTES:
        raise ValueError(
            f"the response's status and headers take {len(prelude)} bytes; API Gateway reads {_PRELUDE_BYTES}"
        )
    return prelude


@lru_cache(256)
def _checked_name(name: bytes) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(_NO_HEADER)
    return name.decode("latin-1").lower()


def _checked_value(value: bytes) -> str:
    if not _VALUE.fullmatch(value):
        raise ValueError(_NO_HEADER)
    return value.decode("latin-1")
