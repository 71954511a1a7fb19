"""A call that is given up while its reserve is on the way leaves nothing behind: no hold, and no place taken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from tests.stores import NOON, USD, make_claim, make_key
from tests.unit.store.test_late_copies import SlowPath

from prxy.catalog import ModelCard
from prxy.money.payment import admit
from prxy.store.attempts import Attempts
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.records import Limits
from prxy.store.schema import HOLDS, api_key_at, mapping
from prxy.store.table import Table, Update, Value, Written

CARD = ModelCard(id="a-model")


class Slow(SlowPath):
    """The first write is answered when it is let go."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.reached, self.released = asyncio.Event(), asyncio.Event()

    async def update_item(self, key: Mapping[str, Value], update: Update, *, attempts: Attempts) -> Written:
        written = await super().update_item(key, update, attempts=attempts)
        self.reached.set()
        await self.released.wait()
        return written


async def test_a_reserve_that_is_given_up_leaves_nothing_behind(
    administration: DynamoKeyAdministration, ledger: DynamoLedger, table: Table
) -> None:
    key = make_key(Limits(per_day_nano=USD))
    await administration.create(key)
    path = Slow(table)
    waiting = asyncio.create_task(admit(DynamoLedger(path), key, make_claim(key, USD // 2), CARD))  # type: ignore[arg-type]
    await asyncio.wait_for(path.reached.wait(), 30)
    assert (await ledger.standings(key.id, NOON))[0].held_nano == USD // 2

    waiting.cancel()
    path.released.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    day, month = await ledger.standings(key.id, NOON)
    item = await table.get_item(api_key_at(key.id))
    assert [(each.held_nano, each.spent_nano) for each in (day, month)] == [(0, 0)] * 2
    assert item is not None
    assert not mapping(item[HOLDS])
