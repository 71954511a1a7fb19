"""A copy of a reserve that arrives when nobody waits for it any more leaves no hold behind."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pytest
from tests.stores import NOON, USD, make_claim, make_key

from prxy.canonical.errors import CostLimitExceeded, StoreUnavailable
from prxy.store.attempts import Attempts
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.records import Limits
from prxy.store.table import ConditionFailed, Filled, Item, OutcomeUnknown, Table, Update, Value, Written

CENT = USD // 100


class SlowPath:
    """Keeps a copy of the first write that passes, to be delivered later."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.kept: tuple[Mapping[str, Value], Update | Filled] | None = None

    async def get_item(self, key: Mapping[str, Value], *, consistent: bool = True) -> Item | None:
        return await self._table.get_item(key, consistent=consistent)

    async def update_item(self, key: Mapping[str, Value], update: Update | Filled, *, attempts: Attempts) -> Written:
        self.kept = self.kept or (key, update)
        return await self._table.update_item(key, update, attempts=attempts)

    async def deliver(self) -> None:
        assert self.kept is not None
        with suppress(ConditionFailed):
            await self._table.update_item(*self.kept)


class Resending(SlowPath):
    """The first copy of the first write is late; the second one is what the store answers."""

    async def update_item(self, key: Mapping[str, Value], update: Update | Filled, *, attempts: Attempts) -> Written:
        try:
            return await super().update_item(key, update, attempts=attempts)
        except ConditionFailed as error:
            error.resent = True
            raise


class Unanswering(SlowPath):
    """Nobody answers the first write; it lands between the second and the third."""

    writes = 0

    async def update_item(self, key: Mapping[str, Value], update: Update | Filled, *, attempts: Attempts) -> Written:
        self.writes += 1
        if self.writes == 1:
            self.kept = (key, update)
            raise OutcomeUnknown
        if self.writes == 3:
            await self.deliver()
        return await super().update_item(key, update, attempts=attempts)


async def test_of_a_reserve_that_was_refused(
    administration: DynamoKeyAdministration, ledger: DynamoLedger, table: Table
) -> None:
    key = make_key(Limits(per_day_nano=USD))
    await administration.create(key)
    other = await ledger.reserve(key, make_claim(key, 90 * CENT))
    path = Resending(table)

    with pytest.raises(CostLimitExceeded):
        await DynamoLedger(path).reserve(key, make_claim(key, 30 * CENT))  # type: ignore[arg-type]
    await ledger.settle(other, 0)
    await path.deliver()

    assert (await ledger.standings(key.id, NOON))[0].held_nano == 0


async def test_of_a_reserve_that_was_given_up(
    administration: DynamoKeyAdministration, ledger: DynamoLedger, table: Table
) -> None:
    key = make_key(Limits(per_day_nano=USD))
    await administration.create(key)

    with pytest.raises(StoreUnavailable):
        await DynamoLedger(Unanswering(table)).reserve(key, make_claim(key, 30 * CENT))  # type: ignore[arg-type]

    assert (await ledger.standings(key.id, NOON))[0].held_nano == 0
