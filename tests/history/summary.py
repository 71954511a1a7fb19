"""What a run came to, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.history.checker import Checker
from tests.history.closing import fates
from tests.history.events import Asked
from tests.history.run import Stage


def summarise(stage: Stage) -> Iterator[str]:
    bills = [event.bill_nano for event in stage.log if isinstance(event, Asked)]
    yield f"calls: {stage.clients.calls} ({_listed(stage.clients.counts)})"
    yield f"provider: {len(bills)} requests, {sum(bills)} nano-USD billed ({_listed(stage.provider.counts)})"
    yield f"store: {sum(stage.faulty.counts.values())} requests ({_listed(stage.faulty.counts)})"
    yield f"run: {_listed(stage.counts)}"
    yield from _excess(stage)


def _excess(stage: Stage) -> Iterator[str]:
    """What is charged because the end of a call was lost."""
    checker = Checker()
    for event in stage.log:
        checker.feed(event)
    books = checker.books
    holds = fates(books)
    lost: Counter[str] = Counter()
    for fate in holds.values():
        if fate.lost:
            lost["by kills" if fate.host in books.killed else "by faults of the store"] += fate.lost
    yield f"holds: {len(holds)}, {sum(fate.charged for fate in holds.values())} nano-USD charged"
    yield f"excess: {sum(lost.values())} nano-USD ({_listed(lost)})"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.most_common())
