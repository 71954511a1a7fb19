"""One line of the log for each call, and for each request that was turned away at the door."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import assert_never

from prxy.call_record import CallRecord, Journal, Refusal
from prxy.telemetry.words import of_answer, of_call, of_refusal

_calls = logging.getLogger("prxy.calls")


class LogJournal(Journal):
    """Writes to the logger `prxy.calls`, level INFO: the events `call` and `refused`."""

    async def note(self, noted: CallRecord | Refusal) -> None:
        if not _calls.isEnabledFor(logging.INFO):
            return
        match noted:
            case CallRecord():
                _tell("call", {**of_call(noted), **of_answer(noted)})
            case Refusal():
                _tell("refused", of_refusal(noted))
            case _ as never:
                assert_never(never)


def _tell(event: str, told: Mapping[str, object]) -> None:
    """As `Logger.info` would, without looking for the line of code that it was called from: a third of its cost."""
    record = {"name": _calls.name, "levelno": logging.INFO, "levelname": "INFO", "msg": event, **told}
    _calls.handle(logging.makeLogRecord(record))
