"""JSON text in which only the strings, and numbers that are none to calculate with, are looked at.

What is replaced is written as JSON again; every other character stays as it came, escapes included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from prxy.modules.guardrails.scanning import Guard, Piece, Scanner, looked_at, scanned

_PIECE = re.compile(
    r"""(?P<plain>[^"\\]+)|(?P<quote>")
    |(?P<cut>\\(?:u(?:[0-9a-fA-F]{0,3}|[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?))?\Z)
    |(?P<escape>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[^u])""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"([0-9.eE+-]+)")
_SHORTEST_NUMBER = 9
_REPLACEMENT_CHARACTER = "\ufffd"


class JsonScanner:
    """JSON text* -> text: outside strings numbers are looked at, inside each string its text is.

    What follows a cut escape, or a number, waits until it is whole.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._rest = ""
        """A cut escape."""
        self._number = ""
        """A number that may go on."""
        self._string: _String | None = None

    def feed(self, text: str) -> Iterator[str]:
        text, self._rest = self._rest + text, ""
        yield from self._tokens(text)
        if self._string:
            yield from self._string.settled()

    def finish(self) -> Iterator[str]:
        if self._string:
            yield from self._string.end()
        yield from self._end_number()
        yield self._rest

    def _tokens(self, text: str) -> Iterator[str]:
        for match in _PIECE.finditer(text):
            token = match.group()
            if match.lastgroup == "quote":
                yield from self._quote()
            elif match.lastgroup == "cut":
                self._rest = token
            elif self._string is None:
                yield from self._outside(token)
            else:
                self._string.add(token, is_escape=match.lastgroup == "escape")

    def _quote(self) -> Iterator[str]:
        if self._string is None:
            yield from self._end_number()
            self._string = _String(self._guard)
        else:
            yield from self._string.end()
            self._string = None
        yield '"'

    def _outside(self, text: str) -> Iterator[str]:
        for position, run in enumerate(_NUMBER.split(text)):
            if position % 2:
                self._number += run
            elif run:
                yield from self._end_number()
                yield run

    def _end_number(self) -> Iterator[str]:
        number, self._number = self._number, ""
        if len(number) >= _SHORTEST_NUMBER:
            replaced = scanned(self._guard, number)
            yield number if replaced is number else f'"{_escaped(replaced)}"'
        elif number:
            yield number


class _String:
    """The inside of one string: raw pieces in, raw pieces out."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._scanner: Scanner | None = None
        """None as long as all of the string came at once."""
        self._fresh: list[str] = []
        self._raws: dict[int, str] = {}
        """Place of a character in the string -> how it was escaped."""
        self._told = self._length = 0

    def add(self, raw: str, *, is_escape: bool) -> None:
        if is_escape:
            self._raws[self._length] = raw
            raw = _unescaped(raw)
        self._fresh.append(raw)
        self._length += len(raw)

    def settled(self) -> Iterator[str]:
        self._scanner = self._scanner or Scanner(self._guard)
        return map(self._raw, self._scanner.feed(self._taken()))

    def end(self) -> Iterator[str]:
        fresh = self._taken()
        if self._scanner is None:
            return map(self._raw, looked_at(self._guard, fresh, 0, len(fresh)))
        return map(self._raw, [*self._scanner.feed(fresh), *self._scanner.finish()])

    def _taken(self) -> str:
        fresh, self._fresh = "".join(self._fresh), []
        return fresh

    def _raw(self, piece: Piece) -> str:
        begin, self._told = self._told, self._told + piece.took
        escapes = [(at, self._raws.pop(at)) for at in [*self._raws] if at < self._told] if self._raws else []
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
    return text if said == text else said


def _all(scanner: JsonScanner, text: str) -> Iterable[str]:
    yield from scanner.feed(text)
    yield from scanner.finish()
