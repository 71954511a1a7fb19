"""Events as a stream of answers. https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
(as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from msgspec import structs

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
from prxy.canonical.parts import Extras, Part, Reasoning, Refusal, Text, ToolCall, Wire
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import Usage
from prxy.canonical.stream import OneAtATime, merge_extras, part_text, signature_of, with_text
from prxy.formats.base import encode_json, spelt
from prxy.formats.gemini_generate.errors import error_object
from prxy.formats.gemini_generate.names import NAME, outer_fields
from prxy.formats.gemini_generate.outcome import render_usage
from prxy.formats.gemini_generate.part_render import render_part
from prxy.formats.gemini_generate.response import is_sayable, render_end, render_identity
from prxy.framing.frame import Frame


class StreamEncoder:
    """chunk* last | chunk* error; chunk = one part of one candidate; last = every finishReason, and the usage.

    Texts are written as they come; calls and media when they are whole, since this wire has no pieces of them. Within a
    candidate one part is written after another.
    """

    def __init__(self) -> None:
        self._identity: Wire = {}
        self._extras: Extras | None = None
        self._orders: dict[int, OneAtATime] = {}
        self._choices: dict[int, int] = {}
        self._parts: dict[int, Part] = {}
        self._pieces: dict[int, list[str]] = {}
        self._ends: list[ChoiceEnd] = []
        self._usage: Usage | None = None

    def feed(self, item: StreamEvent) -> Iterable[Frame]:
        match item:
            case StreamStart():
                self._start(item)
            case PartStart() | PartDelta() | PartEnd():
                return self._ordered(item)
            case ChoiceEnd():
                self._ends.append(item)
                return self._flush(item)
            case UsageUpdate():
                self._usage = item.usage
            case StreamEnd():
                return (self._last(item),)
            case StreamError():
                return (Frame(encode_json({"error": error_object(item.error)})),)
            case Verbatim():
                pass
            case _:
                assert_never(item)
        return ()

    def finish(self) -> Iterable[Frame]:
        return ()

    def _start(self, event: StreamStart) -> None:
        self._identity = render_identity(event.id, event.model, event.extras) | outer_fields(event.extras)
        self._extras = event.extras

    def _ordered(self, event: PartStart | PartDelta | PartEnd) -> Iterator[Frame]:
        if isinstance(event, PartStart):
            self._choices[event.index] = event.choice
        choice = self._choices[event.index]
        for ready in self._orders.setdefault(choice, OneAtATime()).feed(event):
            yield from self._write(ready, choice)

    def _flush(self, event: ChoiceEnd) -> Iterator[Frame]:
        for ready in self._orders.setdefault(event.choice, OneAtATime()).feed(event):
            yield from self._write(ready, event.choice)

    def _write(self, event: StreamEvent, choice: int) -> Iterable[Frame]:
        match event:
            case PartStart():
                return self._begin(event)
            case PartDelta():
                return self._grow(event, choice)
            case PartEnd():
                return self._end(event, choice)
            case _:
                return ()

    def _begin(self, event: PartStart) -> Iterable[Frame]:
        self._parts[event.index] = event.part
        if not isinstance(event.part, Text | Reasoning | Refusal):
            self._pieces[event.index] = [part_text(event.part)]
            return ()
        return self._texts(event.part, event.choice)

    def _grow(self, event: PartDelta, choice: int) -> Iterable[Frame]:
        part = self._parts[event.index]
        match part:
            case Text() | Reasoning():
                return self._texts(
                    structs.replace(part, text=event.text, signature=event.signature, extras=event.extras), choice
                )
            case Refusal():
                return self._texts(structs.replace(part, text=event.text, extras=event.extras), choice)
            case ToolCall():
                extras = merge_extras(part.extras, event.extras)
                self._parts[event.index] = structs.replace(
                    part, signature=event.signature or part.signature, extras=extras
                )
        self._pieces[event.index].append(event.text)
        return ()

    def _texts(self, part: Text | Reasoning | Refusal, choice: int) -> Iterable[Frame]:
        """A piece of text, unless there is nothing in it for this wire."""
        signature = signature_of(part)
        signed = signature is not None and signature.format == NAME
        return (self._chunk(render_part(part), choice),) if part.text or signed else ()

    def _end(self, event: PartEnd, choice: int) -> Iterable[Frame]:
        part = self._parts.pop(event.index)
        pieces = self._pieces.pop(event.index, None)
        if pieces is None or not is_sayable(part):
            return ()
        return (self._chunk(render_part(with_text(part, "".join(pieces))), choice),)

    def _chunk(self, part: Wire, choice: int) -> Frame:
        candidate = {"content": {"parts": [part], "role": "model"}, "index": choice}
        return Frame(encode_json({"candidates": [candidate], **self._identity}))

    def _last(self, event: StreamEnd) -> Frame:
        extras = merge_extras(self._extras, event.extras)
        body: Wire = {}
        if not spelt(extras, NAME, "candidates:none"):
            body["candidates"] = [_last_candidate(end) for end in self._ends]
        if self._usage is not None:
            body["usageMetadata"] = render_usage(self._usage)
        return Frame(encode_json(body | self._identity | outer_fields(extras)))


def _last_candidate(end: ChoiceEnd) -> Wire:
    content: Wire = {"content": {"parts": [{"text": ""}], "role": "model"}, "index": end.choice}
    return content | render_end(end.finish) | outer_fields(end.extras)


def encode_stream(request: ChatRequest) -> StreamEncoder:
    """`request` is what the client asked; this wire's stream does not depend on it."""
    return StreamEncoder()
