"""One call in all that it draws on: its key, and the budgets that the key shares. All of them admit it, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from prxy.canonical.errors import CostLimitExceeded, StoreUnavailable
from prxy.money.payment import left_nano
from prxy.store.ports import Ledger
from prxy.store.records import NO_LIMITS, Account, Claim, Hold, Use


class SharedLedger(Ledger):
    """They are asked side by side, each keeps its own promises, and a crash in between forfeits the amount in each at
    the most.
    """

    def __init__(self, keys: Ledger, budgets: Ledger) -> None:
        self._keys, self._budgets = keys, budgets

    async def reserve(self, account: Account, claim: Claim) -> Hold:
        if not claim.shared:
            return await self._keys.reserve(account, claim)
        beside = replace(claim, limits=NO_LIMITS, shared=())
        own, *shared = await asyncio.gather(
            self._keys.reserve(account, claim),
            *(self._budgets.reserve(budget, beside) for budget in claim.shared),
            return_exceptions=True,
        )
        refusals = [each for each in (own, *shared) if isinstance(each, BaseException)]
        held = [each for each in shared if isinstance(each, Hold)]
        if isinstance(own, Hold) and not refusals:
            return replace(own, shared=tuple(held))
        await asyncio.gather(
            *(self._give_back(self._keys, each) for each in (own,) if isinstance(each, Hold)),
            *(self._give_back(self._budgets, each) for each in held),
        )
        raise _told(refusals)

    async def _give_back(self, ledger: Ledger, hold: Hold) -> None:
        """Where that fails, the ledger has logged it and forfeits the hold later; the refusal is told all the same."""
        with suppress(StoreUnavailable):
            await ledger.settle(hold, 0)

    async def settle(self, hold: Hold, actual_nano: int | None, use: Use | None = None) -> None:
        """What was used stands in the item of the key alone."""
        if not hold.shared:
            return await self._keys.settle(hold, actual_nano, use)
        ends = await asyncio.gather(
            self._keys.settle(hold, actual_nano, use),
            *(self._budgets.settle(each, actual_nano) for each in hold.shared),
            return_exceptions=True,
        )
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return None


def _told(refusals: Sequence[BaseException]) -> BaseException:
    """The key's before the others'; of limits in USD the one that leaves the least, since what fits there fits all."""
    if not isinstance(refusals[0], CostLimitExceeded):
        return refusals[0]
    return min((each for each in refusals if isinstance(each, CostLimitExceeded)), key=left_nano)
