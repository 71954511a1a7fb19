"""Patterns that callers bring, on an engine whose time is linear in the text whatever the pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from prxy.modules.guardrails.detector import Span
from prxy.modules.guardrails.prefixes import prefixes_of
from prxy.modules.guardrails.tails import always
from prxy.pipeline.spec import invalid

_MAX_MEMORY_BYTES = 1 << 20
"""Of one compiled pattern and what it keeps while it runs."""
_MAX_PROGRAM = 300
"""Instructions; what a pattern takes at worst is that times the length of the text."""
_MAX_PROGRAMS = 1_500
"""Instructions of all patterns of one call."""


class _Match(Protocol):
    def span(self) -> tuple[int, int]: ...
    def start(self) -> int: ...


class _Compiled(Protocol):
    @property
    def programsize(self) -> int: ...
    def search(self, text: str | bytes, pos: int = 0) -> _Match | None: ...


class _Encoded:
    """A text as the engine reads it, and the way between places in both: as far as it is from the last one."""

    def __init__(self, text: str) -> None:
        self.text, self.read = text, text.encode()
        self._same = len(self.read) == len(text)
        self._chars = self._bytes = 0

    def byte_at(self, char: int) -> int:
        if self._same:
            return char
        if char < self._chars:
            self._bytes -= len(self.text[char : self._chars].encode())
        else:
            self._bytes += len(self.text[self._chars : char].encode())
        self._chars = char
        return self._bytes

    def behind(self, byte: int) -> int:
        """Where the next character begins."""
        byte += 1
        while byte < len(self.read) and self.read[byte] & 0xC0 == 0x80:
            byte += 1
        return byte

    def char_at(self, byte: int) -> int:
        if self._same:
            return byte
        self._chars += len(self.read[self._bytes : byte].decode())
        self._bytes = byte
        return self._chars


class Pattern:
    """Matches wherever it stands, in capitals or not. Nothing is no match."""

    gate = staticmethod(always)

    def __init__(self, pattern: str) -> None:
        """Raises InvalidRequest (invalid_pipeline) for a pattern that the engine refuses."""
        self._found, self._begun = _compiled(pattern)
        self.size = self._found.programsize
        self._last = self._last_but_one = _Encoded("")
        """Two, since a text may be read as it is written and without what nobody sees, in turn."""

    def find(self, text: str, start: int) -> Span | None:
        encoded = self._encoded(text)
        at = encoded.byte_at(start)
        while (match := self._found.search(encoded.read, at)) is not None:
            begin, end = match.span()
            if end > begin:
                return Span(encoded.char_at(begin), encoded.char_at(end))
            at = encoded.behind(end)
            if at > len(encoded.read):
                return None
        return None

    def _encoded(self, text: str) -> _Encoded:
        if self._last.text is not text:
            known = self._last_but_one
            self._last, self._last_but_one = known if known.text is text else _Encoded(text), self._last
        return self._last

    def open_from(self, text: str) -> int:
        """Of a pattern that cannot be read, everything: it waits for the end of the text."""
        match = self._begun.search(text) if self._begun else None
        return match.start() if match else 0


class Patterns:
    """The patterns of one call, which share what they may cost."""

    def __init__(self) -> None:
        self._size = 0

    def add(self, pattern: str) -> Pattern:
        """Raises InvalidRequest (invalid_pipeline) for a pattern that the engine refuses, or that is one too many."""
        added = Pattern(pattern)
        self._size += added.size
        if self._size > _MAX_PROGRAMS:
            raise invalid(
                f"options of 'guardrails': with {_cut(pattern)} the patterns take {self._size} instructions of RE2's, "
                f"and all of them together may take {_MAX_PROGRAMS}; make them fewer, or shorter"
            )
        return added


def _cut(pattern: str) -> str:
    return f"'{pattern[:100]}'" if len(pattern) <= 100 else f"'{pattern[:100]}…'"


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[_Compiled, _Compiled | None]:
    """What finds a pattern, and what finds its beginnings; kept, since every call brings its patterns anew."""
    found = _compile(pattern)
    if found is None:
        raise invalid(f"options of 'guardrails': {_cut(pattern)} is no RE2 pattern, or too large a one")
    if found.programsize > _MAX_PROGRAM:
        raise invalid(
            f"options of 'guardrails': {_cut(pattern)} takes {found.programsize} instructions of RE2's, "
            f"and a pattern may take {_MAX_PROGRAM}; repeat less, or name fewer characters"
        )
    if found.search("") is not None:
        raise invalid(f"options of 'guardrails': {_cut(pattern)} matches where nothing is; make it match something")
    begun = prefixes_of(pattern)
    return found, None if begun is None else _compile(rf"(?:{begun})\z")


def _compile(pattern: str) -> _Compiled | None:
    """None where the engine refuses it."""
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415  # 15 ms of cold start that only own patterns pay

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _MAX_MEMORY_BYTES
    try:
        compiled: _Compiled = re2.compile(pattern, options)
    except re2.error:
        return None
    return compiled
