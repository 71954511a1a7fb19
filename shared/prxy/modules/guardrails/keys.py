"""Detectors of secrets: API keys of known vendors, and private keys.

The forms are those that the vendors' own documents and GitHub's list of secret-scanning patterns show:
https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns (as of 2026-11)
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from prxy.modules.guardrails.detector import Span
from prxy.modules.guardrails.tails import always, is_word, open_suffix

_KEY_CHARS = 512
"""A key is looked at up to here."""
_LONG = r"[\w-]{20,500}"
_FORMS: Mapping[str, str] = {
    "sk-": _LONG,
    "sk_": r"(?:live|test)_\w{16,500}",
    "rk_": r"(?:live|test)_\w{16,500}",
    "pk_": r"live_\w{16,500}",
    "AKIA": r"[A-Z0-9]{16}(?![\w-])",
    "ASIA": r"[A-Z0-9]{16}(?![\w-])",
    "AIza": r"[\w-]{35}(?![\w-])",
    "ghp_": r"\w{30,255}",
    "gho_": r"\w{30,255}",
    "ghu_": r"\w{30,255}",
    "ghs_": r"\w{30,255}",
    "ghr_": r"\w{30,255}",
    "github_pat_": r"\w{30,255}",
    "glpat-": _LONG,
    "xox": r"[abeoprs]-[\w-]{10,500}",
    "gsk_": r"\w{20,500}",
    "hf_": r"\w{20,500}",
    "prxy_": r"(?:live|admin)_\w{20,500}",
}
"""What a key begins with -> what follows."""
_WORDS = re.compile(r"[a-z]+(?:[-_][a-z]+)*")
_KEY_TAIL = re.compile(r"[\w-]{0,512}")


def _open_key(text: str) -> int:
    return open_suffix(_KEY_TAIL, text, _KEY_CHARS)


def _has_begin(text: str, start: int) -> bool:
    for begin in _FORMS:  # noqa: SIM110  # in a short text a generator costs more than the search
        if text.find(begin, start) >= 0:
            return True
    return False


class VendorKey:
    """A key by its vendor's prefix. Small letters in words behind it are no key (`sk-my-words`)."""

    gate = staticmethod(_has_begin)
    open_from = staticmethod(_open_key)

    def __init__(self, begin: str, rest: str) -> None:
        self._begin, self._form = begin, re.compile(re.escape(begin) + rest, re.ASCII)

    def find(self, text: str, start: int) -> Span | None:
        at = text.find(self._begin, start)
        while at >= 0:
            before = text[at - 1 : at]
            if not is_word(before) and before != "-":
                match = self._form.match(text, at)
                if match and not _is_prose(match.group()):
                    return Span(*match.span())
            at = text.find(self._begin, at + 1)
        return None


VENDOR_KEYS = tuple(VendorKey(begin, rest) for begin, rest in _FORMS.items())


def _is_prose(key: str) -> bool:
    words = _WORDS.fullmatch(key)
    return words is not None and max(map(len, re.split("[-_]", key))) < 20


_BEGIN = "-----BEGIN "
_PEM_CHARS = 8_192
_PEM_LABEL = r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----"
_PEM_BODY = r"""(?:[^-"]|-(?!----)){0,7000}"""
_PEM = re.compile(_PEM_LABEL + _PEM_BODY + r"(?:-----END [A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----)?")
_PEM_GROWS = re.compile(
    rf"-----BEGIN [A-Z ]{{0,42}}-{{0,4}}\Z|{_PEM_LABEL}{_PEM_BODY}(?:-{{1,5}}[A-Z ]{{0,50}}-{{0,5}})?\Z"
)
_PEM_FIRST = re.compile(r"-----(?:B(?:E(?:G(?:IN?)?)?)?)?\Z|-{1,5}\Z")


def _open_private_key(text: str) -> int:
    at = text.find(_BEGIN, max(len(text) - _PEM_CHARS, 0))
    while at >= 0:
        if _PEM_GROWS.match(text, at):
            return at
        at = text.find(_BEGIN, at + 1)
    first = _PEM_FIRST.search(text, max(len(text) - len(_BEGIN), 0))
    return first.start() if first else len(text)


class PrivateKey:
    """Private keys in PEM, from the line that begins one to the line that ends it, or to what cannot be part of it."""

    gate = staticmethod(always)
    open_from = staticmethod(_open_private_key)

    def find(self, text: str, start: int) -> Span | None:
        at = text.find(_BEGIN, start)
        while at >= 0:
            match = _PEM.match(text, at)
            if match:
                return Span(*match.span())
            at = text.find(_BEGIN, at + 1)
        return None
