"""From a text, whole or in pieces, to what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from prxy.modules.guardrails.detector import CONTEXT, Detector, Span
from prxy.modules.guardrails.rules import Rule

_SOON = 512
"""Characters that may wait and still be looked at whenever some more have come; behind that, when an eighth has."""

_MEANT = {
    **dict.fromkeys((0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " "),
    **dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-"),
    **{wide: chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F)},
}
"""Spaces of any width, dashes, and full-width characters: one for one, so that places stay the same."""


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


def _as_meant(text: str) -> str:
    return text if text.isascii() else text.translate(_MEANT)


def matches(rules: Sequence[Rule], text: str, start: int, until: int) -> Iterator[tuple[Span, Rule]]:
    """The matches that begin before `until`: the first one, the longest of those at one place, and on behind it."""
    meant = _as_meant(text)
    waiting = list(_first_matches(rules, text, meant, start))
    while len(waiting) > 1:
        first, rule, _ = min(waiting, key=_place)
        if first.start >= until:
            return
        yield first, rule
        waiting = [
            (span, rule, detector)
            for old, rule, detector in waiting
            if (span := old if old.start >= first.end else detector.find(_read(rule, text, meant), first.end))
            is not None
        ]
    for span, rule, detector in waiting:
        last: Span | None = span
        while last is not None and last.start < until:
            yield last, rule
            last = detector.find(_read(rule, text, meant), last.end)


def _read(rule: Rule, text: str, meant: str) -> str:
    return text if rule.is_exact else meant


def _first_matches(rules: Sequence[Rule], text: str, meant: str, start: int) -> Iterator[tuple[Span, Rule, Detector]]:
    gates: dict[tuple[Callable[[str, int], bool], bool], bool] = {}
    for rule in rules:
        read = _read(rule, text, meant)
        for detector in rule.detectors:
            gate = detector.gate, rule.is_exact
            if gate not in gates:
                gates[gate] = detector.gate(read, start)
            if gates[gate] and (span := detector.find(read, start)) is not None:
                yield span, rule, detector


def _place(found: tuple[Span, Rule, Detector]) -> tuple[int, int]:
    return found[0].start, -found[0].end


def refuse_matches(guard: Guard, text: str, start: int, until: int) -> None:
    """Raises what the guard refuses, where a match begins before `until`."""
    meant = _as_meant(text)
    for rule in guard.blocking:
        read = _read(rule, text, meant)
        for detector in rule.detectors:
            span = detector.find(read, start) if detector.gate(read, start) else None
            if span is not None and span.start < until:
                raise guard.refuse(rule)


def looked_at(guard: Guard, text: str, start: int, until: int) -> Iterator[Piece]:
    """Pieces from `start` to `until`, or to the end of a match that reaches beyond. Raises what the guard refuses."""
    refuse_matches(guard, text, start, until)
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
    refuse_matches(guard, text, 0, len(text))
    told: list[str] = []
    at = 0
    for (start, end), rule in matches(guard.replacing, text, 0, len(text)):
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
        rules = (*guard.blocking, *guard.replacing)
        self._opens = [*dict.fromkeys((each.open_from, rule.is_exact) for rule in rules for each in rule.detectors)]
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
        until = self._open_from()
        self._seen = len(self._text)
        return self._take(until) if until > self._at else ()

    def _open_from(self) -> int:
        text, meant = self._text, _as_meant(self._text)
        return min([opens(text if is_exact else meant) for opens, is_exact in self._opens], default=len(text))

    def finish(self) -> Iterable[Piece]:
        return self._take(len(self._text))

    def _take(self, until: int) -> Sequence[Piece]:
        pieces = list(looked_at(self._guard, self._text, self._at, until))
        at = self._at + sum(piece.took for piece in pieces)
        spare = max(at - CONTEXT, 0)
        self._text, self._at = self._text[spare:], at - spare
        self._seen = len(self._text)
        return pieces
