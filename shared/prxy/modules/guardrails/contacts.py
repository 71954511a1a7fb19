"""Detectors of what one is reached by: e-mail addresses, phone numbers, addresses of hosts.

Each is one pass of a search for something rare (an `@`, three digits in a row), and bounded work at each find.
"""

from __future__ import annotations

import re

from prxy.modules.guardrails.checks import is_address
from prxy.modules.guardrails.detector import Span
from prxy.modules.guardrails.tails import has_number, is_word, open_number, open_suffix

_LETTER = "A-Za-z\u00c0-\u024f"
"""Latin ones with their accents; letters of scripts that put no space between words may be the text around."""
_WORD = f"{_LETTER}0-9_"
_AT = re.compile(
    f"@(?<=[{_WORD}%+-]@)[{_WORD}-]{{1,63}}(?:\\.[{_WORD}-]{{1,63}}){{0,8}}"
    f"\\.(?:[{_LETTER}]{{2,24}}|xn--[a-z0-9-]{{2,59}})(?![{_WORD}])"
)
_LOCAL = re.compile(f"[{_WORD}.%+-]{{1,64}}")
_LOCAL_CHARS = 64
_EMAIL_CHARS = 720
"""More than the local part, the sign and ten labels."""
_EMAIL_TAIL = re.compile(f"[{_WORD}.%+@-]{{0,720}}")


def _open_email(text: str) -> int:
    return open_suffix(_EMAIL_TAIL, text, _EMAIL_CHARS)


def _has_at(text: str, start: int) -> bool:
    return text.find("@", start) >= 0


class Email:
    gate = staticmethod(_has_at)
    open_from = staticmethod(_open_email)

    def find(self, text: str, start: int) -> Span | None:
        for match in _AT.finditer(text, start):
            at, end = match.span()
            if at <= start:  # no room for who is before it
                continue
            local = _LOCAL.match(text[max(at - _LOCAL_CHARS, 0) : at][::-1])
            begin = at - (local.end() if local else 0)
            while text[begin] in ".%-+":
                begin += 1
            if begin >= start:
                return Span(begin, end)
        return None


_NORTH_AMERICAN = re.compile(
    r"[0-9](?<![0-9].)[0-9]{2}"
    r"(?:\)[ .-]?[0-9]{3}[ .-]|[.-][0-9]{3}[.-]|(?<=[2-9]..) [2-9][0-9]{2}[ -])[0-9]{4}(?![0-9])"
)
"""With spaces alone, which also separate columns of a table, only what may have been given to somebody."""
_COUNTRY_ONE = re.compile(r"(?:\+?1[ .-]?)?\(?\Z")
_INTERNATIONAL = re.compile(
    r"\+(?<![A-Za-z0-9_+]\+)(?:1[ .-]?\(?[0-9]{3}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}"
    r"|[2-9](?:[ .()-]{0,2}[0-9]){6,14})(?![0-9])"
)


class InternationalPhone:
    """E.164 with its plus sign: digits in a row alone are no phone number."""

    gate = staticmethod(has_number)
    open_from = staticmethod(open_number)

    def find(self, text: str, start: int) -> Span | None:
        match = _INTERNATIONAL.search(text, start)
        return Span(*match.span()) if match else None


class NorthAmericanPhone:
    """415-555-2671 and (415) 555-2671, with the country's 1 or without."""

    gate = staticmethod(has_number)
    open_from = staticmethod(open_number)

    def find(self, text: str, start: int) -> Span | None:
        for match in _NORTH_AMERICAN.finditer(text, start):
            begin = _begin_of_north_american(text, match.start())
            if begin >= start:
                return Span(begin, match.end())
        return None


def _begin_of_north_american(text: str, area: int) -> int:
    """Where the number begins whose area code stands there; -1 where something before it makes it another number."""
    prefix = _COUNTRY_ONE.search(text, max(area - 5, 0), area)
    begin = prefix.start() if prefix else area
    bracketed = text[area - 1 : area] == "("
    before = text[max(begin - 2, 0) : begin]
    if bracketed != (text[area + 3] == ")") or is_word(before[-1:]) or (before[-1:] in ".-" and before[:1].isdigit()):
        return -1
    return begin


_IPV4 = re.compile(
    r"[0-9](?<![\w.].)(?<!(?i:version|release)\s.)(?<!(?i:ver)\s.)(?<!(?i:ver\.)\s.)"
    r"[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?!\.?\w)",
    re.ASCII,
)
_DOTS = re.compile(r"\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
_IPV6 = re.compile(r":(?<!::)[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{0,39}")
_DIGIT = re.compile("[0-9]")
_GROUP = re.compile(r"[0-9A-Fa-f]{0,4}(?![\w:.])", re.ASCII)
_IP_CHARS = 48
_IP_TAIL = re.compile(r"[\w:.]{0,48}")


def _open_address(text: str) -> int:
    return open_suffix(_IP_TAIL, text, _IP_CHARS)


def _has_dots(text: str, start: int) -> bool:
    return _DOTS.search(text, start) is not None


def _has_colons(text: str, start: int) -> bool:
    return text.count(":", start) >= 2


class Ipv4:
    """Addresses of hosts, but for loopback and 0.0.0.0. `v1.2.3.4` and `version 1.2.3.4` are versions."""

    gate = staticmethod(_has_dots)
    open_from = staticmethod(_open_address)

    def find(self, text: str, start: int) -> Span | None:
        for match in _IPV4.finditer(text, start):
            if is_address(match.group()):
                return Span(*match.span())
        return None


class Ipv6:
    """Addresses of hosts, but for loopback and `::`, with a digit in them: `a::b` is a name in some languages."""

    gate = staticmethod(_has_colons)
    open_from = staticmethod(_open_address)

    def find(self, text: str, start: int) -> Span | None:
        for match in _IPV6.finditer(text, start):
            span = _around(text, match)
            if span and span.start >= start and is_address(text[span.start : span.end]):
                return span
        return None


def _around(text: str, match: re.Match[str]) -> Span | None:
    """The address whose first colon was found; None for a later one, or where it is part of a word."""
    colon = match.start()
    left = _GROUP.match(text[max(colon - 5, 0) : colon][::-1])
    if left is None:
        return None
    end = match.end()
    found = text[colon:end].rstrip(".")
    if found[-1] == ":" != found[-2:-1]:
        found = found[:-1]
    span = Span(colon - left.end(), colon + len(found))
    follows = text[span.end : span.end + 1]
    says = text[span.start : span.end]
    return None if is_word(follows) or not _DIGIT.search(says) else span
