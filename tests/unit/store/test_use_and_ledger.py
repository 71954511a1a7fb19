"""Sums of uses against the counters of the ledger: equal to the nano-dollar, however the stream tells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.stores import NOON, PATIENT, USD, fresh_table, make_claim, make_key, store_transport

from prxy.canonical.parts import Json
from prxy.local import dynamodb
from prxy.local.stream import Stream
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.reconciling import DynamoReconciliation
from prxy.store.records import Attempted, Hold, Limits, Use, Used
from prxy.store.usage import DynamoUsage

TODAY = "20261122"
LAPSED = NOON + 17 * 60
USE = Use(request_id="req_1", provider="openai", model="gpt-4o-mini")


@dataclass(frozen=True)
class Settled:
    held: int
    actual: int | None
    model: str


@dataclass(frozen=True)
class Died:
    """Between its hold and its settlement."""

    held: int


@dataclass(frozen=True)
class Hits:
    saved: tuple[int, ...]


@dataclass(frozen=True)
class Mended:
    """How an admin settles each of the attempts that are unconfirmed, in turn: at so many thousandths of the hold."""

    thousandths: tuple[int | None, ...]
    """None: not at all."""


Step = Settled | Died | Hits

NANO = st.integers(1, USD)
STEPS = st.lists(
    st.one_of(
        st.builds(Settled, NANO, st.none() | st.integers(0, USD), st.sampled_from(["a", "b"])),
        st.builds(Died, NANO),
        st.builds(Hits, st.lists(st.integers(0, USD), min_size=1, max_size=4).map(tuple)),
    ),
    min_size=1,
    max_size=7,
)


MENDED = st.builds(Mended, st.lists(st.none() | st.integers(0, 1000), max_size=7).map(tuple))


class Life:
    """Of one key: what happened, and what the stream has to tell of it."""

    def __init__(self, ledger: DynamoLedger, usage: DynamoUsage, reconciliation: DynamoReconciliation) -> None:
        self.ledger, self.usage, self.reconciliation = ledger, usage, reconciliation
        self.key = make_key(Limits(per_day_nano=100 * USD, per_month_nano=100 * USD))
        self.saved = self.calls = self._hits = 0

    async def live(self, step: Step) -> None:
        match step:
            case Settled(held=held, actual=actual, model=model):
                hold = await self._held(held)
                await self.ledger.settle(hold, actual, replace(USE, model=model))
                self.calls += 1
            case Died(held=held):
                await self._held(held)
            case Hits(saved=saved):
                hits = [
                    replace(USE, cache="exact-cache", saved_nano=each, at=NOON, nonce=self._name()) for each in saved
                ]
                await self.usage.tell(self.key.id, self.key.tenant, hits)
                self.calls, self.saved = self.calls + len(saved), self.saved + sum(saved)

    async def unconfirmed(self) -> int:
        day, _ = await self.ledger.standings(self.key.id, NOON)
        return day.unconfirmed_nano

    async def mend(self, mended: Mended) -> int:
        """How much is unconfirmed still. Each attempt is settled twice, which is once."""
        page = await self.usage.calls(self.key.id, TODAY, 100)
        unsure = [use for use in page.calls if use.unconfirmed_nano]
        left = 0
        for use, share in zip_longest(unsure, mended.thousandths[: len(unsure)]):
            left += use.unconfirmed_nano if share is None else 0
            for _ in range(0 if share is None else 2):
                cost, attempt = use.unconfirmed_nano * share // 1000, Attempted(at=use.at, nonce=use.nonce)
                await self.reconciliation.reconcile(self.key, attempt, cost, LAPSED)
        return left

    async def _held(self, nano: int) -> Hold:
        return await self.ledger.reserve(self.key, make_claim(self.key, nano))

    def _name(self) -> str:
        self._hits += 1
        return f"hit{self._hits}"


def told_anyhow(draw: st.DataObject, records: Sequence[Json]) -> Sequence[Sequence[Json]]:
    """Each at least once, in any order, cut anywhere."""
    again = draw.draw(st.lists(st.integers(0, len(records) - 1), max_size=4)) if records else []
    order = draw.draw(st.permutations([*range(len(records)), *again]))
    edges = sorted(draw.draw(st.lists(st.integers(0, len(order)), max_size=3)))
    return [[records[at] for at in order[a:b]] for a, b in zip([0, *edges], [*edges, len(order)], strict=True)]


@settings(max_examples=40)
@given(STEPS, MENDED, st.data())
async def test_sums_and_what_is_unconfirmed_are_what_the_ledger_counts(
    steps: Sequence[Step], mended: Mended, data: st.DataObject
) -> None:
    stream = Stream()
    with dynamodb.running(stream) as url:
        async for transport in store_transport():
            table = await fresh_table(transport, url)
            usage = DynamoUsage(table)
            ledger = DynamoLedger(table, reserving=PATIENT, settling=PATIENT)
            life = Life(ledger, usage, DynamoReconciliation(table))
            await DynamoKeyAdministration(table).create(life.key)
            for step in steps:
                await life.live(step)
            await life.ledger.sweep(life.key.id, LAPSED)

            records = stream.take()
            for batch in told_anyhow(data, records):
                assert await usage.keep(batch) == []
            unsure = await life.unconfirmed()
            left = await life.mend(mended)
            for batch in told_anyhow(data, records):
                assert await usage.keep(batch) == []

            total = sum((day.used for day in await usage.days(life.key.id, TODAY, TODAY)), Used())
            day, month = await life.ledger.standings(life.key.id, NOON)

    dead = sum(step.held for step in steps if isinstance(step, Died))
    unknown = sum(step.held for step in steps if isinstance(step, Settled) and step.actual is None)
    assert (total.calls, total.saved_nano) == (life.calls, life.saved)
    assert unsure == dead + unknown
    assert total.unconfirmed_nano == left == day.unconfirmed_nano == month.unconfirmed_nano
    assert total.cost_nano + left == day.spent_nano == month.spent_nano
    assert day.held_nano == 0
