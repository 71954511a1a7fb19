"""Whether a history keeps the promises about money. Pure: a list of events in, a list of violations out.

At every reading of the counters: what was billed before it began <= the counter <= the limits that were in force.
In the end: the counter is the sum of what the rules charge, to the nano; holds whose end was lost are charged in full
and shown as unconfirmed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from tests.history.closing import Books, close
from tests.history.events import (
    Answered,
    Asked,
    Began,
    Ended,
    Event,
    GaveUp,
    Killed,
    Kind,
    Limited,
    Reading,
    ReadingBegan,
    Revoked,
    Write,
)

REFUSALS = frozenset(
    "budget_store_unavailable concurrency cost_limit_per_day cost_limit_per_month cost_limit_per_request "
    "idempotency_in_progress idempotency_key_reused invalid_api_key requests_per_minute".split()
)
"""Codes that promise that no provider was reached."""


@dataclass(slots=True)
class Account:
    """What is known of one key while its events go by."""

    billed: int = 0
    billed_before_reading: int = 0
    limit: int = 0
    """The highest that may be in force now."""
    since: int = 0
    """The highest that may have been in force since the last reading began."""
    next_since: int = 0
    last: Mapping[str, int] = field(default_factory=dict)
    revoked: bool = False


class Checker:
    def __init__(self) -> None:
        self.violations: list[str] = []
        self.books = Books()
        self._accounts: dict[str, Account] = defaultdict(Account)
        self._reserved: set[str] = set()
        self._done_words: set[str] = set()
        self._barred: dict[int, str] = {}
        """Calls that must not reach the provider, and why."""
        self._running: dict[str, int] = {}
        """Idempotency-Key -> the call of it that the provider is answering."""

    def feed(self, event: Event) -> None:
        match event:
            case Limited() | Revoked() | Killed() | GaveUp():
                self._change(event)
            case Began() | Ended() | Asked() | Answered():
                self._call(event)
            case Write():
                self._write(event)
            case ReadingBegan(key=key):
                account = self._accounts[key]
                account.billed_before_reading, account.next_since = account.billed, account.limit
            case Reading():
                self._read(event)
            case _:
                assert_never(event)

    def _change(self, event: Limited | Revoked | Killed | GaveUp) -> None:
        match event:
            case Limited():
                self._limit(event)
            case Revoked(key=key):
                self._accounts[key].revoked = True
            case Killed(host=host):
                self.books.killed.add(host)
            case GaveUp(rid=rid):
                self.books.given_up.add(rid)

    def _call(self, event: Began | Ended | Asked | Answered) -> None:
        match event:
            case Began():
                self._begin(event)
            case Asked():
                self._ask(event)
            case Answered(call=call):
                self._running = {word: each for word, each in self._running.items() if each != call}
            case Ended():
                self._end(event)

    def _limit(self, event: Limited) -> None:
        account = self._accounts[event.key]
        account.limit = event.limit_nano if event.done else max(account.limit, event.limit_nano)
        account.since = max(account.since, account.limit)
        account.next_since = max(account.next_since, account.limit)

    def _begin(self, event: Began) -> None:
        self.books.calls[event.call] = event
        if self._accounts[event.key].revoked:
            self._barred[event.call] = "began after its key was revoked"
        elif event.word in self._done_words:
            self._barred[event.call] = "repeats a call that had ended"

    def _end(self, event: Ended) -> None:
        began = self.books.calls[event.call]
        self.books.ends[event.call] = event
        asked = self.books.asked.get(event.call, [])
        if asked and event.code in REFUSALS:
            self._object(f"call {event.call} was refused ({event.code}) and reached the provider")
        if asked and event.replayed:
            self._object(f"call {event.call} was replayed and reached the provider")
        if event.code in REFUSALS or event.replayed:
            self._barred.setdefault(event.call, "was refused or replayed")
        if event.code == "idempotency_result_too_large":
            self._object(f"call {event.call} was told that its answer, which is short, was too long to be kept")
        if event.rid and asked and event.rid not in self._reserved:
            self._object(f"call {event.call} reached the provider without a hold")
        if began.word and event.whole:
            self._done_words.add(began.word)

    def _ask(self, event: Asked) -> None:
        began = self.books.calls[event.call]
        self.books.asked.setdefault(event.call, []).append(event)
        self._accounts[began.key].billed += event.bill_nano
        if event.call in self._barred:
            self._object(f"call {event.call} reached the provider, but {self._barred[event.call]}")
        if began.word is None:
            return
        other = self._running.setdefault(began.word, event.call)
        if other != event.call:
            self._object(f"calls {other} and {event.call} of one Idempotency-Key ran at the same time")

    def _write(self, event: Write) -> None:
        self.books.writes[event.rid].append(event)
        if event.kind is Kind.RESERVE and event.applied:
            self._reserved.add(event.rid)

    def _read(self, event: Reading) -> None:
        account = self._accounts[event.key]
        days, months = _sum(event.counters, "d"), _sum(event.counters, "m")
        if days != months:
            self._object(f"key {event.key}: the days come to {days}, the months to {months}")
        if days < account.billed_before_reading:
            self._object(f"key {event.key}: {account.billed_before_reading} was billed, {days} is counted")
        for window, used in _windows(event.counters, "d"):
            most = max(account.since, account.last.get(window, 0))
            if used > most:
                self._object(f"key {event.key}: {used} is counted in {window}, {most} was allowed")
        account.last, account.since = event.counters, account.next_since
        if event.closed:
            self.books.closed[event.key] = event

    def _object(self, violation: str) -> None:
        self.violations.append(violation)


def check(log: Iterable[Event]) -> Sequence[str]:
    """What is wrong with the history, in sentences; nothing where all promises were kept."""
    checker = Checker()
    for event in log:
        checker.feed(event)
    return [*checker.violations, *close(checker.books)]


def _windows(counters: Mapping[str, int], kind: str) -> Iterable[tuple[str, int]]:
    return ((name, value) for name, value in counters.items() if name[0] == kind and name[1:].isdigit())


def _sum(counters: Mapping[str, int], kind: str) -> int:
    return sum(value for _, value in _windows(counters, kind))
