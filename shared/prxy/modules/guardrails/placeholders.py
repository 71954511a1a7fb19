"""What takes the place of a match, and comes back in the answer where the pipeline asks for it."""

from __future__ import annotations

import re
from collections import Counter

from prxy.modules.guardrails.detector import Span
from prxy.modules.guardrails.rules import Rule
from prxy.modules.guardrails.tails import always

_PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]{0,40}_[0-9]{1,6}\]")
_GROWS = re.compile(r"\[(?:[A-Z][A-Z0-9_]{0,48})?\Z")
_LONGEST = 56


def _open_placeholder(text: str) -> int:
    match = _GROWS.search(text, max(len(text) - _LONGEST, 0))
    return match.start() if match else len(text)


class Placeholder:
    """Numbered placeholders: of the gateway, or what somebody wrote that looks like one."""

    gate = staticmethod(always)
    open_from = staticmethod(_open_placeholder)

    def find(self, text: str, start: int) -> Span | None:
        match = _PLACEHOLDER.search(text, start)
        return Span(*match.span()) if match else None


PLACEHOLDER = Rule(label="TEXT", described="a placeholder", code="", detectors=(Placeholder(),), is_exact=True)
"""Replaced as well on the way in, so that whatever looks like a placeholder in an answer has one meaning."""


class Redacted:
    """One placeholder for each kind. Nothing comes back."""

    def put(self, rule: Rule, found: str) -> str:
        return f"[REDACTED_{rule.label}]"

    def original(self, text: str) -> str:
        return text


class Numbered:
    """A placeholder of its own for each text that was found: the same for the same text, within one call only."""

    def __init__(self) -> None:
        self._placeholders: dict[tuple[str, str], str] = {}
        self._originals: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def put(self, rule: Rule, found: str) -> str:
        known = self._placeholders.get((rule.label, found))
        if known is not None:
            return known
        self._counts[rule.label] += 1
        number = self._counts[rule.label]
        placeholder = f"[{rule.label}_{number}]"
        self._placeholders[rule.label, found] = placeholder
        self._originals[placeholder] = found
        return placeholder

    @property
    def is_empty(self) -> bool:
        return not self._originals

    def original(self, text: str) -> str:
        """A text with what its placeholders stand for; those that stand for nothing stay."""
        return _PLACEHOLDER.sub(lambda match: self._originals.get(match[0], match[0]), text)
