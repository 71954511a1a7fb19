"""What nobody's call does: dead holds of accounts that are idle become charges that are shown as unconfirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from prxy.canonical.errors import NotFound
from prxy.store.ports import KeyAdministration, Sweeper, TenantAdministration

AT_ONCE = 16
"""Accounts that are read side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Housekeeping:
    keys: KeyAdministration
    tenants: TenantAdministration
    of_keys: Sweeper
    of_tenants: Sweeper
    clock: Callable[[], float]
    """Epoch seconds."""

    async def sweep(self) -> int:
        """Forfeit every hold that outlived its call; how many there were. Raises StoreUnavailable."""
        now, limit = int(self.clock()), asyncio.Semaphore(AT_ONCE)
        keys, tenants = await asyncio.gather(self.keys.list(), self.tenants.list())
        return sum(
            await asyncio.gather(
                _each(self.of_keys, (key.id for key in keys), now, limit),
                _each(self.of_tenants, (tenant.id for tenant in tenants), now, limit),
            )
        )


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
