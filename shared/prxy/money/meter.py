"""Which of a stream's reports of usage speaks for the whole answer."""

from __future__ import annotations

from prxy.canonical.events import PartDelta, PartStart, StreamEvent, UsageUpdate, Verbatim
from prxy.canonical.response import Usage


class Meter:
    """Fed with a provider's events as they came. A report counts as long as no later frame says more of the answer.

    Anthropic reports at the start and again at the end, others with every chunk: where the last report is missing or
    unreadable, the one before would bill less than was used.
    """

    def __init__(self) -> None:
        self.usage: Usage | None = None
        """The final report, None where there is none."""
        self._grew = self._reported = False

    def add(self, event: StreamEvent) -> None:
        match event:
            case PartStart() | PartDelta():
                self._grew = True
            case UsageUpdate(usage=usage):
                self.usage, self._reported = usage, True
            case Verbatim():
                if self._grew and not self._reported:
                    self.usage = None
                self._grew = self._reported = False
            case _:
                pass
