"""Stream of a provider: frames -> events.

https://platform.openai.com/docs/api-reference/responses-streaming (as of 2026-11)
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from prxy.canonical.errors import ProviderBadResponse, ProviderError, ProviderStreamInterrupted
from prxy.canonical.events import ChoiceEnd, StreamEnd, StreamError, StreamEvent, StreamStart, UsageUpdate
from prxy.canonical.parts import Json, Part, Wire
from prxy.formats.base import FrameDecoder, decode_json, make_extras
from prxy.formats.lenient import count, object_, objects, string
from prxy.formats.openai_errors import parse_error, status_of
from prxy.formats.openai_responses.decode_items import Item, begun, whole
from prxy.formats.openai_responses.items import parse_item
from prxy.formats.openai_responses.response_parse import envelope_extras, parse_finish
from prxy.formats.openai_responses.usage import parse_usage
from prxy.formats.openai_responses.words import NAME
from prxy.framing.frame import Frame

DONE = b"[DONE]"
STARTS = ("response.created", "response.queued", "response.in_progress")
ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
ABOUT_ITEMS = (
    "response.content_part.",
    "response.output_text.",
    "response.refusal.",
    "response.function_call_arguments.",
    "response.custom_tool_call_input.",
    "response.reasoning_summary_part.",
    "response.reasoning_summary_text.",
    "response.reasoning_text.",
)
"""Beginnings of the types that tell of an open item. Those of hosted tools tell of progress only."""


class StreamDecoder(FrameDecoder):
    """created (queued | in_progress)* item* (completed | incomplete | failed); `error` anywhere ends the stream

        item = output_item.added event* output_item.done

    Items may interleave by output_index. Types that are not listed here are passed over. Raises ProviderBadResponse
    for events out of this order. EOF before the last event is an interruption.
    """

    def __init__(self) -> None:
        self._indices = itertools.count()
        self._items: dict[int, Item | None] = {}
        """By output_index; None when done."""
        self._parts: list[Part] = []
        """Of every item that is done."""
        self._started = self._done = False

    def feed(self, item: Frame) -> Iterator[StreamEvent]:
        if self._done or item.data.strip() == DONE:
            return
        event = decode_json(item)
        if not isinstance(event, dict):
            raise ProviderBadResponse("The provider sent an event that is not a JSON object.")
        type_ = event.get("type")
        if type_ == "error" or (type_ is None and event.get("error")):
            yield from self._fail(_error_of(event))
        elif not isinstance(type_, str):
            raise ProviderBadResponse("The provider sent an event without a type.")
        else:
            yield from self._event(type_, event)

    def finish(self) -> Iterator[StreamEvent]:
        if not self._done:
            yield from self._fail(ProviderStreamInterrupted("The provider's stream stopped before its end."))

    def _event(self, type_: str, event: Wire) -> Iterator[StreamEvent]:
        if type_ in STARTS:
            yield from self._start(_response_of(event))
        elif type_ in ENDS:
            yield from self._end(type_, _response_of(event))
        elif type_ == "response.output_item.added":
            yield from self._add(event)
        elif type_ == "response.output_item.done":
            yield from self._finish_item(event)
        elif type_.startswith(ABOUT_ITEMS):
            yield from self._open_item(type_, event).event(type_.removeprefix("response."), event)

    def _start(self, response: Wire) -> Iterator[StreamEvent]:
        """Lists and objects are told at the end, since events can add to them only."""
        if self._started:
            return
        self._started = True
        said = {n: value for n, value in envelope_extras(response).items() if not isinstance(value, list | dict)}
        yield StreamStart(
            format=NAME,
            id=string(response, "id"),
            model=string(response, "model"),
            created_at=count(response, "created_at"),
            extras=make_extras(NAME, said),
        )

    def _add(self, event: Wire) -> Iterator[StreamEvent]:
        index = _index_of(event)
        if not self._started or index in self._items:
            raise ProviderBadResponse(f"The provider began item {index} before the answer, or twice.")
        self._items[index], events = begun(object_(event.get("item")), self._next_index)
        yield from events

    def _next_index(self) -> int:
        return next(self._indices)

    def _open_item(self, type_: str, event: Wire) -> Item:
        item = self._items.get(_index_of(event))
        if item is None:
            raise ProviderBadResponse(f"The provider sent {type_} for an item that is not open.")
        return item

    def _finish_item(self, event: Wire) -> Iterator[StreamEvent]:
        item, wire = self._open_item("response.output_item.done", event), object_(event.get("item"))
        yield from item.done(wire)
        self._items[_index_of(event)] = None
        self._parts += parse_item(wire)

    def _end(self, type_: str, response: Wire) -> Iterator[StreamEvent]:
        if not self._started:
            raise ProviderBadResponse("The provider ended its answer before it began.")
        usage = parse_usage(response)
        error = response.get("error")
        if type_ == "response.failed" or error:
            yield from () if usage is None else (UsageUpdate(usage=usage),)
            yield from self._fail(_error_of({"error": error}))
            return
        if any(self._items.values()):
            raise ProviderBadResponse("The provider ended its answer inside an item.")
        yield from self._unstreamed(response)
        self._done = True
        yield ChoiceEnd(finish=parse_finish(response, self._parts))
        yield from () if usage is None else (UsageUpdate(usage=usage),)
        yield StreamEnd(extras=make_extras(NAME, envelope_extras(response)))

    def _unstreamed(self, response: Wire) -> Iterator[StreamEvent]:
        """Output that no event told of before the last."""
        for item in objects(response.get("output"))[len(self._items) :]:
            for part in parse_item(item):
                self._parts.append(part)
                yield from whole(self._next_index(), part)

    def _fail(self, error: ProviderError) -> Iterator[StreamEvent]:
        self._done = True
        yield StreamError(error=error)


def _response_of(event: Wire) -> Wire:
    response = event.get("response")
    if not isinstance(response, dict):
        raise ProviderBadResponse("The provider sent an event that lacks its response.")
    return response


def _index_of(event: Wire) -> int:
    index = event.get("output_index")
    if type(index) is not int:
        raise ProviderBadResponse("The provider sent an event about an item and did not say which.")
    return index


def _error_of(event: Json) -> ProviderError:
    """`error` events hold the error themselves; some servers, and failed responses, hold it in a field."""
    inner = event.get("error")
    error = inner if isinstance(inner, dict) else event
    return parse_error(status_of({**error, "type": None} if error is event else error), {"error": error})
