"""How a text is read: as it is meant, and without what nobody sees in it."""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import chain

from prxy.modules.guardrails.detector import Detector, Span

_MEANT = {
    **dict.fromkeys(map(chr, (0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)), " "),
    **dict.fromkeys(map(chr, (*range(0x2010, 0x2016), 0x2212)), "-"),
    **{chr(wide): chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F)},
}
"""Spaces of any width, dashes, and full-width characters: one for one, so that places stay the same."""
_UNSEEN_RANGES = (
    *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)
"""Unicode's Default_Ignorable_Code_Point: joiners, marks of direction, soft hyphens, fillers, selectors and tags."""
_UNSEEN = re.compile(f"[{''.join(f'{chr(first)}-{chr(last)}' for first, last in _UNSEEN_RANGES)}]")
_UNSEEN_CHARS = frozenset(map(chr, chain.from_iterable(range(first, last + 1) for first, last in _UNSEEN_RANGES)))


class View:
    """A text as a detector reads it, and the way between its places and those of the text."""

    __slots__ = ("_places", "text")

    def __init__(self, text: str, places: list[int] | None = None) -> None:
        """`places` are those of each character, and of the end; None: its own."""
        self.text, self._places = text, places

    def read_at(self, place: int) -> int:
        """Where that is read which stands at a place of the text, or next behind it."""
        return place if self._places is None else bisect_left(self._places, place)

    def place_of(self, at: int) -> int:
        """The place in the text of the character that is read there; behind the last one the end."""
        return at if self._places is None else self._places[at]

    def found(self, detector: Detector, start: int) -> Span | None:
        """The first match from a place of the text on, by places of the text."""
        span = detector.find(self.text, self.read_at(start))
        if span is None or self._places is None:
            return span
        return Span(self._places[span.start], self._places[span.end - 1] + 1)


class Reading:
    """A text in all the ways that it is read."""

    __slots__ = ("exact", "meant", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.exact: tuple[View, ...] = (View(text),)
        """As it is written; where something in it is not seen, first of all without that."""
        self.meant = self.exact
        """Without what nobody sees and as it is meant, whatever spaces it has."""
        if not text.isascii():
            places = None
            if _UNSEEN.search(text):
                places = [*(at for at, char in enumerate(text) if char not in _UNSEEN_CHARS), len(text)]
                self.exact = (View(_UNSEEN.sub("", text), places), *self.exact)
            self.meant = (View(_as_meant(self.exact[0].text), places),)

    def before(self, place: int, count: int) -> str:
        """As little of what stands before a place as shows the last `count` characters in every view."""
        seen, near = self.exact[0], max(place - count, 0)
        return seen.text[max(seen.read_at(place) - count, 0) : seen.read_at(near)] + self.text[near:place]


def _as_meant(text: str) -> str:
    for char in _MEANT.keys() & set(text):
        text = text.replace(char, _MEANT[char])
    return text
