"""What finds matches in a text that may still grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

CONTEXT = 96
"""How many characters that are read before a place decide whether a match begins there: none looks further back."""


class Span(NamedTuple):
    start: int
    end: int


class Detector(Protocol):
    """Whether a match begins at a place depends on the text alone, never on where the search began."""

    @property
    def gate(self) -> Callable[[str, int], bool]:
        """Whether a text may hold a match from a place on; asked once for all detectors that share it."""
        ...

    @property
    def open_from(self) -> Callable[[str], int]:
        """Where the shortest tail begins that more text may still make a match of, or another one; else the length.

        What is found before it stays as it is, whatever follows. Asked once for all detectors that share it.
        """
        ...

    def find(self, text: str, start: int) -> Span | None:
        """The first match that begins at `start` or behind it. Asked again only behind what it found: a search for
        two things at once would read the rest of the text for one of them each time.
        """
        ...
