from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from tests.stores import NOON, USD, CountingTransport, LossyTransport, fresh_table, make_claim, make_key

from prxy.canonical.errors import NotFound
from prxy.store.accounts import DynamoKeys
from prxy.store.keys import DynamoKeyAdministration, KeyConflict
from prxy.store.ledger import DynamoLedger
from prxy.store.records import ApiKey, KeyStatus, Limits
from prxy.store.schema import api_key_at
from prxy.store.table import Table


class Clock:
    now = float(NOON)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(table: Table, clock: Clock) -> DynamoKeys:
    return DynamoKeys(table, clock=clock)


FULL = ApiKey(
    id="abcdefghijkl",
    name="ключ №1 🦜",
    tenant="acme#cache#x",
    admin=True,
    status=KeyStatus.FROZEN,
    version=7,
    secret_hash="a" * 64,
    previous_hash="b" * 64,
    previous_until=NOON,
    expires_at=NOON + 1,
    created_at=NOON,
    limits=Limits(per_request_nano=1, per_day_nano=2, per_month_nano=3, requests_per_minute=4, concurrency=5),
    models=("claude-*",),
    pipeline=[{"exact-cache": {"ttlSeconds": 60, "scope": None}}],
    mandatory=("guardrails",),
    modules=(),
    metadata={"team": "red"},
)


async def test_a_key_comes_back_as_it_was_stored(administration: DynamoKeyAdministration) -> None:
    await administration.create(FULL)

    assert await administration.read(FULL.id) == FULL


async def test_an_id_is_never_taken_twice(administration: DynamoKeyAdministration) -> None:
    key = make_key()
    await administration.create(key)

    with pytest.raises(KeyConflict):
        await administration.create(replace(key, name="a thief"))

    assert (await administration.read(key.id)).name == key.name


async def test_a_missing_key_is_not_found(administration: DynamoKeyAdministration) -> None:
    with pytest.raises(NotFound) as refusal:
        await administration.read("nosuchkey000")
    with pytest.raises(NotFound):
        await administration.update(make_key())

    assert refusal.value.code == "key_not_found"


async def test_an_update_raises_the_version_and_leaves_counters_and_holds_alone(
    table: Table, administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = replace(make_key(Limits(per_day_nano=USD)), expires_at=NOON + 100)
    await administration.create(key)
    await ledger.reserve(key, make_claim(key, 5))
    before = await table.get_item(api_key_at(key.id)) or {}

    changed = await administration.update(replace(key, name="renamed", expires_at=None))

    after = await table.get_item(api_key_at(key.id)) or {}
    assert changed.version == 2
    assert await administration.read(key.id) == changed
    assert set(before) - set(after) == {"xp"}
    assert {name for name in after if before[name] != after[name]} == {"doc", "v"}


async def test_of_two_changes_to_the_same_version_one_is_refused(administration: DynamoKeyAdministration) -> None:
    key = make_key()
    await administration.create(key)

    answers = await asyncio.gather(
        *(administration.update(replace(key, name=f"name {at}")) for at in range(5)), return_exceptions=True
    )

    assert sum(isinstance(answer, ApiKey) for answer in answers) == 1
    assert sum(isinstance(answer, KeyConflict) for answer in answers) == 4


async def test_a_change_whose_answer_was_lost_is_known_to_be_made(transport: CountingTransport) -> None:
    lossy = LossyTransport(transport)
    administration = DynamoKeyAdministration(await fresh_table(lossy))
    key = make_key()
    await administration.create(key)

    lossy.arm(0)
    changed = await administration.update(replace(key, name="renamed"))

    assert changed.version == 2
    assert await administration.read(key.id) == changed


async def test_keys_are_listed_by_tenant_and_no_tenant_sees_another(administration: DynamoKeyAdministration) -> None:
    mine = [make_key(tenant="a") for _ in range(3)]
    for key in [*mine, make_key(tenant="a#b"), make_key(tenant="b"), make_key(tenant="A")]:
        await administration.create(key)

    listed = await administration.list("a")

    assert {key.id for key in listed} == {key.id for key in mine}
    assert len(await administration.list()) == 6
    assert await administration.list("nobody") == []


async def test_more_keys_than_one_batch_are_listed(administration: DynamoKeyAdministration) -> None:
    for _ in range(101):
        await administration.create(make_key())

    assert len(await administration.list("acme")) == 101


async def test_a_found_key_is_remembered_for_ten_seconds(
    keys: DynamoKeys, clock: Clock, administration: DynamoKeyAdministration, transport: CountingTransport
) -> None:
    key = make_key()
    await administration.create(key)
    transport.operations.clear()

    found = [await keys.find(key.id) for _ in range(5)]
    clock.now += 9.9
    await keys.find(key.id)
    reads = transport.operations.copy()
    clock.now += 0.1
    await keys.find(key.id)

    assert found == [key] * 5
    assert reads == ["GetItem"]
    assert transport.operations == ["GetItem", "GetItem"]


async def test_an_unknown_id_costs_one_read_a_second(
    keys: DynamoKeys, clock: Clock, transport: CountingTransport
) -> None:
    transport.operations.clear()

    answers = await asyncio.gather(*(keys.find("nosuchkey000") for _ in range(20)))
    clock.now += 1
    await keys.find("nosuchkey000")

    assert answers == [None] * 20
    assert transport.operations == ["GetItem", "GetItem"]


async def test_a_rotated_key_is_seen_when_its_secret_does_not_match(
    keys: DynamoKeys, clock: Clock, administration: DynamoKeyAdministration, transport: CountingTransport
) -> None:
    key = make_key()
    await administration.create(key)
    await keys.find(key.id)
    rotated = await administration.update(replace(key, secret_hash="c" * 64))
    clock.now += 1

    assert await keys.find(key.id) == key
    assert await keys.recheck(key.id) == rotated
    transport.operations.clear()
    assert await keys.recheck(key.id) == rotated
    assert await keys.find(key.id) == rotated
    assert transport.operations == []


async def test_what_a_write_brought_along_is_remembered(
    keys: DynamoKeys, transport: CountingTransport, administration: DynamoKeyAdministration
) -> None:
    key = make_key()
    await administration.create(key)
    transport.operations.clear()

    keys.remember(key)

    assert await keys.find(key.id) == key
    assert transport.operations == []
