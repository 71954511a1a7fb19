"""Detectors of numbers that name a person or an account: social security, cards, bank accounts."""

from __future__ import annotations

import re

from prxy.modules.guardrails.checks import iban_length, is_iban, is_luhn, is_ssn
from prxy.modules.guardrails.detector import Span
from prxy.modules.guardrails.tails import NUMBER_CHARS, always, has_number, is_word, open_number, open_suffix

_SSN = re.compile(r"[0-9](?<![0-9].)[0-9]{2}([- ]?)[0-9]{2}\1[0-9]{4}(?![0-9])")
_SSN_WORD = re.compile(r"\bssn|social[ -]?security|\bsoc\.? sec", re.IGNORECASE)
_SSN_NEAR = 48
"""Characters before a number in which a word must say what it is."""


class Ssn:
    """US social security numbers: nnn-nn-nnnn, and without dashes where a word before it says so; valid ranges only."""

    gate = staticmethod(has_number)
    open_from = staticmethod(open_number)

    def find(self, text: str, start: int) -> Span | None:
        for match in _SSN.finditer(text, start):
            digits = match.group().replace(match.group(1) or "-", "")
            if is_ssn(digits[:3], digits[3:5], digits[5:]) and _is_told(text, match):
                return Span(*match.span())
        return None


def _is_told(text: str, match: re.Match[str]) -> bool:
    begin, end = match.span()
    if match.group(1) == "-":
        return text[begin - 1 : begin] != "-" and text[end : end + 1] != "-"
    return _SSN_WORD.search(text, max(begin - _SSN_NEAR, 0), begin) is not None


_CARD = re.compile(
    r"[2-6](?<![0-9].)[0-9]{3,18}+(?![0-9])(?:[ -][0-9]{2,8}+(?![0-9])){0,3}+(?:[ -][0-9]{2,3}+(?![0-9]))?+"
)
_AS_NUMBERS = bytes.maketrans(b"0123456789", bytes(range(10)))
_SHORTEST, _LONGEST = 13, 19
_FIRST_GROUP = 4
"""Digits that it has at the least."""


class Card:
    """Payment cards: 13 to 19 digits of a payment network that pass Luhn's check, at once or in groups of two and more.

    The first group has at least four digits, and a space or a dash stands between two.
    """

    gate = staticmethod(has_number)
    open_from = staticmethod(open_number)

    def find(self, text: str, start: int) -> Span | None:
        while match := _CARD.search(text, start):
            begin, found = match.start(), match[0]
            if len(found) >= _SHORTEST and (length := _card_length(found)):
                return Span(begin, begin + length)
            start = begin + _FIRST_GROUP  # within it none begins
        return None


def _card_length(found: str) -> int:
    """Characters of the longest card number that it begins with, whole groups only; 0 where there is none."""
    if "-" in found:
        found = found.replace("-", " ")
    end, digits = len(found), found.encode().translate(_AS_NUMBERS, b" ")
    while len(digits) >= _SHORTEST:
        if len(digits) <= _LONGEST and is_luhn(digits):
            return end
        cut = found.rfind(" ", 0, end)
        digits = digits[: cut + 1 - end]
        end = cut
    return 0


_IBAN = re.compile(r"[A-Z](?<!\w.)[A-Z][0-9]{2}(?: ?[A-Z0-9]){11,30}", re.ASCII)
_IBAN_TAIL = re.compile(r"[A-Z0-9 ]{0,48}")
_IBAN_BEGINS = re.compile(r"[A-Z](?<!\w.)(?:[A-Z](?:[0-9][0-9 A-Z]*)?)?\Z", re.ASCII)


def _open_iban(text: str) -> int:
    begin = open_suffix(_IBAN_TAIL, text, NUMBER_CHARS)
    match = _IBAN_BEGINS.search(text, begin)
    return match.start() if match else len(text)


class Iban:
    """Bank accounts of countries that have such numbers, in capitals, with or without spaces, by their check digits."""

    gate = staticmethod(always)
    open_from = staticmethod(_open_iban)

    def find(self, text: str, start: int) -> Span | None:
        while match := _IBAN.search(text, start):
            begin = match.start()
            taken = _iban_taken(match.group())
            if taken and not is_word(text[begin + taken : begin + taken + 1]):
                return Span(begin, begin + taken)
            start = begin + 1
        return None


def _iban_taken(found: str) -> int:
    """Characters of the account number that it begins with, spaces included; 0 where there is none."""
    length = iban_length(found[:2])
    compact = found.replace(" ", "")
    if not length or len(compact) < length or not is_iban(compact[:length]):
        return 0
    taken = length
    while len(found[:taken].replace(" ", "")) < length:
        taken += 1
    return taken
