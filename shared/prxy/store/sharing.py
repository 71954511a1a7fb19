"""Two budgets for one call: its key's and its tenant's, held in parallel. Both admit it, or neither does."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from msgspec.structs import replace

from prxy.canonical.errors import StoreUnavailable
from prxy.store.ports import Ledger
from prxy.store.records import NO_LIMITS, Account, Claim, Hold, Use


class SharedLedger(Ledger):
    """Each of the two ledgers keeps its own promises; a crash in between forfeits the amount in each at the most."""

    def __init__(self, keys: Ledger, tenants: Ledger) -> None:
        self._keys, self._tenants = keys, tenants

    async def reserve(self, account: Account, claim: Claim) -> Hold:
        if claim.tenant is None:
            return await self._keys.reserve(account, claim)
        own, shared = await asyncio.gather(
            self._keys.reserve(account, claim),
            self._tenants.reserve(claim.tenant, replace(claim, limits=NO_LIMITS)),
            return_exceptions=True,
        )
        if isinstance(own, Hold) and isinstance(shared, Hold):
            return replace(own, shared=shared)
        if isinstance(own, Hold):
            await self._give_back(self._keys, own)
        if isinstance(shared, Hold):
            await self._give_back(self._tenants, shared)
        raise next(error for error in (own, shared) if isinstance(error, BaseException))

    async def _give_back(self, ledger: Ledger, hold: Hold) -> None:
        """Where that fails, the ledger has logged it and forfeits the hold later; the refusal is told all the same."""
        with suppress(StoreUnavailable):
            await ledger.settle(hold, 0)

    async def settle(self, hold: Hold, actual_nano: int | None, use: Use | None = None) -> None:
        """What was used stands in the item of the key alone."""
        if hold.shared is None:
            return await self._keys.settle(hold, actual_nano, use)
        ends = await asyncio.gather(
            self._keys.settle(hold, actual_nano, use),
            self._tenants.settle(hold.shared, actual_nano),
            return_exceptions=True,
        )
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return None
