"""Frames of a provider's stream -> events.

https://docs.claude.com/en/docs/build-with-claude/streaming (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from prxy.canonical.errors import ProviderBadResponse, ProviderStreamInterrupted
from prxy.canonical.events import (
    ChoiceEnd,
    PartDelta,
    PartEnd,
    PartStart,
    StreamEnd,
    StreamError,
    StreamEvent,
    StreamStart,
    UsageUpdate,
)
from prxy.canonical.parts import Extras, Json, Opaque, Part, ServerToolCall, Signature, ToolCall, Wire
from prxy.canonical.stream import merge, with_text
from prxy.formats.anthropic_messages.errors import parse_stream_error
from prxy.formats.anthropic_messages.plain_delta import InputDelta, TextDelta, ThinkingDelta, parse_plain_delta
from prxy.formats.anthropic_messages.response import more_fields, parse_answer_block
from prxy.formats.anthropic_messages.usage import parse_finish, parse_usage
from prxy.formats.anthropic_messages.words import NAME
from prxy.formats.base import FrameDecoder, decode_json, make_extras
from prxy.framing.frame import Frame


class State(StrEnum):
    NEW = "before message_start"
    OPEN = "inside the message"
    STOPPED = "after message_delta"
    DONE = "after the end"


_DELTA_KNOWN = frozenset({"stop_reason", "stop_sequence"})
_EVENT_KNOWN = frozenset({"type", "delta", "usage"})


class StreamDecoder(FrameDecoder):
    """message_start (content_block_start content_block_delta* content_block_stop)* message_delta+ message_stop

    `ping` anywhere; `error` anywhere ends the stream. Raises ProviderBadResponse for events out of this order.
    """

    def __init__(self) -> None:
        self._state = State.NEW
        self._blocks: dict[int, _Block] = {}
        self._usage: Wire = {}
        self._more: Wire = {}

    def feed(self, item: Frame) -> Iterator[StreamEvent]:
        if self._state is State.DONE:
            return
        match decode_json(item):
            case {"type": str(kind), "index": int(index)} as event if kind.startswith("content_block_"):
                yield from self._block_event(kind, index, event)
            case {"type": "message_start", "message": {"id": str(id_), "model": str(model)} as message}:
                yield from self._start(id_, model, message)
            case {"type": "message_delta", "delta": dict(delta)} as event:
                yield from self._finish_choice(delta, event)
            case {"type": "message_stop"}:
                self._expect("message_stop", State.STOPPED, State.OPEN)
                yield from self._end()
            case {"type": "error"} as event:
                self._state = State.DONE
                yield StreamError(error=parse_stream_error(event.get("error")))
            case event:
                _pass_over(event)

    def grown(self, frame: Frame) -> PartDelta | None:
        event = parse_plain_delta(frame)
        block = None if event is None or self._state is not State.OPEN else self._blocks.get(event.index)
        return None if event is None or block is None else block.lengthened(event.delta)

    def _block_event(self, kind: str, index: int, event: Wire) -> Iterator[StreamEvent]:
        match kind, event:
            case "content_block_delta", {"delta": {"type": str(what)} as delta}:
                yield from self._open_block(index, kind).grow(what, delta)
            case "content_block_start", {"content_block": dict(block)}:
                yield from self._start_block(index, block)
            case "content_block_stop", _:
                yield from self._open_block(index, kind).stop()
            case _:
                _pass_over(event)

    def finish(self) -> Iterator[StreamEvent]:
        """End of input. An answer whose stop reason was told is whole, though its last event is missing."""
        if self._state is State.STOPPED:
            yield from self._end()
        elif self._state is not State.DONE:
            self._state = State.DONE
            yield StreamError(error=ProviderStreamInterrupted("The provider's stream stopped before its end."))

    def _expect(self, event: str, *states: State) -> None:
        if self._state not in states:
            raise ProviderBadResponse(f"The provider sent {event} {self._state.value}.")

    def _start(self, id_: str, model: str, message: Wire) -> Iterator[StreamEvent]:
        self._expect("message_start", State.NEW)
        self._state = State.OPEN
        yield StreamStart(format=NAME, id=id_, model=model, extras=make_extras(NAME, more_fields(message)))
        yield from self._count(message.get("usage"))

    def _start_block(self, index: int, block: Wire) -> Iterator[StreamEvent]:
        self._expect("content_block_start", State.OPEN)
        if index in self._blocks:
            raise ProviderBadResponse(f"The provider sent content_block_start twice for block {index}.")
        self._blocks[index] = _Block(index, block)
        yield from self._blocks[index].start()

    def _open_block(self, index: int, event: str) -> _Block:
        self._expect(event, State.OPEN)
        block = self._blocks.get(index)
        if block is None or block.is_stopped:
            raise ProviderBadResponse(f"The provider sent {event} for block {index}, which is not open.")
        return block

    def _finish_choice(self, delta: Wire, event: Wire) -> Iterator[StreamEvent]:
        self._expect("message_delta", State.OPEN, State.STOPPED)
        self._more |= {key: value for key, value in delta.items() if key not in _DELTA_KNOWN and value is not None}
        self._more |= {key: value for key, value in event.items() if key not in _EVENT_KNOWN and value is not None}
        if delta.get("stop_reason") is not None:
            self._state = State.STOPPED
            finish = parse_finish(delta["stop_reason"], delta.get("stop_sequence"), delta.get("stop_details"))
            yield ChoiceEnd(finish=finish)
        usage = event.get("usage")
        if isinstance(usage, Mapping) and usage.get("output_tokens") is not None:  # else that of the start would stand
            yield from self._count(usage)

    def _count(self, usage: Json) -> Iterator[StreamEvent]:
        """Counts are cumulative: each replaces the one before, and one that is not repeated stands."""
        if not isinstance(usage, Mapping):
            return
        self._usage = {**self._usage, **{key: value for key, value in usage.items() if value is not None}}
        counted = parse_usage(self._usage)
        if counted is not None:
            yield UsageUpdate(usage=counted)

    def _end(self) -> Iterator[StreamEvent]:
        if any(not block.is_stopped for block in self._blocks.values()):
            raise ProviderBadResponse("The provider ended its message inside a block.")
        self._state = State.DONE
        yield StreamEnd(extras=make_extras(NAME, self._more))


def decode_stream() -> StreamDecoder:
    return StreamDecoder()


_KNOWN_EVENTS = frozenset(
    "message_start message_delta message_stop content_block_start content_block_delta content_block_stop".split()
)


def _pass_over(event: Json) -> None:
    """`ping`, and event types of the future, which https://docs.claude.com/en/api/versioning (as of 2026-11) announces.

    Raises ProviderBadResponse for anything else.
    """
    match event:
        case {"type": str(kind)} if kind not in _KNOWN_EVENTS:
            return
        case {"type": str(kind)}:
            raise ProviderBadResponse(f"The provider sent {kind} in a form that its wire does not have.")
        case _:
            raise ProviderBadResponse("The provider sent an event without a type.")


class _Block:
    """content_block_start delta* content_block_stop. A block that only this wire knows is told whole, at its end."""

    def __init__(self, index: int, block: Wire) -> None:
        self._index = index
        self._part = _begun(block, index)
        self._lacks_input = isinstance(self._part, ToolCall | ServerToolCall) and not self._part.arguments
        self.is_stopped = False

    def start(self) -> Iterator[StreamEvent]:
        if not isinstance(self._part, Opaque):
            yield PartStart(index=self._index, part=self._part)

    def grow(self, kind: str, delta: Wire) -> Iterator[StreamEvent]:
        match kind, delta:
            case _ if isinstance(self._part, Opaque):
                grown = merge(self._part.value, {**delta, "type": self._part.value["type"]})
                self._part = Opaque(format=NAME, value=grown)
            case ("text_delta", {"text": ""}) | ("thinking_delta", {"thinking": ""}) | (_, {"partial_json": ""}):
                return
            case ("text_delta", {"text": str(text)}) | ("thinking_delta", {"thinking": str(text)}):
                yield PartDelta(index=self._index, text=text)
            case "input_json_delta", {"partial_json": str(text)}:
                self._lacks_input = False
                yield PartDelta(index=self._index, text=text)
            case "signature_delta", {"signature": str(value)}:
                yield PartDelta(index=self._index, signature=Signature(format=NAME, value=value))
            case "citations_delta", {"citation": citation}:
                yield PartDelta(index=self._index, extras=Extras(format=NAME, fields={"citations": [citation]}))
            case _ if kind in _KNOWN_DELTAS:
                raise ProviderBadResponse(f"The provider sent {kind} in a form that its wire does not have.")
            case _:
                # A kind of delta from the future, passed over like an event of one.
                return

    def lengthened(self, delta: TextDelta | ThinkingDelta | InputDelta) -> PartDelta | None:
        """The short way of `grow`; None where that is to say what it means."""
        if not delta.text or self.is_stopped or type(self._part) is Opaque:
            return None
        if type(delta) is InputDelta:
            self._lacks_input = False
        return PartDelta(index=self._index, text=delta.text)

    def stop(self) -> Iterator[StreamEvent]:
        """A call without arguments has the arguments `{}`, as in an answer that is not streamed."""
        self.is_stopped = True
        if isinstance(self._part, Opaque):
            yield PartStart(index=self._index, part=self._part)
        if self._lacks_input:
            yield PartDelta(index=self._index, text="{}")
        yield PartEnd(index=self._index)


_KNOWN_DELTAS = frozenset("text_delta thinking_delta input_json_delta signature_delta citations_delta".split())


def _begun(block: Wire, index: int) -> Part:
    """The part at its beginning. The empty `input` there stands for arguments to come, and is no text of theirs."""
    part = parse_answer_block(block, f"content[{index}]")
    if isinstance(part, ToolCall | ServerToolCall) and not block["input"]:
        return with_text(part, "")
    return part
