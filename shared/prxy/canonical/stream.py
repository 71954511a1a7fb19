"""Stages, and the two ways between a stream of events and a whole response.

A stage is a pure machine: `feed` one item, get what it produced; `finish` once, at the end of the input.
No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

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
from prxy.canonical.parts import (
    Extras,
    Inline,
    Json,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Text,
    ToolCall,
    ToolResult,
)
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason, Usage

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


class Stage(Protocol[In, Out]):
    def feed(self, item: In) -> Iterable[Out]: ...
    def finish(self) -> Iterable[Out]: ...


EventFilter = Stage[StreamEvent, StreamEvent]


def through(stage: Stage[In, Out], items: Iterable[In]) -> Iterator[Out]:
    """Everything that a stage makes of a finite input, its end included."""
    for item in items:
        yield from stage.feed(item)
    yield from stage.finish()


def merge(old: Json, new: Json) -> Json:
    """Objects by key, lists by appending, anything else replaces."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**old, **{key: merge(old[key], value) if key in old else value for key, value in new.items()}}
    if isinstance(old, list) and isinstance(new, list):
        return old + new
    return new


def merge_extras(old: Extras | None, new: Extras | None) -> Extras | None:
    if old is None or new is None:
        return new or old
    return Extras(
        format=new.format,
        fields=merge(old.fields, new.fields),
        spelling=old.spelling | new.spelling,
        binding=old.binding | new.binding,
    )


def part_text(part: Part) -> str:
    """The text that deltas of this part add to."""
    match part:
        case Text(text=text) | Reasoning(text=text) | Refusal(text=text):
            return text
        case ToolCall(arguments=text) | ServerToolCall(arguments=text):
            return text
        case Media(source=Inline(data=text)):
            return text
        case _:
            return ""


def with_text(part: Part, text: str) -> Part:
    """The same part with another text (see `part_text`)."""
    match part:
        case Text() | Reasoning() | Refusal():
            return structs.replace(part, text=text)
        case ToolCall() | ServerToolCall():
            return structs.replace(part, arguments=text)
        case Media(source=Inline() as source):
            return structs.replace(part, source=structs.replace(source, data=text))
        case Media() | ToolResult() | ServerToolResult() | Opaque():
            return part


def signature_of(part: Part) -> Signature | None:
    match part:
        case Text() | Reasoning() | Media() | ToolCall():
            return part.signature
        case _:
            return None


class _Growing:
    """One part while its deltas arrive."""

    def __init__(self, start: PartStart) -> None:
        self.choice, self.part = start.choice, start.part
        self.texts = [part_text(start.part)]

    def add(self, delta: PartDelta) -> None:
        if delta.text:
            self.texts.append(delta.text)
        if delta.signature and isinstance(self.part, Text | Reasoning | Media | ToolCall):
            self.part = structs.replace(self.part, signature=delta.signature)
        if delta.extras and not isinstance(self.part, ServerToolResult | Opaque):
            self.part = structs.replace(self.part, extras=merge_extras(self.part.extras, delta.extras))

    def whole(self) -> Part:
        return with_text(self.part, "".join(self.texts)) if len(self.texts) > 1 else self.part


