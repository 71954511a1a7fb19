"""From a text, whole or in pieces, to what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from prxy.modules.guardrails.detector import CONTEXT, Detector, Span
from prxy.modules.guardrails.reading import Reading, View
from prxy.modules.guardrails.rules import Rule

_SOON = 512
"""Characters that may wait and still be looked at whenever some more have come; behind that, when an eighth has."""

_REREADS = 16
"""How many times the length of a text may be read again for long matches that begin within others."""


class Piece(NamedTuple):
    """A stretch of a text: kept as it is, or replaced."""

    text: str
    took: int
    """Characters of the text that it stands for."""
    changed: bool


class Guard(Protocol):
    """Rules, and what they are for."""

    @property
    def blocking(self) -> Sequence[Search]: ...
    @property
    def replacing(self) -> Sequence[Search]: ...
    def refuse(self, rule: Rule) -> Exception:
        """What is raised where one of `blocking` matches."""
        ...

    def replace(self, rule: Rule, found: str) -> str:
        """What takes the place of a match of one of `replacing`."""
        ...


class Search(NamedTuple):
    """Detectors that look at a text for the same sign before they search it."""

    gate: Callable[[str, int], bool]
    is_exact: bool
    detectors: Sequence[tuple[Detector, Rule]]

    def first(self, reading: Reading, start: int) -> Iterator[_Found]:
        """The first match of each in each view, from a place on."""
        for view in reading.exact if self.is_exact else reading.meant:
            if self.gate(view.text, view.read_at(start)):
                for detector, rule in self.detectors:
                    span = view.found(detector, start)
                    if span is not None:
                        yield _Found(span, rule, detector, view)


class _Found(NamedTuple):
    span: Span
    rule: Rule
    detector: Detector
    view: View


def searches(rules: Sequence[Rule]) -> Sequence[Search]:
    """How to look for what the rules name; made once, used for many texts."""
    gates: dict[tuple[Callable[[str, int], bool], bool], list[tuple[Detector, Rule]]] = {}
    for rule in rules:
        for detector in rule.detectors:
            gates.setdefault((detector.gate, rule.is_exact), []).append((detector, rule))
    return [Search(gate, is_exact, detectors) for (gate, is_exact), detectors in gates.items()]


def matches(wanted: Sequence[Search], reading: Reading, start: int, until: int) -> Iterator[tuple[Span, Rule]]:
    """The matches that begin before `until`: the first one, the longest of those at one place, and on behind it."""
    waiting = [found for search in wanted for found in search.first(reading, start)]
    patience = _REREADS * len(reading.text)
    while len(waiting) > 1:
        first = min(waiting, key=_place)
        if first.span.start >= until:
            return
        yield first.span, first.rule
        waiting, patience = _behind(first.span.end, waiting, patience)
    for span, rule, detector, view in waiting:
        following: Span | None = span
        while following is not None and following.start < until:
            yield following, rule
            following = view.found(detector, following.end)


def _behind(end: int, waiting: Sequence[_Found], patience: int) -> tuple[list[_Found], int]:
    """What follows a match. Of one that begins within it and reaches beyond, a new one is looked for; when too much
    has been read again for such, what is left of it counts: else a long one could be read once for every short one.
    """
    left: list[_Found] = []
    for found in waiting:
        old, rule, detector, view = found
        if old.start >= end:
            left.append(found)
            continue
        span = Span(end, old.end) if old.end > end and patience < 0 else view.found(detector, end)
        if old.end > end:
            patience -= (span.end if span else view.place_of(len(view.text))) - end
        if span is not None:
            left.append(_Found(span, rule, detector, view))
    return left, patience


def _place(found: _Found) -> tuple[int, int]:
    return found.span.start, -found.span.end


def refuse_matches(guard: Guard, reading: Reading, start: int, until: int) -> None:
    """Raises what the guard refuses, where a match begins before `until`."""
    for search in guard.blocking:
        for found in search.first(reading, start):
            if found.span.start < until:
                raise guard.refuse(found.rule)


def looked_at(guard: Guard, reading: Reading, start: int, until: int) -> Iterator[Piece]:
    """Pieces from `start` to `until`, or to the end of a match that reaches beyond. Raises what the guard refuses."""
    refuse_matches(guard, reading, start, until)
    at, text = start, reading.text
    for span, rule in matches(guard.replacing, reading, start, until):
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
    reading = Reading(text)
    refuse_matches(guard, reading, 0, len(text))
    told: list[str] = []
    at = 0
    for (start, end), rule in matches(guard.replacing, reading, 0, len(text)):
        told += (text[at:start], guard.replace(rule, text[start:end]))
        at = end
    if not told:
        return text
    new = "".join((*told, text[at:]))
    return text if new == text else new


class Scanner:
    """text* -> pieces. What may still become a match waits; where the text is cut makes no difference."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        wanted = (*guard.blocking, *guard.replacing)
        self._opens = [
            *dict.fromkeys((each.open_from, search.is_exact) for search in wanted for each, _ in search.detectors)
        ]
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
        reading = Reading(self._text)
        until = self._open_from(reading)
        self._seen = len(self._text)
        return self._take(reading, until) if until > self._at else ()

    def _open_from(self, reading: Reading) -> int:
        """What nobody sees waits with what it may stand in the midst of."""
        begins = [
            view.place_of(open_from(view.text))
            for open_from, is_exact in self._opens
            for view in (reading.exact if is_exact else reading.meant)
        ]
        return min(begins, default=len(reading.text))

    def finish(self) -> Iterable[Piece]:
        return self._take(Reading(self._text), len(self._text))

    def _take(self, reading: Reading, until: int) -> Sequence[Piece]:
        pieces = list(looked_at(self._guard, reading, self._at, until))
        at = self._at + sum(piece.took for piece in pieces)
        before = reading.before(at, CONTEXT)
        self._text, self._at = before + self._text[at:], len(before)
        self._seen = len(self._text)
        return pieces
