"""Keys and the budgets that they share, as the gateway finds them: fast, and perhaps some seconds old."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from prxy.store.ports import Budgets, Keys
from prxy.store.records import Account, ApiKey, Budget
from prxy.store.schema import api_key_at, budget_at, parse_api_key, parse_budget
from prxy.store.table import Item, Table

KEPT = 10_000
"""Accounts of a kind that one process remembers."""
AGAIN_S = 1.0
"""The soonest that one id is read again, however often a wrong secret or an unknown id is tried."""

A = TypeVar("A", ApiKey, Budget)


class Seen(Struct, frozen=True):
    account: Account | None
    at: float


class Kind(Struct, Generic[A], frozen=True):
    of: type[A]
    at: Callable[[str], Item]
    parse: Callable[[Item], A]


class Remembered(Generic[A]):
    """Keeps for `ttl_s` what it read: enough to check a secret, since every reserve checks authority anew."""

    kind: Kind[A]

    def __init__(self, table: Table, *, ttl_s: float = 10.0, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._ttl_s = ttl_s
        self._clock = clock
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self._reading: dict[str, asyncio.Lock] = {}

    async def find(self, account_id: str) -> A | None:
        seen = self._seen.get(account_id)
        if seen is None or self._age(seen) >= (self._absent_s if seen.account is None else self._ttl_s):
            return await self._read(account_id, consistent=False)
        return self._of(seen)

    def remember(self, account: Account) -> None:
        """A fresher copy came along with the answer to a write."""
        self._keep(account.id, account)

    @property
    def _absent_s(self) -> float:
        """How long nobody looks again for what is not there."""
        return self._ttl_s

    def _age(self, seen: Seen) -> float:
        return self._clock() - seen.at

    def _of(self, seen: Seen) -> A | None:
        return seen.account if isinstance(seen.account, self.kind.of) else None

    async def _read(self, account_id: str, *, consistent: bool) -> A | None:
        """Those who ask for the same id at the same time wait for one read."""
        lock = self._reading.setdefault(account_id, asyncio.Lock())
        try:
            async with lock:
                seen = self._seen.get(account_id)
                if seen is None or self._age(seen) >= AGAIN_S:
                    item = await self._table.get_item(self.kind.at(account_id), consistent=consistent)
                    seen = self._keep(account_id, self.kind.parse(item) if item else None)
                return self._of(seen)
        finally:
            if not lock.locked():
                self._reading.pop(account_id, None)

    def _keep(self, account_id: str, account: Account | None) -> Seen:
        seen = self._seen[account_id] = Seen(account, self._clock())
        self._seen.move_to_end(account_id)
        if len(self._seen) > KEPT:
            self._seen.popitem(last=False)
        return seen


class DynamoKeys(Remembered[ApiKey], Keys):
    kind = Kind(ApiKey, api_key_at, parse_api_key)

    async def recheck(self, key_id: str) -> ApiKey | None:
        """The key as it stands now, for a secret that did not match the copy found: it may have been rotated.

        Reads at most once a second per id. Raises StoreUnavailable.
        """
        return await self._read(key_id, consistent=True)

    @property
    def _absent_s(self) -> float:
        """A key may be used the moment that it was made."""
        return AGAIN_S


class DynamoBudgets(Remembered[Budget], Budgets):
    """Most tenants have no budget, and are looked up no more often than those that have one."""

    kind = Kind(Budget, budget_at, parse_budget)

    async def of(self, key: ApiKey) -> tuple[Budget, ...]:
        if key.project is None:
            found = [await self.find(each) for each in key.shared]
        else:
            found = await asyncio.gather(*map(self.find, key.shared))
        return tuple(each for each in found if each is not None)
