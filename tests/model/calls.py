"""The values of the model: what a process is, what it sends, and what a scenario lets go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from tests.model.item import Claim, Hold, Setting, Verdict, World

ASKED = -1
"""The provider has the call and has not billed it yet."""


class At(IntEnum):
    """Where a process stands."""

    READY = 0
    RESERVING = 1
    ADMITTED = 2
    CALLED = 3
    SETTLING = 4
    VOIDING = 5
    BLOCKING = 6
    VOIDING_AGAIN = 7
    DONE = 8
    GAVE_UP = 9
    """It could not resolve its hold, and a log line says so."""
    DEAD = 10


OVER = frozenset((At.DONE, At.GAVE_UP, At.DEAD))


class Reserve(NamedTuple):
    claim: Claim


class Settle(NamedTuple):
    actual: int | None
    resent: bool


class Block(NamedTuple):
    pass


Message = Reserve | Settle | Block


class Answer(NamedTuple):
    applied: bool
    verdict: Verdict | None = None
    setting: Setting | None = None
    """As it stood, where the verdict is that the process knows an old one."""


class Process(NamedTuple):
    """One attempt at a request, with its messages on the way."""

    amount: int
    nonce: int = 0
    at: At = At.READY
    claim: Claim | None = None
    sent: Message | None = None
    """The message whose answer it waits for."""
    answer: Answer | None = None
    """To that message: None before it is applied, and known to nobody before it comes."""
    late: tuple[Message, ...] = ()
    """Messages on the way that nobody waits for any more."""
    sends: int = 0
    rounds: int = 0
    resent: bool = False
    """A copy of the reserve was given up, and may be late."""
    bill: int | None = None
    """None: nothing was asked of the provider, or what it billed is known and needed no more."""
    landed: bool = False
    """Its reserve was applied, to an active key, and where that had a limit the claim was bounded. Known to the checker
    alone."""

    @property
    def hold(self) -> Hold:
        assert self.claim is not None
        return Hold(self.claim.amount, self.nonce, self.claim.day)


class Request(NamedTuple):
    """One request id: its place in `res`, and the processes that work on it (two, where it was delivered twice)."""

    hold: Hold | None
    processes: tuple[Process, ...]


class Faults(NamedTuple):
    """What may go wrong besides late and unanswered messages, which always may."""

    kill: bool = True
    sweep: bool = True
    lose: bool = False
    """Messages are lost. Where nothing is asked of the end, a message that is late for ever is the same."""
    unknown: bool = True
    """The provider's answer does not come."""


class Sends(NamedTuple):
    """How often a write is sent."""

    reserve: int = 2
    settle: int = 2
    rounds: int = 2


class View(NamedTuple):
    """What one step of a process may see and change."""

    world: World
    hold: Hold | None
    process: Process

    def now(self, **changes: object) -> View:
        return self._replace(process=self.process._replace(**changes))


Steps = Iterator[tuple[str, View]]


class Scenario(NamedTuple):
    requests: tuple[tuple[int, ...], ...]
    """The amounts that the processes of each request reserve."""
    settings: tuple[Setting, ...] = (Setting(version=0, limit=3),)
    """The first, and what an administrator makes of it, in turn and at any time."""
    faults: Faults = Faults()
    sends: Sends = Sends()
    midnight: bool = False
    places: int = 9
