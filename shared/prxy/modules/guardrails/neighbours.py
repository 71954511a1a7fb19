"""Texts that are read one behind the other: what none of them shows may stand where two of them meet."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

from prxy.modules.guardrails.detector import Span
from prxy.modules.guardrails.reading import Reading
from prxy.modules.guardrails.rules import Rule
from prxy.modules.guardrails.scanning import Guard, Search, matches, refuse_matches


class LookedAt(Guard, Protocol):
    """A guard that looked at each of the texts before."""

    def original(self, text: str) -> str:
        """What a text was that may hold placeholders of the guard's; itself where nothing comes back."""
        ...


class Shared(NamedTuple):
    """A match in texts that are read as one."""

    rule: Rule
    shares: Sequence[tuple[int, Span]]
    """Number of a text, and what of the match stands in it."""

    @property
    def is_meeting(self) -> bool:
        """Whether it reaches over several of them."""
        return len(self.shares) > 1


def without_meetings(guard: LookedAt, texts: Sequence[str]) -> Sequence[str]:
    """Texts that were looked at one by one, without what only all of them show. Raises what the guard refuses.

    Each gets a placeholder for its own share, so that none is left empty.
    """
    whole = "".join(texts)
    refuse_matches(guard, Reading(whole), 0, len(whole))
    told = [*texts]
    for found in reversed([*shared_matches(guard.replacing, texts)]):
        if found.is_meeting or not found.rule.is_exact:  # one's own placeholders may be what a caller's pattern matches
            for number, (start, end) in found.shares:
                text = told[number]
                told[number] = text[:start] + guard.replace(found.rule, guard.original(text[start:end])) + text[end:]
    return told


def shared_matches(wanted: Sequence[Search], texts: Sequence[str]) -> Iterator[Shared]:
    whole, ends = "".join(texts), [*accumulate(map(len, texts))]
    for match, rule in matches(wanted, Reading(whole), 0, len(whole)):
        yield Shared(rule, [*_shares(match, ends)])


def _shares(match: Span, ends: Sequence[int]) -> Iterator[tuple[int, Span]]:
    number, at = bisect_right(ends, match.start), match.start
    while at < match.end:
        before, end = ends[number - 1] if number else 0, min(match.end, ends[number])
        if end > at:
            yield number, Span(at - before, end - before)
        number, at = number + 1, end
