"""What a provider answers, looked at while it streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, assert_never

from msgspec import structs

from prxy.canonical.errors import GuardrailBlocked
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
from prxy.canonical.stream import part_text, with_text
from prxy.modules.guardrails.incoming import guarded_extras, with_changes
from prxy.modules.guardrails.json_text import JsonScanner, scanned_json
from prxy.modules.guardrails.placeholders import PLACEHOLDER, Numbered, Redacted
from prxy.modules.guardrails.reading import Reading
from prxy.modules.guardrails.request import guarded_part
from prxy.modules.guardrails.rules import Rule, Rules
from prxy.modules.guardrails.scanning import Scanner, refuse_matches, scanned, searches


class Outgoing:
    """The rules on the way out, and what brings the client's own texts back."""

    def __init__(self, rules: Rules, numbered: Numbered | None) -> None:
        restores = numbered is not None and not numbered.is_empty
        self.blocking = searches(rules.blocking)
        self.replacing = searches((*rules.replacing, PLACEHOLDER) if restores else rules.replacing)
        self.redactions = 0
        """How often a text was replaced that does not come back."""
        self._numbered, self._redacted = numbered or Numbered(), Redacted()

    def refuse(self, rule: Rule) -> GuardrailBlocked:
        return GuardrailBlocked(
            f"The answer holds {rule.described}, which this pipeline does not let through.", code=rule.code
        )

    def replace(self, rule: Rule, found: str) -> str:
        if rule is PLACEHOLDER:
            return self._numbered.original(found)
        self.redactions += 1
        return self._redacted.put(rule, found)

    def text(self, text: str) -> str:
        return scanned(self, text)

    def json(self, text: str) -> str:
        return scanned_json(self, text)

    def name(self, text: str) -> None:
        refuse_matches(self, Reading(text), 0, len(text))


class _Lane(Protocol):
    """The text of one part."""

    def feed(self, text: str) -> Iterable[str]: ...
    def finish(self) -> Iterable[str]: ...


class _PlainLane:
    def __init__(self, guard: Outgoing) -> None:
        self._scanner = Scanner(guard)

    def feed(self, text: str) -> Iterable[str]:
        return [piece.text for piece in self._scanner.feed(text)]

    def finish(self) -> Iterable[str]:
        return [piece.text for piece in self._scanner.finish()]


class _Open:
    """A part that is being told. The signature of thoughts waits for their end: it goes where they are changed."""

    def __init__(self, lane: _Lane, guard: Outgoing, *, is_thought: bool) -> None:
        self.lane, self.is_thought = lane, is_thought
        self.signature: Signature | None = None
        self._guard, self._before = guard, guard.redactions

    @property
    def is_unsigned(self) -> bool:
        """Whether what is told is no longer what the provider signed. Parts that interleave count for one another."""
        return self._guard.redactions > self._before


class OutputFilter:
    """events -> events. A tail that may still become a match waits until more of its part comes, or its end."""

    def __init__(self, rules: Rules, numbered: Numbered | None) -> None:
        self._guard = Outgoing(rules, numbered)
        self._open: dict[int, _Open] = {}

    def feed(self, item: StreamEvent) -> Iterator[StreamEvent]:
        match item:
            case PartDelta():
                yield from self._delta(item)
            case PartStart():
                yield self._begin(item)
            case PartEnd():
                yield from self._end(item)
            case StreamStart() | StreamEnd():
                yield with_changes(item, extras=guarded_extras(item.extras, self._guard))
            case ChoiceEnd():
                yield self._choice_end(item)
            case UsageUpdate() | Verbatim() | StreamError():
                yield item
            case _:
                assert_never(item)

    def finish(self) -> Iterator[StreamEvent]:
        yield from ()

    def _begin(self, start: PartStart) -> PartStart:
        part, lane = start.part, self._lane(start.part)
        if lane is None:
            return with_changes(start, part=guarded_part(part, self._guard))
        self._open[start.index] = _Open(lane, self._guard, is_thought=isinstance(part, Reasoning))
        first = part_text(part)
        bare = guarded_part(with_text(part, ""), self._guard) if first else guarded_part(part, self._guard)
        told = "".join(lane.feed(first)) if first else ""
        return start if told == first and bare is part else structs.replace(start, part=with_text(bare, told))

    def _lane(self, part: Part) -> _Lane | None:
        """What looks at the text that deltas add to; None where it is no text."""
        match part:
            case Text() | Reasoning() | Refusal() | ToolCall(freeform=True):
                return _PlainLane(self._guard)
            case ToolCall() | ServerToolCall():
                return JsonScanner(self._guard)
            case Media() | ToolResult() | ServerToolResult() | Opaque():
                return None
            case _:
                assert_never(part)

    def _delta(self, delta: PartDelta) -> Iterator[PartDelta]:
        extras, part = guarded_extras(delta.extras, self._guard), self._open.get(delta.index)
        if part is None:
            yield with_changes(delta, extras=extras)
            return
        text = "".join(part.lane.feed(delta.text)) if delta.text else ""
        signature = delta.signature
        if part.is_thought and signature is not None:
            part.signature, signature = signature, None
        if text or extras or signature:
            same = text == delta.text and extras is delta.extras and signature is delta.signature
            yield delta if same else PartDelta(index=delta.index, text=text, extras=extras, signature=signature)

    def _end(self, end: PartEnd) -> Iterator[StreamEvent]:
        part = self._open.pop(end.index, None)
        if part is not None:
            rest = "".join(part.lane.finish())
            signature = None if part.is_unsigned else part.signature
            if rest or signature:
                yield PartDelta(index=end.index, text=rest, signature=signature)
        yield end

    def _choice_end(self, end: ChoiceEnd) -> ChoiceEnd:
        finish = end.finish
        said = finish.explanation and self._guard.text(finish.explanation)
        return with_changes(
            end, finish=with_changes(finish, explanation=said), extras=guarded_extras(end.extras, self._guard)
        )
