"""Several journals side by side, as one."""

from __future__ import annotations

import logging

from prxy.call_record import CallRecord, Journal, Refusal

_log = logging.getLogger(__name__)


class Journals(Journal):
    """What fails in one of them reaches neither the call nor the others."""

    def __init__(self, *journals: Journal) -> None:
        self._journals = journals
        self._failing: set[Journal] = set()

    async def note(self, noted: CallRecord | Refusal) -> None:
        for journal in self._journals:
            try:
                await journal.note(noted)
            except Exception as error:  # noqa: BLE001  # whatever a journal does, the call is answered
                self._complain(journal, error)
            else:
                self._failing.discard(journal)

    async def aclose(self) -> None:
        for journal in self._journals:
            await journal.aclose()

    def _complain(self, journal: Journal, error: Exception) -> None:
        """Once, until it works again; without the error's text, which may hold anything."""
        if journal not in self._failing:
            self._failing.add(journal)
            _log.error("journal_failed", extra={"journal": type(journal).__name__, "kind": type(error).__name__})
