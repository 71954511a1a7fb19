"""A deadline that is mostly met."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class Alarm:
    """Rings when something is due. One timer of the loop serves many waits after one another.

    What is no longer awaited leaves the timer where it is: when that goes off it looks at what is due by then and,
    mostly, goes back to sleep. So a wait costs a timer only where none is set that goes off early enough.
    """

    __slots__ = ("_due", "_loop", "_ring", "_timer")

    def __init__(self, ring: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, due: float) -> None:
        """Ring at that time of the loop, unless told otherwise before."""
        self._due = due
        timer = self._timer
        if timer is None or timer.when() > due:
            self.drop()
            self._due, self._timer = due, self._loop.call_at(due, self._on_time)

    def rest(self) -> None:
        """Nothing is awaited."""
        self._due = math.inf

    def drop(self) -> None:
        """Never ring again, and let go of the loop."""
        self._due = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_time(self) -> None:
        self._timer = None
        if self._due <= self._loop.time():
            self._due = math.inf
            self._ring()
        elif self._due < math.inf:
            self.set(self._due)
