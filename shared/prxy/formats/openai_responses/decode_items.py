"""Items of an answer while a provider streams them: events about one item -> events of its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from msgspec import structs

from prxy.canonical.errors import ProviderBadResponse
from prxy.canonical.events import PartDelta, PartEnd, PartStart, StreamEvent
from prxy.canonical.parts import Extras, Opaque, Part, Reasoning, Refusal, Signature, Text, ToolCall, Wire
from prxy.canonical.stream import merge_extras, part_text
from prxy.formats.base import make_extras
from prxy.formats.lenient import index_or, object_, objects, string
from prxy.formats.openai_responses.content import answer_part
from prxy.formats.openai_responses.items import (
    CALLS,
    alone,
    closing,
    item_fields,
    opening,
    parse_call,
    parse_item,
)
from prxy.formats.openai_responses.notes import notes
from prxy.formats.openai_responses.reasoning import GLUE, parse_reasoning
from prxy.formats.openai_responses.words import NAME

Told = Iterator[StreamEvent]
Numbers = Callable[[], int]
"""Gives the index of the next part."""


class Growing:
    """PartStart PartDelta* PartEnd of one part."""

    def __init__(self, index: int, part: Part) -> None:
        self._index, self._part = index, part
        self._texts: list[str] = []

    def start(self) -> Told:
        yield PartStart(index=self._index, part=self._part)

    def add(self, text: str) -> Told:
        if text:
            self._texts.append(text)
            yield PartDelta(index=self._index, text=text)

    def catch_up(self, whole: str) -> Told:
        """What a later event says of the text and no delta told."""
        said = "".join(self._texts)
        if whole.startswith(said):
            yield from self.add(whole[len(said) :])

    def explain(self, extras: Extras | None, signature: Signature | None = None) -> Told:
        if extras is not None or signature is not None:
            yield PartDelta(index=self._index, extras=extras, signature=signature)

    def end(self) -> Told:
        yield PartEnd(index=self._index)


class Item(Protocol):
    """item = added event* done"""

    def event(self, kind: str, event: Wire) -> Told:
        """An event between the two; `kind` is its type without `response.`."""
        ...

    def done(self, item: Wire) -> Told: ...


def begun(item: Wire, next_index: Numbers) -> tuple[Item, list[StreamEvent]]:
    """The item that an `added` event begins, and the events of that."""
    match item.get("type"):
        case "message":
            return MessageItem(item, next_index), []
        case str(type_) if type_ in CALLS:
            known = {name: item.get(name) for name in ("type", "id", "call_id", "name")}
            growing = Growing(next_index(), parse_call(known))
            return CallItem(growing), [*growing.start(), *growing.add(string(item, CALLS[type_]))]
        case "reasoning":
            growing = Growing(next_index(), Reasoning(extras=make_extras(NAME, {}, *_id_note(item))))
            return ReasoningItem(growing), [*growing.start()]
        case str():
            return WholeItem(next_index), []
        case _:
            raise ProviderBadResponse("The provider began an item without a type.")


def _id_note(item: Wire) -> Iterator[str]:
    return (note for note in notes(item) if note.startswith("id:"))


class WholeItem:
    """An item that only this wire can say: told when it is done."""

    def __init__(self, next_index: Numbers) -> None:
        self._next_index = next_index

    def event(self, kind: str, event: Wire) -> Told:
        """Progress, of which the finished item tells all that lasts."""
        return iter(())

    def done(self, item: Wire) -> Told:
        for part in parse_item(item):
            yield from whole(self._next_index(), part)


def whole(index: int, part: Part) -> Told:
    """A part that nothing streamed."""
    yield PartStart(index=index, part=part)
    yield PartEnd(index=index)


class CallItem:
    """added (delta | arguments.done)* done; `done` says what `added` could not yet know."""

    def __init__(self, growing: Growing) -> None:
        self._growing = growing

    def event(self, kind: str, event: Wire) -> Told:
        if kind.endswith(".delta"):
            yield from self._growing.add(string(event, "delta"))

    def done(self, item: Wire) -> Told:
        match parse_item(item):
            case (ToolCall(arguments=arguments, extras=extras),):
                yield from self._growing.catch_up(arguments)
                yield from self._growing.explain(extras)
        yield from self._growing.end()


class ReasoningItem:
    """added (part.added | delta | part.done)* done. A blank line parts one piece from the next."""

    def __init__(self, growing: Growing) -> None:
        self._growing = growing
        self._piece: tuple[str, int] | None = None

    def event(self, kind: str, event: Wire) -> Told:
        if not kind.endswith("text.delta"):
            return
        place = event.get("summary_index", event.get("content_index"))
        piece = (kind, place if isinstance(place, int) else 0)
        if self._piece not in (None, piece):
            yield from self._growing.add(GLUE)
        self._piece = piece
        yield from self._growing.add(string(event, "delta"))

    def done(self, item: Wire) -> Told:
        part = parse_reasoning(item)
        yield from self._growing.catch_up(part.text)
        yield from self._growing.explain(part.extras, part.signature)
        yield from self._growing.end()


class MessageItem:
    """added (content_part.added delta* text.done content_part.done)* done

    Each content part is one part, open until the next begins or the item is done: only then its status is known.
    """

    def __init__(self, item: Wire, next_index: Numbers) -> None:
        self._item, self._next_index = {**item, "status": None}, next_index
        self._now: Growing | None = None
        self._explained = False
        self._seen = self._spoken = 0
        """Content parts so far; those among them that are text or refusal."""

    def event(self, kind: str, event: Wire) -> Told:
        match kind:
            case "content_part.added":
                yield from self._begin(object_(event.get("part")))
            case "output_text.delta" | "refusal.delta":
                if index_or({"index": event.get("content_index")}, 0) >= self._seen:
                    word = "text" if kind == "output_text.delta" else "refusal"
                    yield from self._begin({"type": "output_text" if word == "text" else word, word: ""})
                yield from self._text(event)
            case "content_part.done":
                yield from self._finish_part(object_(event.get("part")))

    def _text(self, event: Wire) -> Told:
        if self._now is None:
            raise ProviderBadResponse("The provider sent text for a content part that holds none.")
        yield from self._now.add(string(event, "delta"))

    def _begin(self, wire: Wire) -> Told:
        yield from self._close()
        self._seen += 1
        part = answer_part(wire)
        if part is None:
            return
        bare: Text | Refusal = structs.replace(part, text="", extras=None)
        if self._spoken == 0:
            bare = opening(bare, self._item)
        self._spoken += 1
        self._now, self._explained = Growing(self._next_index(), bare), False
        yield from self._now.start()
        yield from self._now.add(part_text(part))

    def _finish_part(self, wire: Wire) -> Told:
        """What is said of a part when it is complete; one that only this wire knows is told whole."""
        part = answer_part(wire)
        if part is None:
            yield from whole(self._next_index(), Opaque(format=NAME, value=alone(wire)))
        elif self._now is not None and not self._explained:
            self._explained = True
            yield from self._now.catch_up(part.text)
            yield from self._now.explain(part.extras)

    def _close(self) -> Told:
        if self._now is not None:
            yield from self._now.end()
            self._now = None

    def done(self, item: Wire) -> Told:
        content = objects(item.get("content"))
        if content and self._seen == len(content):
            yield from self._complete(content[-1])
        for wire in content[self._seen :]:
            yield from self._begin(wire)
            yield from self._finish_part(wire)
        if self._now is not None:
            yield from self._now.explain(self._last_words(item))
        yield from self._close()
        if not self._spoken and not content:
            yield from whole(self._next_index(), Opaque(format=NAME, value=item))

    def _complete(self, wire: Wire) -> Told:
        if answer_part(wire) is not None:
            yield from self._finish_part(wire)

    def _last_words(self, item: Wire) -> Extras | None:
        """What the finished item says of itself and the beginning one did not."""
        said, known = item_fields(item), item_fields(self._item)
        late = {name: value for name, value in said.items() if known.get(name) != value}
        closed = closing(Text(text=""), item).extras
        return merge_extras(make_extras(NAME, {"item": late} if late else {}), closed)
