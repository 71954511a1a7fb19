"""What nobody's call does: uses are added up as the stream tells them, and dead holds of idle accounts are charged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from msgspec import Struct

from prxy.canonical.errors import NotFound
from prxy.canonical.parts import Json
from prxy.store.ports import BudgetAdministration, KeyAdministration, Sweeper, UseKeeper

AT_ONCE = 16
"""Accounts that are read side by side."""


class Housekeeping(Struct, frozen=True, kw_only=True):
    keys: KeyAdministration
    budgets: BudgetAdministration
    of_keys: Sweeper
    of_budgets: Sweeper
    use: UseKeeper
    """Reads what the stream of the table tells."""
    clock: Callable[[], float]
    """Epoch seconds."""

    async def sweep(self) -> int:
        """Forfeit every hold that outlived its call; how many there were. Raises StoreUnavailable."""
        now, limit = int(self.clock()), asyncio.Semaphore(AT_ONCE)
        keys, tenants, projects = await asyncio.gather(
            self.keys.list(), self.budgets.of_tenants(), self.budgets.of_projects()
        )
        return sum(
            await asyncio.gather(
                _each(self.of_keys, (key.id for key in keys), now, limit),
                _each(self.of_budgets, (budget.id for budget in (*tenants, *projects)), now, limit),
            )
        )

    async def answer(self, event: object) -> dict[str, Json]:
        """Of Lambda: what the stream tells is kept, anything else means that it is time to sweep.

        Where something could not be kept, the stream tells everything from there on again:
        https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html (as of 2026-11-22).
        """
        match event:
            case {"Records": [*records]}:
                waiting = await self.use.keep(records)
                failures = [{"itemIdentifier": _sequence_number(records[at])} for at in waiting[:1]]
                return {"batchItemFailures": failures}
            case _:
                return {"forfeited": await self.sweep()}


def _sequence_number(record: Json) -> Json:
    assert isinstance(record, Mapping), "only what was understood can wait"
    return record["dynamodb"]["SequenceNumber"]


async def _each(sweeper: Sweeper, ids: Iterable[str], now: int, limit: asyncio.Semaphore) -> int:
    async def one(account_id: str) -> int:
        swept = 0
        async with limit:
            while found := await _forfeited(sweeper.sweep(account_id, now)):
                swept += found
        return swept

    return sum(await asyncio.gather(*map(one, ids)))


async def _forfeited(sweeping: Awaitable[int]) -> int:
    """None of an account that was removed by hand since it was listed."""
    try:
        return await sweeping
    except NotFound:
        return 0
