"""Ids of function calls, on a wire where they are optional."""

from __future__ import annotations

import re

from prxy.canonical.digest import digest
from prxy.canonical.parts import Json

_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class HistoryCalls:
    """The calls of one request, in order: names the ones without an id, and finds the call that a response answers."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._open: list[tuple[str, str]] = []

    def called(self, given: str | None, name: str, args: Json) -> str:
        call_id = given or self._fresh()
        self._seen.add(call_id)
        self._open.append((call_id, name))
        return call_id

    def answered(self, given: str | None, name: str) -> str:
        """By id, else by name and order. A response to no call gets an id of its own."""
        match = next((entry for entry in self._open if given in (None, entry[0]) and name in ("", entry[1])), None)
        if match is not None:
            self._open.remove(match)
        return given or (match[0] if match else self._fresh())

    def _fresh(self) -> str:
        number = len(self._seen)
        while f"call_{number}" in self._seen:
            number += 1
        self._seen.add(f"call_{number}")
        return f"call_{number}"


class AnswerCalls:
    """The calls of one answer. An id made here depends on the answer's own id and on what was called, not on chunks."""

    def __init__(self, response_id: str) -> None:
        self._response_id = response_id
        self._seen: set[str] = set()
        self._count = 0

    def called(self, given: str | None, name: str, args: Json) -> str:
        call_id = given or ""
        if not _SAFE_ID.fullmatch(call_id) or call_id in self._seen:
            call_id = f"call_{digest(self._response_id, self._count, name, args)[:24]}"
        self._count += 1
        self._seen.add(call_id)
        return call_id

    def answered(self, given: str | None, name: str) -> str:
        return given or name


Calls = HistoryCalls | AnswerCalls
