"""The item of one account, and the writes to it: `prxy.store.admission` and `verdicts` with small numbers.

Left out, since nothing new happens there: the month (one more window under the same rule), calls per minute (no money),
the clearing of old windows, and the other accounts of a call (its project's and its tenant's: items under the same
rules; where one of them refuses, this one sees a call that could not reach the provider). A hold may be found lapsed at
any time, since the model has no clock but midnight, and a settle that clears lapsed holds is a settle and a sweep.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, TypeVar

V = TypeVar("V")

DAYS = 2
FREE = 99
"""No limit at all."""


class Setting(NamedTuple):
    """What an administrator may change."""

    version: int
    limit: int
    active: bool = True
    expires: int | None = None
    """The day from which on the key is dead."""


class Hold(NamedTuple):
    """What stands in `res` under the id of one request."""

    amount: int
    nonce: int | None
    day: int


TOMBSTONE = Hold(amount=0, nonce=None, day=0)

PerDay = tuple[int, ...]


class Item(NamedTuple):
    """The item. The holds themselves are kept with their requests; here is how many there are."""

    setting: Setting
    counters: tuple[int | None, ...] = (None,) * DAYS
    """None: an attribute that no write has touched yet."""
    holds: int = 0
    unconfirmed: PerDay = (0,) * DAYS

    def counted(self, day: int) -> int:
        return self.counters[day] or 0


class History(NamedTuple):
    """What really happened, whatever the item says. No rule of the protocol reads it."""

    billed: PerDay = (0,) * DAYS
    """By the provider, in the day in which the call was admitted."""
    settled: PerDay = (0,) * DAYS
    """The costs of calls that were settled while their hold stood."""
    forfeited: PerDay = (0,) * DAYS
    limit: PerDay = (0,) * DAYS
    """The one in force when the last call of the day was admitted."""


class World(NamedTuple):
    """All that the requests share."""

    item: Item
    history: History = History()
    day: int = 0
    changes: int = 0
    """How many of the scenario's settings were put in place since the first."""

    def __str__(self) -> str:
        counters = " ".join("-" if counter is None else str(counter) for counter in self.item.counters)
        billed = " ".join(str(cost) for cost in self.history.billed)
        return f"counted {counters} | billed {billed} | limit {self.item.setting.limit} | holds {self.item.holds}"


class Claim(NamedTuple):
    """What one attempt asks for. `limit` and `version` are the ones it knows, from a cache or an answer."""

    amount: int
    """0: nothing bounds what the provider may bill."""
    nonce: int
    day: int
    version: int
    limit: int
    seen: int = 0
    """What the counter was when the claim was made. The protocol makes no use of it; a mutant does."""


class Verdict(Enum):
    """Why a reserve was not applied, or that it was."""

    ADMITTED = "admitted"
    STALE = "stale"
    CROWDED = "crowded"
    REFUSED = "refused"


Written = tuple[World, Hold | None]


