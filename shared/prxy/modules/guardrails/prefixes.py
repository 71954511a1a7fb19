"""From a pattern to one that matches whatever a match of it may begin with.

It tells how much of a text that still grows must be waited with. Atoms are taken over as they stand, only the structure
is read: https://github.com/google/re2/wiki/Syntax (as of 2026-11).
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ATOM = re.compile(
    r"""(?P<assertion>\\[bBAz]|[\^$])
    |(?P<group>\((?:\?:|\?P?<\w+>|\?[imsU-]+:)?)
    |(?P<char>\\(?:[dDwWsS]|x[0-9A-Fa-f]{2}|x\{[0-9A-Fa-f]{1,6}\}|[pP](?:\{\^?\w+\}|[A-Z])|[nrtfva]|[^\w\s])
      |\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^]\\])*\]
      |[^\\()|*+?{}\[\]^$])""",
    re.VERBOSE | re.DOTALL,
)
_REPEAT = re.compile(r"(?:(?P<sign>[*+?])|\{(?P<least>\d+)(?P<comma>,(?P<most>\d*))?\})\??")
_FLAGS = re.compile(r"\(\?[imsU]+\)")
_LONGEST = 50_000


class _NotUnderstood(Exception):
    pass


class _Node(NamedTuple):
    full: str
    begun: str
    """Matches what a match of `full` begins with, from nothing to all of it. Assertions are left out."""


def prefixes_of(pattern: str) -> str | None:
    """A pattern for everything that a match may begin with, and more; None where the pattern is too much to be read."""
    flags = _FLAGS.match(pattern)
    reader = _Reader(pattern[flags.end() :] if flags else pattern)
    try:
        node = reader.alternatives()
    except _NotUnderstood:
        return None
    begun = node.begun if flags is None else flags.group() + node.begun
    return begun if reader.is_at_end and len(begun) <= _LONGEST else None


class _Reader:
    """alternatives = sequence ('|' sequence)*; sequence = (atom repeat?)*; atom = char | assertion | group."""

    def __init__(self, pattern: str) -> None:
        self._pattern, self._at, self._depth = pattern, 0, 0

    @property
    def is_at_end(self) -> bool:
        return self._at == len(self._pattern)

    def alternatives(self) -> _Node:
        branches = [self._sequence()]
        while self._pattern.startswith("|", self._at):
            self._at += 1
            branches.append(self._sequence())
        if len(branches) == 1:
            return branches[0]
        full = "|".join(branch.full for branch in branches)
        return _Node(f"(?:{full})", f"(?:{'|'.join(branch.begun for branch in branches)})")

    def _sequence(self) -> _Node:
        nodes = []
        while not self.is_at_end and self._pattern[self._at] not in "|)":
            nodes.append(self._repeated(self._atom()))
        full, begun = "", ""
        for node in reversed(nodes):
            full = node.full + full
            if node.begun:
                begun = f"(?:{node.full}{begun}|{node.begun})"
            if len(begun) > _LONGEST:
                raise _NotUnderstood
        return _Node(full, begun)

    def _atom(self) -> _Node:
        match = _ATOM.match(self._pattern, self._at)
        if match is None:
            raise _NotUnderstood
        self._at = match.end()
        text = match.group()
        match match.lastgroup:
            case "group":
                return self._group(text)
            case "assertion":
                return _Node(text, "")
            case _:
                return _Node(text, f"(?:{text})?")

    def _group(self, opening: str) -> _Node:
        """Its flags stay, its name and its number do not: the pattern comes to stand at several places."""
        flags = opening if opening.startswith("(?") and opening[2] not in "P<" else "(?:"
        self._depth += 1
        if self._depth > 20:
            raise _NotUnderstood
        inner = self.alternatives()
        if not self._pattern.startswith(")", self._at):
            raise _NotUnderstood
        self._at += 1
        self._depth -= 1
        return _Node(f"{flags}{inner.full})", f"{flags}{inner.begun})" if inner.begun else "")

    def _repeated(self, node: _Node) -> _Node:
        match = _REPEAT.match(self._pattern, self._at)
        if match is None:
            return node
        self._at = match.end()
        full = node.full + match.group()
        if not node.begun or match["sign"] == "?":
            return _Node(full, node.begun)
        return _Node(full, f"(?:{node.full}{_before_last(match)}{node.begun})")


def _before_last(repeat: re.Match[str]) -> str:
    """How often the whole may stand before the one that is under way."""
    if repeat["sign"] or (repeat["comma"] and not repeat["most"]):
        return "*"
    most = int(repeat["most"] or repeat["least"])
    return f"{{0,{most - 1}}}" if most else "{0}"
