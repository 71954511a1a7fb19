"""One line of the log for each call, and for each request that was turned away at the door."""

from __future__ import annotations

import logging
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
                _calls.info("call", extra={**of_call(noted), **of_answer(noted)})
            case Refusal():
                _calls.info("refused", extra=dict(of_refusal(noted)))
            case _ as never:
                assert_never(never)
