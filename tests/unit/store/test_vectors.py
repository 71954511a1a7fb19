"""The port of vectors, over both of its adapters, and what each does beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest
from tests.stores import CREDENTIALS, NOON, REGION, CountingTransport, store_transport
from tests.unit.store.s3_vectors_double import BUCKET, Fault, S3VectorsDouble, running_s3_vectors

from prxy.canonical.errors import StoreUnavailable
from prxy.providers.aws.credentials import FixedCredentials
from prxy.providers.transport import Transport
from prxy.store.attempts import READ, Attempts
from prxy.store.ports import Shelf, VectorStore
from prxy.store.s3_vectors import SWEEP_EVERY, Bucket, S3Vectors
from prxy.store.schema import shelf_partition
from prxy.store.table import Item, Query, StoreRejected, Table
from prxy.store.vectors import PAGE, REFRESH_S, DynamoVectors

SHELF = Shelf(tenant="acme", name="greetings")


class Clock:
    now = float(NOON)

    def __call__(self) -> float:
        return self.now


def at(degrees: float, *more: float) -> list[float]:
    """A vector in that direction, whose cosine with `at(0)` is the cosine of the angle."""
    return [3 * math.cos(math.radians(degrees)), 3 * math.sin(math.radians(degrees)), *more]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def service() -> Iterator[S3VectorsDouble]:
    with running_s3_vectors() as double:
        yield double


@pytest.fixture
def s3(service: S3VectorsDouble) -> S3VectorsDouble:
    service.indexes.clear()
    service.operations.clear()
    service.broken = None
    return service


def s3_vectors(double: S3VectorsDouble, transport: Transport, clock: Clock) -> S3Vectors:
    bucket = Bucket(name=BUCKET, region=REGION, endpoint=double.url)
    return S3Vectors(bucket, transport, FixedCredentials(CREDENTIALS), clock=clock)


@pytest.fixture(params=["table", "s3"])
async def make(request: pytest.FixtureRequest, table: Table, s3: S3VectorsDouble, clock: Clock) -> object:
    """Makes what one process has of the store."""
    if request.param == "table":
        yield partial(DynamoVectors, table, clock=clock)
        return
    async for transport in store_transport():
        yield partial(s3_vectors, s3, transport, clock)


@pytest.fixture
def store(make: Callable[[], VectorStore]) -> VectorStore:
    return make()


async def test_what_is_near_enough_is_found_the_nearest_first(store: VectorStore) -> None:
    for degrees in (40, 10, 80, 20):
        await store.add(SHELF, f"at {degrees}", at(degrees), 60)

    assert await store.nearest(SHELF, at(0), 0.9) == ["at 10", "at 20"]
    assert await store.nearest(SHELF, at(0), 0.99) == []
    assert await store.nearest(SHELF, at(85), 0.9) == ["at 80"]


async def test_a_vector_finds_itself_at_the_greatest_similarity(store: VectorStore) -> None:
    vector = [math.sin(i * i) for i in range(1536)]
    await store.add(SHELF, "itself", vector, 60)

    assert await store.nearest(SHELF, vector, 1.0) == ["itself"]
    assert await store.nearest(SHELF, [2 * each for each in vector], 1.0) == ["itself"]


async def test_a_shelf_that_nobody_wrote_to_is_empty(store: VectorStore) -> None:
    assert await store.nearest(SHELF, at(0), 0.1) == []


@pytest.mark.parametrize(
    "other",
    [
        Shelf(tenant="other", name="greetings"),
        Shelf(tenant="acme", name="farewells"),
        Shelf(tenant="acme#shelf#greetings", name=""),
    ],
)
async def test_nothing_is_found_from_another_shelf(store: VectorStore, other: Shelf) -> None:
    await store.add(SHELF, "hello", at(0), 60)
    await store.add(other, "elsewhere", at(1), 60)

    assert await store.nearest(SHELF, at(0), 0.5) == ["hello"]
    assert await store.nearest(other, at(0), 0.5) == ["elsewhere"]


async def test_an_expired_vector_leaves_the_next_best_within_reach(store: VectorStore, clock: Clock) -> None:
    await store.add(SHELF, "best", at(0), 60)
    await store.add(SHELF, "second", at(10), 120)

    both = await store.nearest(SHELF, at(0), 0.9)
    clock.now += 60
    one = await store.nearest(SHELF, at(0), 0.9)
    clock.now += 60
    none = await store.nearest(SHELF, at(0), 0.9)

    assert (both, one, none) == (["best", "second"], ["second"], [])


async def test_many_expired_vectors_never_hide_a_live_one(store: VectorStore, clock: Clock) -> None:
    for number in range(30):
        await store.add(SHELF, f"stale {number}", at(0.01 * number), 10)
    await store.add(SHELF, "live", at(15), 60)

    clock.now += 10

    assert await store.nearest(SHELF, at(0), 0.9) == ["live"]


async def test_a_name_is_given_once_however_often_it_was_added(store: VectorStore, clock: Clock) -> None:
    await store.add(SHELF, "again", at(0), 10)
    clock.now += 5
    await store.add(SHELF, "again", at(1), 60)

    assert await store.nearest(SHELF, at(0), 0.9) == ["again"]
    clock.now += 10
    assert await store.nearest(SHELF, at(0), 0.9) == ["again"]


async def test_vectors_of_another_length_are_out_of_the_way(store: VectorStore) -> None:
    await store.add(SHELF, "short", at(0), 60)
    await store.add(SHELF, "long", at(0, 0.0), 60)

    assert await store.nearest(SHELF, at(0), 0.9) == ["short"]
    assert await store.nearest(SHELF, at(0, 0.0), 0.9) == ["long"]


async def test_another_process_finds_what_was_added(make: Callable[[], VectorStore], clock: Clock) -> None:
    one, other = make(), make()
    await one.add(SHELF, "first", at(0), 60)
    before = await other.nearest(SHELF, at(0), 0.9)
    clock.now += 1
    await one.add(SHELF, "second", at(10), 60)

    clock.now += REFRESH_S

    assert before == ["first"]
    assert await other.nearest(SHELF, at(0), 0.9) == ["first", "second"]


@pytest.fixture
def vectors(table: Table, clock: Clock) -> DynamoVectors:
    return DynamoVectors(table, clock=clock)


async def test_a_shelf_is_read_once_and_own_writes_are_known_at_once(
    vectors: DynamoVectors, transport: CountingTransport, clock: Clock
) -> None:
    await vectors.nearest(SHELF, at(0), 0.9)
    transport.operations.clear()

    await vectors.add(SHELF, "mine", at(0), 60)
    clock.now += REFRESH_S - 1
    found = await vectors.nearest(SHELF, at(0), 0.9)

    assert found == ["mine"]
    assert transport.operations == ["PutItem"]


async def test_a_clock_that_runs_behind_hides_nothing_from_a_refresh(
    table: Table, vectors: DynamoVectors, clock: Clock
) -> None:
    behind = Clock()
    behind.now -= 4
    await vectors.nearest(SHELF, at(0), 0.9)
    clock.now += 1
    await DynamoVectors(table, clock=behind).add(SHELF, "late", at(0), 60)

    clock.now += REFRESH_S

    assert await vectors.nearest(SHELF, at(0), 0.9) == ["late"]


async def test_an_entry_that_names_another_tenant_is_no_entry(table: Table, vectors: DynamoVectors) -> None:
    await vectors.add(SHELF, "stolen", at(0), 60)
    (item,) = await table.query(Query(expression="pk = :p", values={":p": shelf_partition("acme", "greetings")}))
    await table.put_item({**item, "pk": shelf_partition("thief", "greetings")})

    assert await vectors.nearest(Shelf(tenant="thief", name="greetings"), at(0), 0.9) == []


async def test_an_entry_takes_little_more_than_two_kilobytes(table: Table, vectors: DynamoVectors) -> None:
    await vectors.add(SHELF, "a" * 64, [math.sin(i) for i in range(1536)], 60)

    (item,) = await table.query(Query(expression="pk = :p", values={":p": shelf_partition("acme", "greetings")}))

    assert len(str(item["vec"])) == 2048
    assert sum(len(name) + len(str(value)) for name, value in item.items()) < 2300


class Faltering(Table):
    """Gives up on the reads whose turn (from 0) is named, and notes from where each begins."""

    def __init__(self, inner: Table, *gives_up: int) -> None:
        self._inner, self._gives_up = inner, gives_up
        self.edges: list[str] = []

    async def query(self, query: Query, *, attempts: Attempts = READ) -> Sequence[Item]:
        self.edges.append(str(query.values[":s"]))
        if len(self.edges) - 1 in self._gives_up:
            raise StoreUnavailable
        return await self._inner.query(query, attempts=attempts)


async def test_a_load_that_was_given_up_goes_on_where_it_stopped(
    table: Table, vectors: DynamoVectors, clock: Clock
) -> None:
    for number in range(PAGE + 2):
        clock.now += 0.001
        await vectors.add(SHELF, f"{number}", at(90) if number else at(0), 60)
    faltering = Faltering(table, 1)
    elsewhere = DynamoVectors(faltering, clock=clock)

    with pytest.raises(StoreUnavailable):
        await elsewhere.nearest(SHELF, at(0), 0.9)
    found = await elsewhere.nearest(SHELF, at(0), 0.9)

    assert found == ["0"]
    first, refused, again = faltering.edges
    assert first < refused == again


async def test_the_shelf_that_was_used_longest_ago_makes_room(
    table: Table, transport: CountingTransport, clock: Clock
) -> None:
    vectors = DynamoVectors(table, clock=clock, kept_bytes=150)
    first, second = (Shelf(tenant="acme", name=name) for name in ("first", "second"))
    for shelf in (first, second):
        await vectors.add(shelf, shelf.name, at(0), 60)
        await vectors.nearest(shelf, at(0), 0.9)
    transport.operations.clear()

    assert await vectors.nearest(second, at(0), 0.9) == ["second"]
    assert transport.operations == []
    assert await vectors.nearest(first, at(0), 0.9) == ["first"]
    assert transport.operations == ["Query"]


@pytest.fixture
async def in_s3(s3: S3VectorsDouble, clock: Clock) -> object:
    async for transport in store_transport():
        yield s3_vectors(s3, transport, clock)


async def test_an_index_is_made_for_each_tenant_by_its_first_write(in_s3: S3Vectors, s3: S3VectorsDouble) -> None:
    await in_s3.add(SHELF, "one", at(0), 60)
    await in_s3.add(SHELF, "two", at(0), 60)
    await in_s3.add(Shelf(tenant="other", name="greetings"), "three", at(0), 60)

    first_write = ["PutVectors", "CreateIndex", "PutVectors"]
    assert s3.operations == [*first_write, "PutVectors", *first_write]
    assert sorted(len(vectors) for _, vectors in s3.indexes.values()) == [1, 2]


async def test_writers_delete_what_has_expired(in_s3: S3Vectors, s3: S3VectorsDouble, clock: Clock) -> None:
    for number in range(SWEEP_EVERY - 1):
        await in_s3.add(SHELF, f"stale {number}", at(number), 10)
    clock.now += 10

    await in_s3.add(SHELF, "live", at(0), 60)

    ((_, vectors),) = s3.indexes.values()
    assert list(vectors) == ["live"]


async def test_a_refusal_of_the_service_is_told_by_its_word(in_s3: S3Vectors, s3: S3VectorsDouble) -> None:
    s3.broken = Fault(403, "AccessDeniedException")

    with pytest.raises(StoreRejected) as caught:
        await in_s3.nearest(SHELF, at(0), 0.9)

    assert caught.value.fault == "AccessDeniedException"
