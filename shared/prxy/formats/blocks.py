"""Events -> content blocks, for wires that tell one answer as one block after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from prxy.canonical.events import ChoiceEnd, PartDelta, PartEnd, PartStart, StreamEnd, StreamError, StreamEvent
from prxy.canonical.parts import Part
from prxy.canonical.stream import OneAtATime
from prxy.framing.frame import Frame


class OneAnswer:
    """event* (StreamEnd | StreamError): of the first choice only, one part after another.

    An error is told at once, whatever is still open or held back.
    """

    def __init__(self) -> None:
        self._order = OneAtATime()
        self._unsaid: set[int] = set()
        self._is_done = False

    def feed(self, item: StreamEvent) -> Iterator[StreamEvent]:
        match item:
            case _ if self._is_done:
                return
            case StreamError():
                self._is_done = True
                yield item
            case PartStart(choice=choice, index=index) if choice != 0:
                self._unsaid.add(index)
            case PartDelta(index=index) | PartEnd(index=index) if index in self._unsaid:
                return
            case ChoiceEnd(choice=choice) if choice != 0:
                return
            case _:
                yield from self._order.feed(item)
                self._is_done = isinstance(item, StreamEnd)


class Block(Protocol):
    """The frames of one part."""

    def start(self) -> Iterator[Frame]: ...
    def grow(self, delta: PartDelta) -> Iterator[Frame]: ...
    def stop(self) -> Iterator[Frame]: ...


class Blocks:
    """(start grow* stop)*: blocks numbered from 0. A part that the wire cannot say has none."""

    def __init__(self, make: Callable[[int, Part], Block | None]) -> None:
        """`make`: number of a block and how its part begins -> the block, None where the part cannot be said."""
        self._make = make
        self._open: Block | None = None
        self._count = 0

    def feed(self, event: PartStart | PartDelta | PartEnd) -> Iterator[Frame]:
        match event:
            case PartStart(part=part):
                self._open = self._make(self._count, part)
                if self._open is not None:
                    self._count += 1
                    yield from self._open.start()
            case PartDelta() if self._open is not None:
                yield from self._open.grow(event)
            case PartEnd() if self._open is not None:
                block, self._open = self._open, None
                yield from block.stop()
