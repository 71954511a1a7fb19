"""A short list of English profanity."""

from __future__ import annotations

import re

from prxy.modules.guardrails.detector import Span
from prxy.modules.guardrails.tails import open_suffix

_STEMS = ("fuck", "shit", "bitch", "asshole", "cunt", "bastard", "dickhead", "wanker", "bollocks")
_WORD = re.compile(
    r"\b(?:(?:mother)?fuck(?:s|ed|er|ers|ing|in)?|(?:bull)?shit(?:s|ty|ting|ted|head|heads)?|bitch(?:es|ing|y)?"
    r"|assholes?|cunts?|bastards?|dickheads?|wankers?|bollocks)\b",
    re.IGNORECASE | re.ASCII,
)
_WORD_CHARS = 24
_TAIL = re.compile(r"\w{0,24}", re.ASCII)


def _has_stem(text: str, start: int) -> bool:
    lowered = text.lower()
    for stem in _STEMS:  # noqa: SIM110  # in a short text a generator costs more than the search
        if stem in lowered:
            return True
    return False


def _open_word(text: str) -> int:
    return open_suffix(_TAIL, text, _WORD_CHARS)


class Profanity:
    """Whole words in any case; a word that contains one (`Scunthorpe`) is none."""

    gate = staticmethod(_has_stem)
    open_from = staticmethod(_open_word)

    def find(self, text: str, start: int) -> Span | None:
        match = _WORD.search(text, start)
        return Span(*match.span()) if match else None
