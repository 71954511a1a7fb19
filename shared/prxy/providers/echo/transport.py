"""The transport port with the echo at its other end."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

import msgspec

from prxy.canonical.parts import Json, Wire
from prxy.framing.frame import Frame
from prxy.framing.sse import MEDIA_TYPE, encode_frame
from prxy.providers.echo.answer import Refused, answer
from prxy.providers.echo.wire import chunks, completion, refusal
from prxy.providers.transport import HttpReply, HttpRequest


class EchoReply:
    def __init__(self, status: int, media_type: str, parts: Sequence[bytes]) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {"content-type": media_type}
        self._parts = parts

    async def chunks(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part

    async def read(self) -> bytes:
        return b"".join(self._parts)

    async def aclose(self) -> None:
        self._parts = ()


class EchoTransport:
    async def send(self, request: HttpRequest) -> HttpReply:
        body: Wire = msgspec.json.decode(request.body, type=dict)
        call_id = hashlib.sha256(request.body).hexdigest()[:24]
        model = str(body.get("model"))
        try:
            answered = answer(body)
        except Refused as refused:
            return EchoReply(400, "application/json", [msgspec.json.encode(refusal(refused))])
        if not body.get("stream"):
            whole = completion(answered, call_id, model)
            return EchoReply(200, "application/json", [msgspec.json.encode(whole)])
        stream = chunks(answered, call_id, model, usage=_wants_usage(body.get("stream_options")))
        return EchoReply(200, MEDIA_TYPE, [*_framed(stream)])

    async def aclose(self) -> None:
        return


def _framed(stream: Iterator[Wire]) -> Iterator[bytes]:
    for chunk in stream:
        yield encode_frame(Frame(msgspec.json.encode(chunk)))
    yield encode_frame(Frame(b"[DONE]"))


def _wants_usage(options: Json) -> bool:
    return isinstance(options, dict) and options.get("include_usage") is True