class Writes:
    """Each write is one step of the store: condition and change together. A write that changes nothing was refused."""

    def __init__(self, places: int) -> None:
        self.places = places

    def fits(self, claim: Claim) -> bool:
        """Conditions cannot add: an untouched window would admit any amount. And 0 fits under any limit."""
        return claim.amount <= claim.limit and (claim.amount > 0 or claim.limit == FREE)

    def admits(self, item: Item, hold: Hold | None, claim: Claim) -> bool:
        """The condition of write 1, in the order of `admission.reserve`."""
        return (
            self.is_active(item)
            and self.is_current(item, claim)
            and self.is_alive(item, claim)
            and self.is_new(hold)
            and item.holds < self.places
            and self.is_within_limit(item, claim)
        )

    def is_active(self, item: Item) -> bool:
        return item.setting.active

    def is_current(self, item: Item, claim: Claim) -> bool:
        return item.setting.version == claim.version

    def is_alive(self, item: Item, claim: Claim) -> bool:
        return item.setting.expires is None or item.setting.expires > claim.day

    def is_new(self, hold: Hold | None) -> bool:
        return hold is None

    def is_within_limit(self, item: Item, claim: Claim) -> bool:
        counter = item.counters[claim.day]
        return counter is None or counter <= claim.limit - claim.amount

    def reserve(self, world: World, hold: Hold | None, claim: Claim) -> Written:
        """Write 1."""
        item = world.item
        if not self.admits(item, hold, claim):
            return world, hold
        counters = put(item.counters, claim.day, self.raised(item, claim))
        history = world.history._replace(limit=put(world.history.limit, claim.day, item.setting.limit))
        item = item._replace(counters=counters, holds=item.holds + (hold is None))
        return world._replace(item=item, history=history), Hold(claim.amount, claim.nonce, claim.day)

    def raised(self, item: Item, claim: Claim) -> int:
        return item.counted(claim.day) + claim.amount

    def settle(self, world: World, hold: Hold | None, own: Hold, *, actual: int | None, resent: bool) -> Written:
        """Write 2: gives back what the call did not cost; `actual` None: nobody knows, so nothing."""
        if not self.stands(hold, own):
            return world, hold
        after = world
        if actual is None:
            after = self.unconfirmed(after, own)
        else:
            after = self.given_back(after, self.day_of(world, own), own.amount - actual)
        if hold == own:
            after = _on_record(after, own, actual)
        return self._cleared(after, hold, left=TOMBSTONE if resent and self.leaves_tombstones else None)

    leaves_tombstones = True

    def stands(self, hold: Hold | None, own: Hold) -> bool:
        return hold is not None and hold.nonce == own.nonce

    def day_of(self, world: World, own: Hold) -> int:
        """The window that a settle corrects: the one that was reserved in, whatever the day is now."""
        return own.day

    def given_back(self, world: World, day: int, back: int) -> World:
        counter = world.item.counters[day]
        counters = put(world.item.counters, day, 0 if counter is None else counter - back)
        return world._replace(item=world.item._replace(counters=counters))

    def block(self, world: World, hold: Hold | None) -> Written:
        """A tombstone where a reserve that was given up has not landed."""
        return (world, hold) if hold is not None else self._cleared(world, hold, left=TOMBSTONE)

    def sweep(self, world: World, hold: Hold) -> Written:
        """Forfeit a hold whose call died, or seems to have; clear an old tombstone."""
        return self._cleared(self.lapsed(_on_record(world, hold, None), hold), hold, left=None)

    def lapsed(self, world: World, hold: Hold) -> World:
        """The provider may have billed: the counter keeps all of it."""
        return self.unconfirmed(world, hold)

    def unconfirmed(self, world: World, hold: Hold) -> World:
        unconfirmed = added(world.item.unconfirmed, hold.day, hold.amount)
        return world._replace(item=world.item._replace(unconfirmed=unconfirmed))

    def _cleared(self, world: World, hold: Hold | None, left: Hold | None) -> Written:
        holds = world.item.holds - (hold is not None) + (left is not None)
        return world._replace(item=world.item._replace(holds=holds)), left

    def judge(self, item: Item, hold: Hold | None, claim: Claim) -> Verdict:
        """What a refusal of write 1 means, in the order of `verdicts.judge`."""
        if hold is not None:
            return Verdict.ADMITTED if hold.nonce == claim.nonce else Verdict.REFUSED
        if not (self.is_active(item) and self.is_alive(item, claim)):
            return Verdict.REFUSED
        if item.setting.version != claim.version:
            return Verdict.STALE
        if not claim.amount and claim.limit != FREE:
            return Verdict.REFUSED
        if item.counted(claim.day) + claim.amount > claim.limit:
            return Verdict.REFUSED
        return Verdict.CROWDED


def _on_record(world: World, hold: Hold, actual: int | None) -> World:
    """The hold is no more, and `actual` was charged for it; None: all of it."""
    history = world.history
    if actual is None:
        history = history._replace(forfeited=added(history.forfeited, hold.day, hold.amount))
    else:
        history = history._replace(settled=added(history.settled, hold.day, actual))
    return world._replace(history=history)


def put(values: tuple[V, ...], day: int, value: V) -> tuple[V, ...]:
    return (*values[:day], value, *values[day + 1 :])


def added(values: PerDay, day: int, amount: int) -> PerDay:
    return put(values, day, values[day] + amount)
