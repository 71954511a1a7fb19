"""One call to a provider: its reply as batches of events, one batch for each read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Protocol

import msgspec

from prxy.canonical.errors import GatewayError, ProviderBadResponse, ProviderError
from prxy.canonical.events import PartDelta, StreamEnd, StreamError, StreamEvent, Verbatim
from prxy.canonical.stream import unfold
from prxy.formats.base import Format
from prxy.framing.frame import Frame
from prxy.providers.transport import HttpReply

Batch = Sequence[StreamEvent]

DRAIN_S = 0.1
"""How long a provider may take to close an answer that has told its end."""


class Source(Protocol):
    """Where the batches of an answer come from. An iterator and no generator, of which the event loop keeps a list."""

    def __aiter__(self) -> Source:
        return self

    async def __anext__(self) -> Batch: ...

    async def aclose(self) -> None:
        """Give back what it reads from; nothing comes behind this."""


def read_reply(reply: HttpReply, format_: Format, *, joins: bool = False) -> Source:
    """The events of a reply, ending in exactly one StreamEnd or StreamError.

    `joins`: what one read adds to a part is told as one delta, with all its frames behind it.
    """
    streamed = format_.framing.media_type in reply.headers.get("content-type", "").lower()
    return StreamedReply(reply, format_, joins=joins) if streamed else WholeReply(reply, format_)


class StreamedReply(Source):
    """What the provider sends right after the terminal event is read and dropped: the connection serves again."""

    def __init__(self, reply: HttpReply, format_: Format, *, joins: bool = False) -> None:
        self._reply, self._chunks = reply, reply.chunks()
        self._decoding = _Decoding(format_, joins=joins)
        self._told = False

    async def __anext__(self) -> Batch:
        decoding = self._decoding
        while not self._told:
            batch = await self._next()
            self._told = decoding.ended
            if batch:
                return batch
        if not decoding.broken:
            await _drain(self._chunks)
        raise StopAsyncIteration

    async def _next(self) -> Batch:
        try:
            return self._decoding.feed(await self._chunks.__anext__())
        except StopAsyncIteration:
            return self._decoding.finish()
        except ProviderError as error:
            return self._decoding.break_off(error)

    async def aclose(self) -> None:
        await self._reply.aclose()


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """The answer was complete: whatever happens to the connection now is no fault of the call."""
    try:
        async with asyncio.timeout(DRAIN_S):
            async for _ in chunks:
                pass
    except (TimeoutError, ProviderError):
        return


class WholeReply(Source):
    """One JSON body, in one batch."""

    def __init__(self, reply: HttpReply, format_: Format) -> None:
        self._reply, self._format = reply, format_
        self._told = False

    async def __anext__(self) -> Batch:
        if self._told:
            raise StopAsyncIteration
        self._told = True
        format_ = self._format
        try:
            body = await self._reply.read()
            events: list[StreamEvent] = [*unfold(format_.parse_response(decode_object(body)))]
        except GatewayError as error:
            return (StreamError(error=error),)
        events.insert(-1, Verbatim(format=format_.name, value=body))
        return events

    async def aclose(self) -> None:
        await self._reply.aclose()


class _Decoding:
    """Bytes -> events, each frame's events followed by the frame itself."""

    def __init__(self, format_: Format, *, joins: bool) -> None:
        self._name = format_.name
        self._joins = joins
        self._growth: list[PartDelta] = []
        self._frames: list[Frame] = []
        self._framing = format_.framing.decoder()
        self._decoder = format_.decode_stream()
        self.ended = self.broken = False

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        try:
            for frame in self._framing.feed(chunk):
                grown = self._decoder.grown(frame)
                if self._growth and (grown is None or (self._joins and grown.index != self._growth[-1].index)):
                    self._tell(events)
                if grown is None:
                    self._decode(frame, events)
                else:
                    self._growth.append(grown)
                    self._frames.append(frame)
            self._tell(events)
        except GatewayError as error:
            self._tell(events)
            self._fail(events, error)
        return events

    def _tell(self, events: list[StreamEvent]) -> None:
        """What the frames that were taken have added."""
        if not self._growth:
            return
        if self._joins:
            text = "".join([delta.text for delta in self._growth])
            events.append(PartDelta(index=self._growth[0].index, text=text))
        else:
            events += self._growth
        events.append(Verbatim(format=self._name, value=tuple(self._frames)))
        self._growth, self._frames = [], []

    def finish(self) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        try:
            for frame in self._framing.finish():
                self._decode(frame, events)
            if not self.ended:
                events.extend(self._decoder.finish())
        except GatewayError as error:
            self._fail(events, error)
        self.ended = True
        return events

    def _decode(self, frame: Frame, events: list[StreamEvent]) -> None:
        if self.ended:
            return
        for event in self._decoder.feed(frame):
            events.append(event)
            if isinstance(event, StreamError):
                self.ended = self.broken = True
                return
            if isinstance(event, StreamEnd):
                self.ended = True
        events.append(Verbatim(format=self._name, value=(frame,)))

    def break_off(self, error: ProviderError) -> list[StreamEvent]:
        """Nothing more will come, for a reason that is no fault of what came."""
        self.ended = self.broken = True
        return [*self._told(), StreamError(error=error)]

    def _told(self) -> list[StreamEvent]:
        """What a stream that broke had told of its end: what it is billed by may be among it."""
        told: list[StreamEvent] = []
        with suppress(GatewayError):  # the one that broke the stream is told already
            told.extend(event for event in self._decoder.finish() if not isinstance(event, StreamEnd | StreamError))
        return told

    def _fail(self, events: list[StreamEvent], error: GatewayError) -> None:
        """Of what stands behind the end nobody hears, but the connection is of no more use."""
        self.broken = True
        if not self.ended:
            self.ended = True
            events += [*self._told(), StreamError(error=error)]


def decode_object(body: bytes) -> dict[str, object]:
    """A whole body. Raises ProviderBadResponse."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProviderBadResponse("The provider's answer is not JSON.") from error
    if not isinstance(value, dict):
        raise ProviderBadResponse("The provider's answer is not a JSON object.")
    return value
