"""An answer for a client, event by event. A buffered answer is the object in the last one.

https://platform.openai.com/docs/api-reference/responses-streaming (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

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
from prxy.canonical.parts import Extras, Part, Wire
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import ChatResponse, Finish, FinishReason, Usage
from prxy.canonical.stream import unfold
from prxy.formats.base import own_fields
from prxy.formats.openai_errors import render_error
from prxy.formats.openai_responses.response_object import ID_PREFIX, envelope, status_fields
from prxy.formats.openai_responses.usage import render_usage
from prxy.formats.openai_responses.words import NAME
from prxy.formats.openai_responses.writing import Told, Writing, WritingMessage, writing_of

CUT = frozenset((FinishReason.LENGTH, FinishReason.CONTENT_FILTER))
TERMINALS = frozenset(("completed", "incomplete", "failed"))
ID_LENGTH = 40
"""Characters of the response's id that the ids of its items repeat: OpenAI takes ids of up to 64."""


class Writer:
    """created in_progress item* (completed | incomplete), or `error`, after which nothing comes

    Numbers go up from 0. Parts must come one at a time. Calls and results of other vendors' own tools have no place on
    this wire and are left out, as are choices after the first, for which no client of it can ask.
    """

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._number = 0
        self._own = False
        self._response: Wire = {}
        self._output: list[Wire] = []
        self._item: Writing | None = None
        self._finish = Finish(reason=FinishReason.STOP)
        self._usage: Usage | None = None

    def feed(self, event: StreamEvent) -> Iterator[Wire]:
        match event:
            case PartStart() | PartDelta() | PartEnd():
                yield from self._part(event)
            case StreamStart():
                yield from self._start(event)
            case ChoiceEnd(finish=finish, choice=0):
                self._finish = finish
            case UsageUpdate(usage=usage):
                self._usage = usage
            case StreamEnd(extras=extras):
                yield from self._end(extras)
            case StreamError():
                yield self._error(event)
            case Verbatim() | ChoiceEnd():
                pass
            case _:
                assert_never(event)

    def _event(self, type_: str, **fields: object) -> Wire:
        event: Wire = {"type": type_, "sequence_number": self._number, **fields}
        self._number += 1
        return event

    def _start(self, start: StreamStart) -> Iterator[Wire]:
        self._own = start.format == NAME
        self._response = envelope(start, self._request)
        begun = {**self._response, "status": "in_progress", "output": [], "usage": None}
        yield self._event("response.created", response=begun)
        yield self._event("response.in_progress", response=begun)

    def _part(self, event: PartStart | PartDelta | PartEnd) -> Iterator[Wire]:
        match event:
            case PartStart(part=part, choice=0):
                yield from self._begin(part)
            case PartStart():
                yield from self._close()
            case PartDelta() if self._item is not None:
                yield from self._about_item(self._item.grow(event))
            case PartEnd() if self._item is not None:
                yield from self._about_item(self._item.stop())
                if not isinstance(self._item, WritingMessage):
                    yield from self._close()

    def _begin(self, part: Part) -> Iterator[Wire]:
        if self._item is None or not self._item.takes(part):
            yield from self._close()
            stem = str(self._response["id"]).removeprefix(ID_PREFIX)[:ID_LENGTH]
            self._item = writing_of(part, f"{stem}_{len(self._output)}", own=self._own)
        if self._item is not None:
            yield from self._about_item(self._item.start(part))

    def _about_item(self, told: Told) -> Iterator[Wire]:
        for type_, fields in told:
            yield self._event(f"response.{type_}", output_index=len(self._output), **fields)

    def _close(self, *, cut: bool = False) -> Iterator[Wire]:
        if self._item is not None:
            yield from self._about_item(self._item.end(cut=cut))
            self._output.append(self._item.wire)
            self._item = None

    def _end(self, extras: Extras | None) -> Iterator[Wire]:
        yield from self._close(cut=self._finish.reason in CUT)
        status = status_fields(self._finish)
        usage = None if self._usage is None else render_usage(self._usage)
        response = {**self._response, **own_fields(extras, NAME), **status, "output": self._output, "usage": usage}
        word = status["status"] if status["status"] in TERMINALS else "incomplete"
        yield self._event(f"response.{word}", response=response)

    def _error(self, event: StreamError) -> Wire:
        _, body = render_error(event.error, "")
        said = {name: value for name, value in body["error"].items() if name != "type"}
        return self._event("error", **said)


def written(events: Iterable[StreamEvent], request: ChatRequest) -> Iterator[Wire]:
    writer = Writer(request)
    for event in events:
        yield from writer.feed(event)


def render_response(response: ChatResponse, request: ChatRequest) -> Wire:
    """The body of an answer. From this format it is what it was, from another what its parts say."""
    *_, last = written(unfold(response), request)
    body: Wire = last["response"]
    return body
