"""What caches answered: told some seconds later, several calls in a write, each once, and never on a call's way."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from msgspec.structs import replace
from tests.stores import CREDENTIALS, REGION, CountingTransport, fresh_table, store_transport
from tests.unit.telemetry.records import ANSWERED, BEGAN_AT, PLAIN, REFUSAL

from prxy.call_record import CallRecord
from prxy.canonical.errors import StoreUnavailable
from prxy.hits import TOGETHER, HitJournal
from prxy.local import dynamodb
from prxy.local.stream import Stream
from prxy.providers.aws.credentials import FixedCredentials
from prxy.store.dynamodb import Address, make_table
from prxy.store.ports import HitKeeper
from prxy.store.records import Use, Used
from prxy.store.table import Table
from prxy.store.usage import DynamoUsage

DAY = "20260921"
NEVER_S = 3600.0
HIT = replace(
    PLAIN, spared="google/gemini-2.5-flash", model="gemini-2.5-flash", cache="exact-cache", cost_nano=0, saved_nano=7
)


class Place:
    """A table, what its stream tells, and what is read of both."""

    def __init__(self, name: str, table: Table, stream: Stream, transport: CountingTransport) -> None:
        self.name = name
        self.usage, self.stream, self._transport = DynamoUsage(table), stream, transport

    @property
    def writes(self) -> int:
        return self._transport.operations.count("PutItem")

    async def sums(self, key_id: str = "k1") -> Used:
        await self.usage.keep(self.stream.take())
        return sum((day.used for day in await self.usage.days(key_id, DAY, DAY)), Used())


@pytest.fixture
def store() -> Iterator[tuple[str, Stream]]:
    stream = Stream()
    with dynamodb.running(stream) as url:
        yield url, stream


@pytest.fixture
async def place(store: tuple[str, Stream]) -> AsyncIterator[Place]:
    url, stream = store
    async for each in store_transport():
        transport = CountingTransport(each)
        name = f"prxy-{secrets.token_hex(6)}"
        yield Place(name, await fresh_table(transport, url, name), stream, transport)


class Moody(HitKeeper):
    """Refuses so many times, and then does as another one does."""

    def __init__(self, inner: HitKeeper, refusals: int, *, after_all: bool = False) -> None:
        self._inner, self.refusals, self._after_all = inner, refusals, after_all

    async def tell(self, key_id: str, tenant: str, hits: Sequence[Use]) -> None:
        self.refusals -= 1
        if self.refusals < 0 or self._after_all:
            await self._inner.tell(key_id, tenant, hits)
        if self.refusals >= 0:
            raise StoreUnavailable


async def noted(journal: HitJournal, *records: CallRecord) -> None:
    for each in records:
        await journal.note(each)


async def until_told(place: Place) -> None:
    for _ in range(100):
        if place.writes:
            return
        await asyncio.sleep(0.05)


async def test_hits_wait_for_one_another_and_are_told_in_one_write(place: Place) -> None:
    journal = HitJournal(place.usage, every_s=0.05)

    await noted(journal, HIT, replace(HIT, request_id="req_2"), replace(HIT, request_id="req_3"))
    before = place.writes
    await until_told(place)
    await journal.aclose()

    assert (before, place.writes) == (0, 1)
    assert await place.sums() == Used(calls=3, saved_nano=21)


async def test_each_hit_has_a_record_of_its_own(place: Place) -> None:
    journal = HitJournal(place.usage)
    record = replace(
        HIT,
        requested_model="fast",
        model="gemini-2.5-flash-001",
        admitted_s=0.012,
        first_byte_s=0.001,
        total_s=0.02,
        modules={"exact-cache": 0.001},
    )

    await noted(journal, record)
    await journal.aclose()
    await place.usage.keep(place.stream.take())

    [use] = (await place.usage.calls("k1", DAY, 10)).calls
    assert replace(use, nonce="") == Use(
        request_id="req_1",
        provider="google",
        model="gemini-2.5-flash",
        asked="fast",
        answered="gemini-2.5-flash-001",
        admitted_ms=12,
        first_byte_ms=1,
        lasted_ms=20,
        modules=("exact-cache",),
        cache="exact-cache",
        saved_nano=7,
        at=int(BEGAN_AT),
    )


async def test_what_no_cache_answered_is_told_by_nobody_here(place: Place) -> None:
    journal = HitJournal(place.usage)

    await noted(journal, PLAIN, ANSWERED, replace(PLAIN, replayed=True))
    await journal.note(REFUSAL)
    await journal.aclose()

    assert place.writes == 0


async def test_many_hits_do_not_wait_for_their_time(place: Place) -> None:
    journal = HitJournal(place.usage, every_s=NEVER_S)

    await noted(journal, *([HIT] * TOGETHER))
    await until_told(place)
    waiting = place.writes
    await journal.aclose()

    assert (waiting, place.writes) == (1, 1)
    assert await place.sums() == Used(calls=TOGETHER, saved_nano=7 * TOGETHER)


async def test_keys_are_told_apart(place: Place) -> None:
    journal = HitJournal(place.usage, every_s=NEVER_S)

    await noted(journal, HIT, replace(HIT, key_id="k2"), HIT)
    await journal.aclose()

    records = place.stream.take()
    await place.usage.keep(records)
    assert len(records) == place.writes == 2
    assert (await place.sums()).calls == 2
    assert (await place.sums("k2")).calls == 1


async def test_what_the_table_did_not_take_is_told_with_the_next(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    journal = HitJournal(Moody(place.usage, 2), every_s=0.02)

    await noted(journal, HIT, HIT)
    await until_told(place)
    await noted(journal, HIT)
    await journal.aclose()

    assert [vars(each)["calls"] for each in caplog.records if each.message == "hits_wait"] == [2, 2]
    assert await place.sums() == Used(calls=3, saved_nano=21)


async def test_a_write_whose_answer_was_lost_counts_once(place: Place) -> None:
    journal = HitJournal(Moody(place.usage, 1, after_all=True), every_s=NEVER_S)

    await noted(journal, HIT, HIT)
    await journal.aclose()
    await noted(journal, HIT)
    await journal.aclose()

    assert (await place.sums()).calls == 3


async def test_two_processes_do_not_overwrite_each_other(place: Place) -> None:
    journals = [HitJournal(place.usage, every_s=NEVER_S) for _ in range(3)]

    for journal in journals:
        await noted(journal, HIT, HIT)
    await asyncio.gather(*(journal.aclose() for journal in journals))

    assert await place.sums() == Used(calls=6, saved_nano=42)


async def test_no_more_than_so_many_wait_and_the_log_counts_the_rest(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Moody(place.usage, 1)
    journal = HitJournal(broken, every_s=NEVER_S, most=5)

    await noted(journal, *([HIT] * 8))
    with caplog.at_level(logging.ERROR):
        await journal.aclose()

    told = [(each.message, vars(each)["calls"], vars(each)["saved_nano"]) for each in caplog.records]
    assert told == [("hits_wait", 5, 35), ("hits_lost", 3, 21), ("hits_lost", 5, 35)]


class Anew(HitKeeper):
    """Over a connection of its own each time, since those belong to a loop."""

    def __init__(self, url: str, table: str) -> None:
        self._url, self._table = url, table

    async def tell(self, key_id: str, tenant: str, hits: Sequence[Use]) -> None:
        address = Address(region=REGION, endpoint=self._url)
        async for transport in store_transport():
            table = make_table(self._table, transport, address, FixedCredentials(CREDENTIALS), patience=30.0)
            await DynamoUsage(table).tell(key_id, tenant, hits)


async def test_a_hit_behind_a_loop_that_ended_tells_those_before_it(place: Place, store: tuple[str, Stream]) -> None:
    """As where every call is given a loop of its own."""
    journal = HitJournal(Anew(store[0], place.name), every_s=0.1)

    async def later() -> None:
        await asyncio.sleep(0.3)
        await noted(journal, HIT)
        await asyncio.sleep(0.01)
        await journal.aclose()

    await asyncio.to_thread(asyncio.run, noted(journal, HIT, HIT))
    before = place.stream.take()
    await asyncio.to_thread(asyncio.run, later())

    assert before == []
    assert (await place.sums()).calls == 3
