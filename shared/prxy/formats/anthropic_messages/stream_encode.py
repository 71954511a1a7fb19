"""Events -> frames for a client. https://docs.claude.com/en/docs/build-with-claude/streaming (as of 2026-11)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from msgspec import structs

from prxy.canonical.errors import ProviderBadResponse
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
    Verbatim,
)
from prxy.canonical.parts import Extras, Json, Media, Part, Reasoning, ServerToolCall, Signature, Text, ToolCall, Wire
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import Finish, FinishReason, Usage
from prxy.canonical.stream import merge_extras, part_text, with_text
from prxy.formats.anthropic_messages.block_render import render_block
from prxy.formats.anthropic_messages.errors import error_object
from prxy.formats.anthropic_messages.response import answer_part, message_head
from prxy.formats.anthropic_messages.usage import CUMULATIVE, render_finish, render_usage
from prxy.formats.anthropic_messages.words import NAME
from prxy.formats.base import encode_json, make_extras, own_fields
from prxy.formats.blocks import Blocks, OneAnswer
from prxy.framing.frame import Frame

_IN_DELTA = frozenset({"stop_details", "container"})
"""Fields of a message that a stream tells in the `delta` of `message_delta`."""
_LATE = _IN_DELTA | {"context_management"}
"""Fields of a message that a stream tells at its end."""


class StreamEncoder:
    """message_start (content_block_start content_block_delta* content_block_stop)* message_delta message_stop | error

    `message_start` waits for the first event that is not usage, so that it can state the usage it is told in time.
    The stop reason waits for the last usage. Only the first choice is said.
    """

    def __init__(self) -> None:
        self._answer = OneAnswer()
        self._blocks = Blocks(_block)
        self._start: StreamStart | None = None
        self._said: Wire | None = None
        self._usage: Usage | None = None
        self._finish = Finish(reason=FinishReason.ERROR)

    def feed(self, item: StreamEvent) -> Iterator[Frame]:
        for event in self._answer.feed(item):
            yield from self._say(event)

    def finish(self) -> Iterator[Frame]:
        """Nothing: only a terminal event ends the stream well."""
        return iter(())

    def _say(self, event: StreamEvent) -> Iterator[Frame]:
        match event:
            case PartStart() | PartDelta() | PartEnd():
                yield from self._say_part(event)
            case StreamStart():
                self._start = event
            case UsageUpdate(usage=usage):
                self._usage = usage
            case ChoiceEnd(finish=finish):
                yield from self._begin()
                self._finish = finish
            case StreamError(error=error):
                yield _frame("error", error=error_object(error))
            case StreamEnd(extras=extras):
                yield from self._end(extras)
            case Verbatim():
                pass
            case _:
                assert_never(event)

    def _say_part(self, event: PartStart | PartDelta | PartEnd) -> Iterator[Frame]:
        if isinstance(event, PartStart):
            yield from self._begin()
        yield from self._blocks.feed(event)

    def _begin(self) -> Iterator[Frame]:
        if self._said is not None:
            return
        if self._start is None:
            raise ProviderBadResponse("The stream went on before it began.")
        self._said = render_usage(self._usage)
        early = {key: value for key, value in own_fields(self._start.extras, NAME).items() if key not in _LATE}
        head = message_head(self._start.id, self._start.model, self._start.format)
        nothing: Wire = {"content": [], "stop_reason": None, "stop_sequence": None}
        yield _frame("message_start", message={**head, **nothing, **early, "usage": self._said})

    def _end(self, extras: Extras | None) -> Iterator[Frame]:
        yield from self._begin()
        start = None if self._start is None else self._start.extras
        late = {**_only(own_fields(merge_extras(start, extras), NAME), _LATE), **own_fields(extras, NAME)}
        delta = {**render_finish(self._finish), **_only(late, _IN_DELTA)}
        rest = {key: value for key, value in late.items() if key not in _IN_DELTA}
        yield _frame("message_delta", delta=delta, **rest, usage=self._usage_at_end())
        yield _frame("message_stop")

    def _usage_at_end(self) -> Wire:
        """The cumulative counts, and whatever else `message_start` could not yet say."""
        said = self._said or {}
        return {
            key: value
            for key, value in render_usage(self._usage).items()
            if key in CUMULATIVE or key not in said or said[key] != value
        }


def encode_stream(request: ChatRequest) -> StreamEncoder:
    """Events -> frames. The request says nothing that a stream of this wire depends on."""
    return StreamEncoder()


def _frame(event: str, **fields: Json) -> Frame:
    return Frame(encode_json({"type": event, **fields}), event)


def _only(fields: Mapping[str, Json], names: frozenset[str]) -> Wire:
    return {key: value for key, value in fields.items() if key in names}


def _block(index: int, part: Part) -> _Block | None:
    said = answer_part(part)
    return None if said is None else _Block(index, said)


class _Block:
    """content_block_start content_block_delta* content_block_stop of one part.

    A signature is told after the thoughts. A call has at least one delta; the text of a free-form one is told as the
    string `input` of an object. Media are told at their end.
    """

    def __init__(self, index: int, part: Part) -> None:
        self._index = index
        self._part = part
        self._signature: Signature | None = None
        self._lacks_input = isinstance(part, ToolCall | ServerToolCall)
        self._is_freeform = isinstance(part, ToolCall) and part.freeform
        self._data: list[str] = []

    def start(self) -> Iterator[Frame]:
        if isinstance(self._part, Media):
            self._data.append(part_text(self._part))
            return
        yield self._event("content_block_start", content_block=_opening(self._part))
        if isinstance(self._part, Reasoning) and not self._part.redacted:
            self._signature = self._part.signature
        if self._is_freeform:
            yield self._input('{"input":"')
        yield from self._text(part_text(self._part))
        yield from self._citations(self._part.extras if isinstance(self._part, Text) else None)

    def grow(self, delta: PartDelta) -> Iterator[Frame]:
        if delta.signature is not None and delta.signature.format == NAME:
            self._signature = delta.signature
        yield from self._text(delta.text)
        yield from self._citations(delta.extras)

    def stop(self) -> Iterator[Frame]:
        if isinstance(self._part, Media):
            whole = with_text(self._part, "".join(self._data))
            yield self._event("content_block_start", content_block=render_block(whole))
        if self._is_freeform:
            yield self._input('"}')
        elif self._lacks_input:
            yield self._input("{}")
        if self._signature is not None and isinstance(self._part, Reasoning):
            yield self._delta("signature_delta", signature=self._signature.value)
        yield self._event("content_block_stop")

    def _text(self, text: str) -> Iterator[Frame]:
        if not text:
            return
        match self._part:
            case Text():
                yield self._delta("text_delta", text=text)
            case Reasoning(redacted=False):
                yield self._delta("thinking_delta", thinking=text)
            case ToolCall(freeform=True):
                yield self._input(encode_json(text)[1:-1].decode())
            case ToolCall() | ServerToolCall():
                self._lacks_input = False
                yield self._input(text)
            case Media():
                self._data.append(text)
            case _:
                pass

    def _input(self, text: str) -> Frame:
        return self._delta("input_json_delta", partial_json=text)

    def _citations(self, extras: Extras | None) -> Iterator[Frame]:
        match own_fields(extras, NAME):
            case {"citations": list(citations)}:
                for citation in citations:
                    yield self._delta("citations_delta", citation=citation)

    def _event(self, event: str, **fields: Json) -> Frame:
        return _frame(event, index=self._index, **fields)

    def _delta(self, kind: str, **fields: Json) -> Frame:
        return self._event("content_block_delta", delta={"type": kind, **fields})


def _opening(part: Part) -> Wire:
    """The block before its deltas: text, thoughts, signature, input and citations are empty."""
    match part:
        case ToolCall():
            return render_block(structs.replace(part, arguments="", freeform=False))
        case Reasoning(redacted=False):
            return {**render_block(structs.replace(part, text="", signature=None)), "signature": ""}
        case Text(extras=Extras(format=name, fields={"citations": list(), **more})) if name == NAME:
            emptied = make_extras(NAME, {**more, "citations": []})
            return render_block(structs.replace(part, text="", extras=emptied))
        case _:
            return render_block(with_text(part, ""))
