"""One call to a provider: its reply as batches of events, one batch for each read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress

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


async def read_stream(reply: HttpReply, format_: Format, *, joins: bool = False) -> AsyncGenerator[Batch, None]:
    """The events of a streamed reply, ending in exactly one StreamEnd or StreamError.

    `joins`: what one read adds to a part is told as one delta, with all its frames behind it.

    What the provider sends right after the terminal event is read and dropped, so that the connection serves again.
    """
    decoding = _Decoding(format_, joins=joins)
    chunks = reply.chunks()
    try:
        async for chunk in chunks:
            batch = decoding.feed(chunk)
            if batch:
                yield batch
            if decoding.ended:
                break
        else:
            yield decoding.finish()
    except ProviderError as error:
        yield [*decoding.told(), StreamError(error=error)]
        return
    if not decoding.broken:
        await _drain(chunks)


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """The answer was complete: whatever happens to the connection now is no fault of the call."""
    try:
        async with asyncio.timeout(DRAIN_S):
            async for _ in chunks:
                pass
    except (TimeoutError, ProviderError):
        return


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

    def told(self) -> list[StreamEvent]:
        """What a stream that broke had told of its end: what it is billed by may be among it."""
        told: list[StreamEvent] = []
        with suppress(GatewayError):  # the one that broke the stream is told already
            told.extend(event for event in self._decoder.finish() if not isinstance(event, StreamEnd | StreamError))
        return told

    def _fail(self, events: list[StreamEvent], error: GatewayError) -> None:
        if not self.ended:
            events.extend(self.told())
        self.ended = self.broken = True
        events.append(StreamError(error=error))


async def read_whole(reply: HttpReply, format_: Format) -> AsyncGenerator[Batch, None]:
    """The events of a reply that came as one JSON body, in one batch."""
    try:
        body = await reply.read()
        events: list[StreamEvent] = [*unfold(format_.parse_response(decode_object(body)))]
        yield [*events[:-1], Verbatim(format=format_.name, value=body), events[-1]]
    except GatewayError as error:
        yield [StreamError(error=error)]


def decode_object(body: bytes) -> dict[str, object]:
    """A whole body. Raises ProviderBadResponse."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProviderBadResponse("The provider's answer is not JSON.") from error
    if not isinstance(value, dict):
        raise ProviderBadResponse("The provider's answer is not a JSON object.")
    return value
