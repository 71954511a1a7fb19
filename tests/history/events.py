"""What a run leaves behind: one list of events in the order in which they became known.

A cause is appended before it can have an effect elsewhere: a bill before the provider answers, a write before its
answer is passed on, the begin of a reading before the read is sent. Money is nano-USD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Owed(Enum):
    """What the rules charge for a call that reached the provider."""

    USAGE = "what the provider reported"
    ALL = "the whole hold, since nobody knows"
    EITHER = "the report or the whole hold: the answer broke off behind its report"
    NOTHING = "nothing: the provider refused"


class Kind(Enum):
    RESERVE = "reserve"
    SETTLE = "settle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """The day limit of a key is about to become this, or (`done`) has become it."""

    key: str
    limit_nano: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """The revoke has returned."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    call: int
    key: str
    host: str
    """The gateway process; a restarted one has another name."""
    word: str | None = None
    """Idempotency-Key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What the client saw."""

    call: int
    status: int
    """0: no head of an answer came."""
    code: str = ""
    whole: bool = False
    """The answer came to its proper end."""
    replayed: bool = False
    rid: str | None = None
    """Name of the call's hold; None where no answer told it."""
    cost_nano: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The provider has read a request, and bills this for it whatever happens next."""

    call: int
    bill_nano: int
    owed: Owed


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The provider is done with the call, one way or the other."""

    call: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One copy of a write to a counter and what became of it at the store."""

    kind: Kind
    key: str
    host: str
    rid: str
    amount_nano: int | None
    """Held by a reserve, given back by a settle; None: a settle that gives nothing back."""
    applied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GaveUp:
    """A gateway's log says that it could not bring this hold to its end."""

    rid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingBegan:
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The counters of a key: `d20261122`, `m202611`, `u20261122`, `unc` …"""

    key: str
    counters: Mapping[str, int]
    holds: int = 0
    closed: bool = False
    """The last one: all is quiet, and every dead hold was swept."""


Event = Limited | Revoked | Began | Ended | Asked | Answered | Write | GaveUp | Killed | ReadingBegan | Reading


class Log(list[Event]):
    """Appended to from one event loop, so that the position is the order."""
