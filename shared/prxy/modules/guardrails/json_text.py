"""JSON text in which the strings, and numbers that are none to calculate with, are looked at.

What is replaced is written as JSON again; every other character stays as it came, escapes included. What stands
outside strings and is no JSON counts as plain text.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from prxy.modules.guardrails.reading import Reading
from prxy.modules.guardrails.scanning import Guard, Piece, Scanner, looked_at, scanned

_PIECE = re.compile(
    r"""(?P<plain>[^"\\]+)|(?P<quote>")
    |(?P<cut>\\(?:u(?:[0-9a-fA-F]{0,3}|[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?))?\Z)
    |(?P<escape>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[^u])
    |(?P<stray>\\)""",
    re.VERBOSE | re.DOTALL,
)
_BETWEEN_STRINGS = re.compile(
    r"""[][{},: \t\r\n]*+
    (?:(?:-?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null|NaN|-?Infinity)
       [ \t\r\n]*+(?:[][{},:][][{},: \t\r\n]*+|\Z))*+""",
    re.VERBOSE,
)
"""Signs, and values with a sign between two of them."""
_NUMBER = re.compile(r"[0-9.eE+-]{9,}")
_REPLACEMENT_CHARACTER = "\ufffd"


class JsonScanner:
    """JSON text* -> text: outside strings numbers are looked at, inside each string its text is.

    What follows a cut escape waits until it is whole, what stands outside strings until a string begins.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._rest = ""
        """A cut escape."""
        self._outside: list[str] = []
        """What has come since the last string."""
        self._string: _String | None = None

    def feed(self, text: str) -> Iterator[str]:
        text, self._rest = self._rest + text, ""
        yield from self._tokens(text)
        if self._string:
            yield from self._string.settled()

    def finish(self) -> Iterator[str]:
        if self._string:
            yield from self._string.end()
        yield self._between()
        yield self._rest

    def _tokens(self, text: str) -> Iterator[str]:
        for match in _PIECE.finditer(text):
            token = match.group()
            if match.lastgroup == "quote":
                yield from self._quote()
            elif match.lastgroup == "cut":
                self._rest = token
            elif self._string is None:
                self._outside.append(token)
            else:
                self._string.add(token, is_escape=match.lastgroup == "escape")

    def _quote(self) -> Iterator[str]:
        if self._string is None:
            yield self._between()
            self._string = _String(self._guard)
        else:
            yield from self._string.end()
            self._string = None
        yield '"'

    def _between(self) -> str:
        text, self._outside = "".join(self._outside), []
        if not _BETWEEN_STRINGS.fullmatch(text):
            return scanned(self._guard, text)
        return _NUMBER.sub(self._number, text)

    def _number(self, match: re.Match[str]) -> str:
        number = match.group()
        replaced = scanned(self._guard, number)
        return number if replaced is number else f'"{_escaped(replaced)}"'


class _String:
    """The inside of one string: raw pieces in, raw pieces out."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._scanner: Scanner | None = None
        """None as long as all of the string came at once."""
        self._fresh: list[str] = []
        self._raws: deque[tuple[int, str]] = deque()
        """Place of a character in the string -> how it was escaped."""
        self._told = self._length = 0

    def add(self, raw: str, *, is_escape: bool) -> None:
        if is_escape:
            self._raws.append((self._length, raw))
            raw = _unescaped(raw)
        self._fresh.append(raw)
        self._length += len(raw)

    def settled(self) -> Iterator[str]:
        self._scanner = self._scanner or Scanner(self._guard)
        return map(self._raw, self._scanner.feed(self._taken()))

    def end(self) -> Iterator[str]:
        fresh = self._taken()
        if self._scanner is None:
            return map(self._raw, looked_at(self._guard, Reading(fresh), 0, len(fresh)))
        return map(self._raw, [*self._scanner.feed(fresh), *self._scanner.finish()])

    def _taken(self) -> str:
        fresh, self._fresh = "".join(self._fresh), []
        return fresh

    def _raw(self, piece: Piece) -> str:
        begin, self._told = self._told, self._told + piece.took
        escapes: list[tuple[int, str]] = []
        while self._raws and self._raws[0][0] < self._told:
            escapes.append(self._raws.popleft())
        if piece.changed:
            return _escaped(piece.text)
        text, at, out = piece.text, begin, []
        for place, raw in escapes:
            out += [text[at - begin : place - begin], raw]
            at = place + 1
        return "".join([*out, text[at - begin :]])


def _unescaped(raw: str) -> str:
    """One character; half of a pair, which is no character, counts as an unknown one."""
    try:
        return msgspec.json.decode(f'"{raw}"', type=str)
    except (msgspec.DecodeError, UnicodeError):
        return _REPLACEMENT_CHARACTER


def _escaped(text: str) -> str:
    return msgspec.json.encode(text).decode()[1:-1]


def scanned_json(guard: Guard, text: str) -> str:
    """What becomes of a whole JSON text; the very same one where nothing is replaced."""
    scanner = JsonScanner(guard)
    said = "".join(_all(scanner, text))
    if said != text:
        return said
    return text if _is_json(text) else scanned(guard, text)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _all(scanner: JsonScanner, text: str) -> Iterable[str]:
    yield from scanner.feed(text)
    yield from scanner.finish()
