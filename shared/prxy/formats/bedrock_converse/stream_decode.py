"""Frames of a provider's stream -> events.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from prxy.canonical.errors import GatewayError, ProviderBadResponse, ProviderStreamInterrupted
from prxy.canonical.events import ChoiceEnd, StreamEnd, StreamError, StreamEvent, StreamStart, UsageUpdate
from prxy.canonical.parts import Json, Wire
from prxy.formats.base import FrameDecoder, decode_json, make_extras
from prxy.formats.bedrock_converse.block_decode import Block
from prxy.formats.bedrock_converse.errors import parse_stream_error
from prxy.formats.bedrock_converse.response import more_fields
from prxy.formats.bedrock_converse.usage import parse_finish, parse_usage
from prxy.formats.bedrock_converse.words import NAME
from prxy.framing.eventstream import EXCEPTION
from prxy.framing.frame import Frame


class State(StrEnum):
    NEW = "before messageStart"
    OPEN = "inside the message"
    STOPPED = "after messageStop"
    DONE = "after the end"


_BLOCK_EVENTS = frozenset({"contentBlockStart", "contentBlockDelta", "contentBlockStop"})
_PADDING = "p"
"""Member of every event that hides its length."""
_START_KNOWN = frozenset({"role", _PADDING})
_STOP_KNOWN = frozenset({"stopReason", _PADDING})
_METADATA_KNOWN = frozenset({"usage", _PADDING})


class StreamDecoder(FrameDecoder):
    """messageStart (contentBlockStart? contentBlockDelta* contentBlockStop)* messageStop metadata

    Blocks of text, thoughts and citations begin with their first delta. An exception anywhere ends the stream.
    Raises ProviderBadResponse for events out of this order.
    """

    def __init__(self) -> None:
        self._state = State.NEW
        self._blocks: dict[int, Block] = {}
        self._more: Wire = {}

    def feed(self, item: Frame) -> Iterator[StreamEvent]:
        if self._state is State.DONE:
            return
        if item.event.startswith(EXCEPTION):
            yield self._failed(item)
            return
        match item.event, decode_json(item):
            case name, {"contentBlockIndex": int(index)} as event if name in _BLOCK_EVENTS:
                yield from self._block_event(name, index, event)
            case "messageStart", dict(event):
                yield self._start(event)
            case "messageStop", dict(event):
                yield from self._stop(event)
            case "metadata", dict(event):
                yield from self._end(event)
            case name, event:
                _pass_over(name, event)

    def _block_event(self, name: str, index: int, event: Wire) -> Iterator[StreamEvent]:
        match name, event:
            case "contentBlockDelta", {"delta": dict(delta)}:
                yield from self._block(index, name).grow(delta)
            case "contentBlockStart", {"start": dict(start)}:
                yield from self._block(index, name).start(start)
            case "contentBlockStop", _:
                yield from self._block(index, name).stop()
            case _:
                _pass_over(name, event)

    def finish(self) -> Iterator[StreamEvent]:
        """End of input. An answer whose stop reason was told is whole, though its last event is missing."""
        if self._state is State.STOPPED:
            yield from self._end({})
        elif self._state is not State.DONE:
            self._state = State.DONE
            yield StreamError(error=ProviderStreamInterrupted("The provider's stream stopped before its end."))

    def _expect(self, event: str, *states: State) -> None:
        if self._state not in states:
            raise ProviderBadResponse(f"The provider sent {event} {self._state.value}.")

    def _failed(self, frame: Frame) -> StreamError:
        """An exception, whose body need not be readable."""
        self._state = State.DONE
        return StreamError(error=parse_stream_error(frame.event.removeprefix(EXCEPTION), _body(frame)))

    def _start(self, event: Wire) -> StreamStart:
        self._expect("messageStart", State.NEW)
        self._state = State.OPEN
        return StreamStart(format=NAME, id="", model="", extras=make_extras(NAME, more_fields(event, _START_KNOWN)))

    def _block(self, index: int, event: str) -> Block:
        self._expect(event, State.OPEN)
        block = self._blocks.setdefault(index, Block(index))
        if block.is_stopped:
            raise ProviderBadResponse(f"The provider sent {event} for block {index}, which had ended.")
        return block

    def _stop(self, event: Wire) -> Iterator[StreamEvent]:
        self._expect("messageStop", State.OPEN)
        for block in self._blocks.values():
            if not block.is_stopped:
                raise ProviderBadResponse("The provider ended its message inside a block.")
        self._state = State.STOPPED
        self._more = more_fields(event, _STOP_KNOWN)
        yield ChoiceEnd(finish=parse_finish(event.get("stopReason")))

    def _end(self, event: Wire) -> Iterator[StreamEvent]:
        self._expect("metadata", State.STOPPED)
        self._state = State.DONE
        if event.get("usage") is not None:
            yield UsageUpdate(usage=parse_usage(event["usage"]))
        yield StreamEnd(extras=make_extras(NAME, {**self._more, **more_fields(event, _METADATA_KNOWN)}))


def decode_stream() -> StreamDecoder:
    return StreamDecoder()


def _body(frame: Frame) -> Json:
    try:
        return decode_json(frame)
    except GatewayError:
        return None


_KNOWN_EVENTS = _BLOCK_EVENTS | {"messageStart", "messageStop", "metadata"}


def _pass_over(name: str, event: Json) -> None:
    """Kinds of events from the future. Raises ProviderBadResponse for a known one that is not as its wire has it."""
    if name in _KNOWN_EVENTS or not name:
        raise ProviderBadResponse(f"The provider sent {name or 'an event without a name'} in an unknown form.")
