"""Patterns that callers bring, on an engine whose time is linear in the text whatever the pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from prxy.modules.guardrails.detector import Span
from prxy.modules.guardrails.prefixes import prefixes_of
from prxy.pipeline.spec import invalid

MAX_PATTERN_CHARS = 1_000
_MAX_MEMORY_BYTES = 1 << 20
"""Of one compiled pattern and what it keeps while it runs."""
_MAX_PROGRAM = 4_000
"""Instructions; what a pattern takes at worst is that times the length of the text."""


class _Match(Protocol):
    def span(self) -> tuple[int, int]: ...
    def start(self) -> int: ...


class _Compiled(Protocol):
    @property
    def programsize(self) -> int: ...
    def search(self, text: str, pos: int = 0) -> _Match | None: ...


class Pattern:
    """Matches wherever it stands, in capitals or not. Nothing is no match."""

    def __init__(self, pattern: str) -> None:
        """Raises InvalidRequest (invalid_pipeline) for a pattern that the engine refuses."""
        self._found = _compile(pattern)
        if self._found is None or self._found.programsize > _MAX_PROGRAM:
            raise invalid(f"options of 'guardrails': {_cut(pattern)} is no RE2 pattern, or too large a one")
        if self._found.search("") is not None:
            raise invalid(f"options of 'guardrails': {_cut(pattern)} matches where nothing is; make it match something")
        begun = prefixes_of(pattern)
        self._begun = None if begun is None else _compile(rf"(?:{begun})\z")

    def find(self, text: str, start: int) -> Span | None:
        while match := self._found.search(text, start):  # type: ignore[union-attr]  # __init__ refuses None
            begin, end = match.span()
            if end > begin:
                return Span(begin, end)
            start = end + 1
            if start > len(text):
                return None
        return None

    def open_from(self, text: str) -> int:
        """Of a pattern that cannot be read, everything: it waits for the end of the text."""
        match = self._begun.search(text) if self._begun else None
        return match.start() if match else 0


def _cut(pattern: str) -> str:
    return f"'{pattern[:100]}'" if len(pattern) <= 100 else f"'{pattern[:100]}…'"


@lru_cache(maxsize=256)
def pattern_of(pattern: str) -> Pattern:
    """The same pattern of every call is compiled once."""
    return Pattern(pattern)


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