class Fold:
    """Gathers events into the response they tell of. `response` may be asked at any time after StreamStart."""

    def __init__(self) -> None:
        self._start: StreamStart | None = None
        self._parts: dict[int, _Growing] = {}
        self._ends: dict[int, ChoiceEnd] = {}
        self._extras: Extras | None = None
        self.usage: Usage | None = None
        self.complete = False
        """Whether StreamEnd was seen."""

    def add(self, event: StreamEvent) -> None:
        """PartEnd and Verbatim say nothing that the response would."""
        # a pattern would ask `isinstance`, which is slow for Structs
        if type(event) is PartDelta:
            self._begun(event.index).add(event)
        elif type(event) is PartStart:
            self._begin(event)
        elif type(event) is not PartEnd and type(event) is not Verbatim:
            self._mark(event)

    def _mark(self, event: StreamEvent) -> None:
        if type(event) is StreamStart:
            self._start = event
        elif type(event) is ChoiceEnd:
            self._ends[event.choice] = event
        elif type(event) is UsageUpdate:
            self.usage = event.usage
        elif type(event) is StreamEnd:
            self.complete, self._extras = True, event.extras
        elif type(event) is StreamError:
            raise event.error

    def _begun(self, index: int) -> _Growing:
        growing = self._parts.get(index)
        if growing is None:
            raise ProviderBadResponse(f"The stream continued part {index} before starting it.")
        return growing

    def _begin(self, event: PartStart) -> None:
        if event.index in self._parts:
            raise ProviderBadResponse(f"The stream started part {event.index} twice.")
        self._parts[event.index] = _Growing(event)

    @property
    def billable(self) -> bool:
        """Whether the usage seen is the final one, even if the stream broke behind it."""
        return self.usage is not None and bool(self._ends)

    @property
    def response(self) -> ChatResponse:
        if self._start is None:
            raise ProviderBadResponse("The stream ended before it began.")
        start = self._start
        numbers = sorted({growing.choice for growing in self._parts.values()} | set(self._ends) | {0})
        return ChatResponse(
            format=start.format,
            id=start.id,
            model=start.model,
            created_at=start.created_at,
            choices=tuple(self._choice(number) for number in numbers),
            usage=self.usage,
            extras=merge_extras(start.extras, self._extras),
        )

    def _choice(self, number: int) -> Choice:
        end = self._ends.get(number) or ChoiceEnd(finish=Finish(reason=FinishReason.ERROR))
        parts = tuple(g.whole() for _, g in sorted(self._parts.items()) if g.choice == number)
        return Choice(parts=parts, finish=end.finish, extras=end.extras)


def fold(events: Iterable[StreamEvent]) -> ChatResponse:
    """The response that a stream told. Raises the stream's own error."""
    gathered = Fold()
    for event in events:
        gathered.add(event)
    return gathered.response


def unfold(response: ChatResponse) -> Iterator[StreamEvent]:
    """The stream that tells a response; `fold(unfold(r)) == r`."""
    yield StreamStart(
        format=response.format,
        id=response.id,
        model=response.model,
        created_at=response.created_at,
        extras=response.extras,
    )
    index = 0
    for number, choice in enumerate(response.choices):
        for part in choice.parts:
            yield from _unfold_part(index, part, number)
            index += 1
        yield ChoiceEnd(choice=number, finish=choice.finish, extras=choice.extras)
    if response.usage is not None:
        yield UsageUpdate(usage=response.usage)
    yield StreamEnd()


def _unfold_part(index: int, part: Part, choice: int) -> Iterator[StreamEvent]:
    text = part_text(part)
    yield PartStart(index=index, part=with_text(part, ""), choice=choice)
    if text:
        yield PartDelta(index=index, text=text)
    yield PartEnd(index=index)


class OneAtATime:
    """Holds back what belongs to a later part until the open one has ended.

    For wires whose blocks must not interleave and that have one choice.
    """

    def __init__(self) -> None:
        self._open: int | None = None
        self._held: dict[int, list[StreamEvent]] = {}

    def feed(self, event: StreamEvent) -> Iterator[StreamEvent]:
        match event:
            case PartStart() if self._open is None:
                self._open = event.index
                yield event
            case PartStart() | PartDelta() | PartEnd() if event.index != self._open:
                self._held.setdefault(event.index, []).append(event)
            case PartEnd():
                yield event
                self._open = None
                yield from self._next()
            case ChoiceEnd() | StreamEnd() | StreamError():
                yield from self._close()
                yield event
            case _:
                yield event

    def finish(self) -> Iterator[StreamEvent]:
        yield from self._close()

    def _next(self) -> Iterator[StreamEvent]:
        """Release the oldest held part, and the ones after it as long as each is complete."""
        while self._open is None and self._held:
            index = next(iter(self._held))
            held = self._held.pop(index)
            yield from held
            self._open = None if isinstance(held[-1], PartEnd) else index

    def _close(self) -> Iterator[StreamEvent]:
        while self._open is not None:
            yield PartEnd(index=self._open)
            self._open = None
            yield from self._next()
