"""What detectors share: signs of a match, and where the tail begins that may still become one."""

from __future__ import annotations

import re

_SEVEN_DIGITS = re.compile("[ ().-]{0,2}+".join(["[0-9]"] * 7))
NUMBER_CHARS = 48
"""More than any number that is looked for has, separators and all."""
_NUMBER_TAIL = re.compile(r"[0-9 ().+-]{0,48}")
_NOT_FIRST = " ).-"


def has_number(text: str, start: int) -> bool:
    """Whether there are seven digits: the shortest number that is looked for has them."""
    return _SEVEN_DIGITS.search(text, start) is not None


def always(text: str, start: int) -> bool:
    """The gate of a detector whose own search is cheap."""
    return True


def open_suffix(backwards: re.Pattern[str], text: str, longest: int) -> int:
    """Where the suffix begins that the pattern matches, read from the end; it has `longest` characters at most."""
    match = backwards.match(text[: -longest - 1 : -1])
    return len(text) - (match.end() if match else 0)


def open_number(text: str) -> int:
    """Where digits begin, with what separates them, at the end of a text."""
    begin = open_suffix(_NUMBER_TAIL, text, NUMBER_CHARS)
    tail = text[begin:]
    return begin + len(tail) - len(tail.lstrip(_NOT_FIRST))


def is_word(char: str) -> bool:
    """Whether a character (or none) goes on with an ASCII word. Letters of other scripts may be the text around."""
    return char.isascii() and (char.isalnum() or char == "_")
