"""Stream for a client: events -> frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prxy.canonical.events import StreamEvent
from prxy.canonical.request import ChatRequest
from prxy.canonical.stream import OneAtATime
from prxy.formats.base import encode_json
from prxy.formats.openai_responses.writer import Writer
from prxy.framing.frame import Frame


class StreamEncoder:
    """Each event in a frame named after its type; one part at a time."""

    def __init__(self, request: ChatRequest) -> None:
        self._in_turn = OneAtATime()
        self._writer = Writer(request)

    def feed(self, item: StreamEvent) -> Iterator[Frame]:
        yield from self._frames(self._in_turn.feed(item))

    def finish(self) -> Iterator[Frame]:
        yield from self._frames(self._in_turn.finish())

    def _frames(self, events: Iterable[StreamEvent]) -> Iterator[Frame]:
        for event in events:
            for wire in self._writer.feed(event):
                yield Frame(encode_json(wire), wire["type"])
