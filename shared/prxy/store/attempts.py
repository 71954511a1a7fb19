"""How often and how long the store is asked, and what is known when it does not answer."""

from __future__ import annotations

import asyncio
import secrets
import time

from msgspec import Struct
from msgspec.structs import replace


class Attempts(Struct, frozen=True, kw_only=True):
    """`within_s` bounds all of them together, pauses included; no attempt begins after it."""

    count: int
    within_s: float
    connect_s: float = 0.5
    read_s: float = 1.0
    """From the request being sent to the end of the answer."""

    def patient(self, factor: float) -> Attempts:
        """As many attempts, each with that many times the time: for a store that is known to be slow."""
        if factor == 1.0:
            return self
        return replace(
            self, within_s=self.within_s * factor, connect_s=self.connect_s * factor, read_s=self.read_s * factor
        )


RESERVE = Attempts(count=2, within_s=3.0)
"""A caller waits: fail closed, soon."""

SETTLE = Attempts(count=4, within_s=3.0)
"""An answer is waiting to be closed; giving up leaves a hold behind that is charged in full."""

READ = Attempts(count=3, within_s=3.0)

PAUSE_S = 0.05
"""Before the second attempt; doubled for each further one, of which a random half is waited."""


class Unsent(Exception):
    """One attempt did not reach the store, or was refused before it changed anything. Worth another."""


class Unanswered(Exception):
    """One attempt may or may not have been applied. Worth another only because every write of ours is repeatable."""


class Pacing:
    """The clock of one operation's attempts: after each that failed, ask whether it goes on."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._ends_at = time.monotonic() + attempts.within_s
        self._made = 1
        self.read_s = min(attempts.read_s, attempts.within_s)
        """What the attempt that comes now is given."""

    async def goes_on(self) -> bool:
        """Pauses before it does."""
        pause_s = PAUSE_S * 2 ** (self._made - 1) * (0.5 + secrets.randbelow(1000) / 2000)
        if self._made >= self._attempts.count or time.monotonic() + pause_s >= self._ends_at:
            return False
        await asyncio.sleep(pause_s)
        self._made += 1
        self.read_s = max(0.05, min(self._attempts.read_s, self._ends_at - time.monotonic()))
        return True
