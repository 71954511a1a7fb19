"""From a text, whole or in pieces, to what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from prxy.modules.guardrails.detector import CONTEXT, Detector, Span
from prxy.modules.guardrails.rules import Rule

_SOON = 512
"""Characters that may wait and still be looked at whenever some more have come; behind that, when an eighth has."""


class Piece(NamedTuple):
    """A stretch of a text: kept as it is, or replaced."""

    text: str
    took: int
    """Characters of the text that it stands for."""
    changed: bool


class Guard(Protocol):
    """Rules, and what they are for."""

    @property
    def blocking(self) -> Sequence[Rule]: ...
    @property
    def replacing(self) -> Sequence[Rule]: ...
    def refuse(self, rule: Rule) -> Exception:
        """What is raised where one of `blocking` matches."""
        ...

    def replace(self, rule: Rule, found: str) -> str:
        """What takes the place of a match of one of `replacing`."""
        ...


def matches(rules: Sequence[Rule], text: str, start: int, until: int) -> Iterator[tuple[Span, Rule]]:
    """The matches that begin before `until`: the first one, the longest of those at one place, and on behind it."""
    gates: dict[re.Pattern[str] | None, bool] = {None: True}
    waiting: list[tuple[Span, Rule, Detector]] = []
    for rule in rules:
        for detector in rule.detectors:
            gate = detector.gate
            if gate not in gates:
                gates[gate] = gate is None or gate.search(text, start) is not None
            if gates[gate] and (span := detector.find(text, start)) is not None:
                waiting.append((span, rule, detector))
    while waiting:
        first, rule, _ = waiting[0] if len(waiting) == 1 else min(waiting, key=_place)
        if first.start >= until:
            return
        yield first, rule
        waiting = [
            (span, rule, detector)
            for old, rule, detector in waiting
            if (span := old if old.start >= first.end else detector.find(text, first.end)) is not None
        ]


def _place(found: tuple[Span, Rule, Detector]) -> tuple[int, int]:
    return found[0].start, -found[0].end


def looked_at(guard: Guard, text: str, start: int, until: int) -> Iterator[Piece]:
    """Pieces from `start` to `until`, or to the end of a match that reaches beyond. Raises what the guard refuses."""
    for rule in guard.blocking:
        for detector in rule.detectors:
            span = detector.find(text, start)
            if span is not None and span.start < until:
                raise guard.refuse(rule)
    at = start
    for span, rule in matches(guard.replacing, text, start, until):
        if span.start > at:
            yield Piece(text[at : span.start], span.start - at, changed=False)
        found = text[span.start : span.end]
        replaced = guard.replace(rule, found)
        yield Piece(replaced, span.end - span.start, changed=replaced != found)
        at = span.end
    if until > at:
        yield Piece(text[at:until], until - at, changed=False)


def scanned(guard: Guard, text: str) -> str:
    """What becomes of a whole text; the very same one where nothing is replaced."""
    pieces = list(looked_at(guard, text, 0, len(text)))
    return "".join([piece.text for piece in pieces]) if any(piece.changed for piece in pieces) else text


class Scanner:
    """text* -> pieces. What may still become a match waits; where the text is cut makes no difference."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._detectors = [d for rule in (*guard.blocking, *guard.replacing) for d in rule.detectors]
        self._text = ""
        """What waits, and before it as much of the rest as decides what it is."""
        self._at = 0
        """Where begins what waits."""
        self._seen = 0
        """Characters of `_text` that were looked at."""

    def feed(self, text: str) -> Iterable[Piece]:
        self._text += text
        fresh, waits = len(self._text) - self._seen, len(self._text) - self._at
        if waits > _SOON and fresh * 8 < waits:
            return ()
        until = min((detector.open_from(self._text) for detector in self._detectors), default=len(self._text))
        self._seen = len(self._text)
        return self._take(until) if until > self._at else ()

    def finish(self) -> Iterable[Piece]:
        return self._take(len(self._text))

    def _take(self, until: int) -> Sequence[Piece]:
        pieces = list(looked_at(self._guard, self._text, self._at, until))
        at = self._at + sum(piece.took for piece in pieces)
        spare = max(at - CONTEXT, 0)
        self._text, self._at = self._text[spare:], at - spare
        self._seen = len(self._text)
        return pieces
