"""The accounts at the end of a history: every hold by what became of it, every counter by its holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.history.events import Asked, Began, Ended, Kind, Owed, Reading, Write


@dataclass(slots=True)
class Books:
    """What the closing needs of a history."""

    calls: dict[int, Began] = field(default_factory=dict)
    ends: dict[int, Ended] = field(default_factory=dict)
    asked: dict[int, list[Asked]] = field(default_factory=dict)
    writes: dict[str, list[Write]] = field(default_factory=lambda: defaultdict(list))
    """By hold."""
    killed: set[str] = field(default_factory=set)
    given_up: set[str] = field(default_factory=set)
    """Holds that a gateway said it could not settle."""
    closed: dict[str, Reading] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one hold, as the store's answers tell."""

    rid: str
    key: str
    host: str
    held: int
    reserves: int
    """Copies of the reserve that were applied: at most one ever should be."""
    settles: int
    back: int
    forfeited: bool
    """Settled with nothing given back."""

    @property
    def charged(self) -> int:
        return self.held * self.reserves - self.back

    @property
    def unconfirmed(self) -> int:
        return self.held * (self.reserves - self.settles + self.forfeited)

    @property
    def lost(self) -> int:
        """Charged because the end of the call never reached the store."""
        return self.held * (self.reserves - self.settles)


def fates(books: Books) -> dict[str, Fate]:
    """Of every hold that was ever applied."""
    found = (_fate(rid, writes) for rid, writes in books.writes.items())
    return {fate.rid: fate for fate in found if fate.reserves}


def _fate(rid: str, writes: list[Write]) -> Fate:
    reserves = [each for each in writes if each.kind is Kind.RESERVE]
    applied = [each for each in reserves if each.applied]
    settles = [each for each in writes if each.kind is Kind.SETTLE and each.applied]
    return Fate(
        rid=rid,
        key=writes[0].key,
        host=writes[0].host,
        held=max((each.amount_nano or 0 for each in reserves), default=0),
        reserves=len(applied),
        settles=len(settles),
        back=sum(each.amount_nano or 0 for each in settles),
        forfeited=any(each.amount_nano is None for each in settles),
    )


def close(books: Books) -> Iterator[str]:
    """The violations that only the end can show."""
    known = fates(books)
    yield from _counters(books, known)
    yield from _calls(books, known)
    yield from _unnamed(books, known)
    names = {ended.rid: f"of call {call}" for call, ended in books.ends.items()}
    for fate in known.values():
        if fate.lost and fate.host not in books.killed and fate.rid not in books.given_up:
            yield f"hold {fate.rid} {names.get(fate.rid, '')}: never settled, and its gateway does not say so"
        if fate.reserves > 1:
            yield f"hold {fate.rid}: {fate.reserves} copies of one reserve were applied"
        if fate.settles > fate.reserves:
            yield f"hold {fate.rid}: settled {fate.settles} times"


def _counters(books: Books, known: dict[str, Fate]) -> Iterator[str]:
    for key, reading in books.closed.items():
        mine = [fate for fate in known.values() if fate.key == key]
        charged, unconfirmed = sum(fate.charged for fate in mine), sum(fate.unconfirmed for fate in mine)
        used = sum(value for name, value in reading.counters.items() if name[0] == "d" and name[1:].isdigit())
        if used != charged:
            yield f"key {key}: {used} is counted, the holds come to {charged}"
        if reading.counters.get("unc", 0) != unconfirmed:
            yield f"key {key}: {reading.counters.get('unc', 0)} is unconfirmed, the holds come to {unconfirmed}"
        if reading.holds:
            yield f"key {key}: {reading.holds} holds are left after the sweep"
    for key in {began.key for began in books.calls.values()} - books.closed.keys():
        yield f"key {key}: the last reading is missing"


def _calls(books: Books, known: dict[str, Fate]) -> Iterator[str]:
    """Every call whose hold is known by name is charged by the rules."""
    for call, ended in books.ends.items():
        asked = books.asked.get(call, [])
        yield from _price(ended, asked)
        fate = known.get(ended.rid or "")
        if fate is None:
            continue
        if fate.settles and not _fits(fate, asked):
            yield f"call {call} was charged {fate.charged} of {fate.held}; {_rule(asked)}"
        if sum(each.bill_nano for each in asked) > fate.held:
            yield f"call {call} was billed more than the {fate.held} that it held"


def _price(ended: Ended, asked: list[Asked]) -> Iterator[str]:
    """What the client was told that the call did cost."""
    if not ended.whole or ended.cost_nano is None:
        return
    if ended.replayed and ended.cost_nano:
        yield f"call {ended.call} was replayed for {ended.cost_nano}"
    elif not ended.replayed and not asked:
        yield f"call {ended.call} was answered by nobody"
    elif asked and asked[-1].owed is Owed.USAGE and ended.cost_nano != asked[-1].bill_nano:
        yield f"call {ended.call} was told to cost {ended.cost_nano} and billed {asked[-1].bill_nano}"


def _fits(fate: Fate, asked: list[Asked]) -> bool:
    owed = asked[-1].owed if asked else Owed.NOTHING
    exact = not fate.forfeited and bool(asked) and fate.held - fate.back == asked[-1].bill_nano
    match owed:
        case Owed.NOTHING:
            return not fate.forfeited and fate.held == fate.back
        case Owed.ALL:
            return fate.forfeited
        case Owed.USAGE:
            return exact
        case Owed.EITHER:
            return exact or fate.forfeited


def _rule(asked: list[Asked]) -> str:
    return f"it owed {asked[-1].bill_nano} ({asked[-1].owed.value})" if asked else "it never reached the provider"


def _unnamed(books: Books, known: dict[str, Fate]) -> Iterator[str]:
    """Holds of calls that were never answered, so that nobody told their names."""
    named = {ended.rid for ended in books.ends.values()}
    silent: dict[tuple[str, str], list[int]] = defaultdict(list)
    for call, began in books.calls.items():
        ended = books.ends.get(call)
        if ended is None or ended.rid is None:
            silent[began.key, began.host].append(call)
    holds: dict[tuple[str, str], list[Fate]] = defaultdict(list)
    for fate in known.values():
        if fate.rid not in named:
            holds[fate.key, fate.host].append(fate)
    for place, mine in holds.items():
        if len(mine) > len(silent[place]):
            yield f"key {place[0]} at {place[1]}: {len(mine)} holds for {len(silent[place])} calls without an answer"
        for fate in mine:
            yield from _nameless(fate, silent[place], books)


def _nameless(fate: Fate, calls: list[int], books: Books) -> Iterator[str]:
    """A hold that must belong to one of these calls."""
    if fate.settles and not any(_fits(fate, books.asked.get(call, [])) for call in calls):
        yield f"hold {fate.rid}: charged {fate.charged} of {fate.held}, which no call of its key owed"
