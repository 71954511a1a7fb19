"""The stream grammar of `canonical/events.py` as a check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prxy.canonical.events import (
    ChoiceEnd,
    PartDelta,
    PartEnd,
    PartStart,
    StreamEnd,
    StreamError,
    StreamEvent,
    StreamStart,
)


def grammar_faults(events: Iterable[StreamEvent]) -> list[str]:
    """Where a stream of events leaves the grammar."""
    checker = _Checker()
    return [fault for event in events for fault in checker.check(event)] + list(checker.at_the_end())


class _Checker:
    def __init__(self) -> None:
        self.started = self.over = False
        self.choice_of: dict[int, int] = {}
        self.open: set[int] = set()
        self.ended: set[int] = set()

    def check(self, event: StreamEvent) -> Iterator[str]:
        if self.over:
            yield f"{event} after the terminal event"
        if self.started == isinstance(event, StreamStart) and not isinstance(event, StreamError):
            yield f"{event} where the stream {'goes on' if self.started else 'begins'}"
        self.started = True
        match event:
            case PartStart() | PartDelta() | PartEnd():
                yield from self._part(event)
            case ChoiceEnd():
                yield from self._choice_end(event)
            case StreamEnd() | StreamError():
                self.over = True

    def at_the_end(self) -> Iterator[str]:
        if not self.over:
            yield "no terminal event"
        if self.open:
            yield f"parts {sorted(self.open)} never end"

    def _part(self, event: PartStart | PartDelta | PartEnd) -> Iterator[str]:
        if isinstance(event, PartStart):
            if event.index in self.choice_of:
                yield f"index {event.index} is used twice"
            if event.choice in self.ended:
                yield f"part {event.index} begins after choice {event.choice} ended"
            self.choice_of[event.index] = event.choice
            self.open.add(event.index)
        elif event.index not in self.open:
            yield f"{event} of a part that is not open"
        if isinstance(event, PartEnd):
            self.open.discard(event.index)

    def _choice_end(self, event: ChoiceEnd) -> Iterator[str]:
        if event.choice in self.ended:
            yield f"choice {event.choice} ends twice"
        if under_way := [index for index in self.open if self.choice_of[index] == event.choice]:
            yield f"choice {event.choice} ends before its parts {under_way}"
        self.ended.add(event.choice)
