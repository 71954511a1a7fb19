"""Circuit breakers shared by every process: who failed too often is asked last for a while.

    closed --FAILURES in WINDOW_S, none answered in between--> open for OPEN_S ± JITTER_S
    open --its time is over--> half-open --one call tries it: that call has opened it again-->
        it answers: closed; anything else: it stays open until its time is over again

The one item of a target is read every FRESH_S at the most by each process and written on change alone: at a failure,
and at the first answer that follows one. Counting is not exact, and need not be: two failures that begin a window at
the same moment may count as one.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from prxy.store.ports import Breakers, Circuit
from prxy.store.schema import (
    FAILURES,
    OPEN_UNTIL,
    SINCE,
    TARGET,
    TENANT,
    TTL,
    breaker_at,
    number,
    text,
)
from prxy.store.table import ConditionFailed, Item, Returned, Table, Update, Value

FAILURES_TO_OPEN = 5
WINDOW_S = 60
"""Counted from the first of its failures."""
OPEN_S = 30
JITTER_S = 5
"""Spreads the processes that come back to a target, to both sides."""
FRESH_S = 5.0
LASTS_S = 3600
"""How long a target that nobody asks any more is remembered."""
MOST_KNOWN = 2_000
"""Targets that one process remembers."""


class _Known(Struct, frozen=True, kw_only=True):
    """What a process knows of one target. Epoch seconds."""

    failures: int = 0
    open_until: int = 0
    """0: closed."""
    read_at: float = 0.0


_UNKNOWN = _Known()


class DynamoBreakers(Breakers):
    """Raises StoreUnavailable; what was known is kept. Times are whole seconds, as every process must agree on them."""

    def __init__(self, table: Table, random: Callable[[], float], *, clock: Callable[[], float] = time.time) -> None:
        self._table, self._random, self._clock = table, random, clock
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()

    async def look(self, tenant: str, targets: Sequence[str]) -> Mapping[str, Circuit]:
        now = self._clock()
        stale = [target for target in targets if self._of(tenant, target).read_at + FRESH_S <= now]
        if stale:
            await self._read(tenant, stale, now)
        return {target: self._circuit(self._of(tenant, target)) for target in targets}

    async def may_try(self, tenant: str, target: str) -> bool:
        known = self._of(tenant, target)
        until = self._reopened()
        change = Update(
            expression="SET #until = :until, #ttl = :ttl",
            condition="#until = :seen",
            names={"#until": OPEN_UNTIL, "#ttl": TTL},
            values={":until": until, ":seen": known.open_until, ":ttl": self._ttl()},
        )
        try:
            await self._table.update_item(breaker_at(tenant, target), change)
        except ConditionFailed:
            self._known.pop((tenant, target), None)
            return False
        self._keep(tenant, target, replace(known, open_until=until))
        return True

    async def failed(self, tenant: str, target: str) -> None:
        known = self._of(tenant, target)
        if known.open_until:
            if self._circuit(known) is Circuit.HALF_OPEN:
                await self.may_try(tenant, target)
            return
        item = await self._counted(tenant, target)
        known = replace(_parse(item), read_at=known.read_at)
        if known.failures >= FAILURES_TO_OPEN and not known.open_until:
            known = replace(known, failures=0, open_until=self._reopened())
            await self._open(tenant, target, known.open_until)
        self._keep(tenant, target, known)

    async def answered(self, tenant: str, target: str) -> None:
        known = self._of(tenant, target)
        if known.failures or known.open_until:
            await self._table.delete_item(breaker_at(tenant, target))
            self._keep(tenant, target, _Known(read_at=known.read_at))

    async def _read(self, tenant: str, targets: Sequence[str], now: float) -> None:
        """What is read is old from the moment that it is asked for: calls beside this one go on with what was known."""
        for target in targets:
            self._keep(tenant, target, replace(self._of(tenant, target), read_at=now))
        found = dict.fromkeys(targets, _UNKNOWN)
        for item in await self._table.get_items([breaker_at(tenant, target) for target in targets]):
            if item[TENANT] == tenant and item[TARGET] in found and number(item[TTL]) > now:
                found[text(item[TARGET])] = _parse(item, int(now))
        for target, known in found.items():
            self._keep(tenant, target, replace(known, read_at=now))

    async def _counted(self, tenant: str, target: str) -> Item:
        """Count a failure in the window that runs, or begin one."""
        now, key = int(self._clock()), breaker_at(tenant, target)
        names = {"#n": FAILURES, "#since": SINCE}
        one_more = Update(
            expression="SET #n = #n + :one",
            condition="#since > :horizon",
            names=names,
            values={":one": 1, ":horizon": now - WINDOW_S},
            returned=Returned.NEW,
        )
        first = Update(
            expression="SET #n = :one, #since = :now, #tenant = :tenant, #target = :target, #ttl = :ttl",
            names={**names, "#tenant": TENANT, "#target": TARGET, "#ttl": TTL},
            values={":one": 1, ":now": now, ":tenant": tenant, ":target": target, ":ttl": self._ttl()},
            returned=Returned.NEW,
        )
        try:
            written = await self._table.update_item(key, one_more)
        except ConditionFailed:
            written = await self._table.update_item(key, first)
        return written.item or {}

    async def _open(self, tenant: str, target: str, until: int) -> None:
        values: dict[str, Value] = {":until": until, ":ttl": self._ttl()}
        names = {"#until": OPEN_UNTIL, "#ttl": TTL, "#n": FAILURES, "#since": SINCE}
        change = Update(expression="SET #until = :until, #ttl = :ttl REMOVE #n, #since", names=names, values=values)
        await self._table.update_item(breaker_at(tenant, target), change)

    def _circuit(self, known: _Known) -> Circuit:
        if not known.open_until:
            return Circuit.CLOSED
        return Circuit.OPEN if known.open_until > self._clock() else Circuit.HALF_OPEN

    def _reopened(self) -> int:
        return int(self._clock() + OPEN_S + JITTER_S * (2 * self._random() - 1))

    def _ttl(self) -> int:
        return int(self._clock()) + LASTS_S

    def _of(self, tenant: str, target: str) -> _Known:
        return self._known.get((tenant, target), _UNKNOWN)

    def _keep(self, tenant: str, target: str, known: _Known) -> None:
        self._known[tenant, target] = known
        self._known.move_to_end((tenant, target))
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)


def _parse(item: Item, now: int | None = None) -> _Known:
    """`now`: leaves out failures whose window is over."""
    recent = now is None or number(item.get(SINCE, 0)) > now - WINDOW_S
    return _Known(failures=number(item.get(FAILURES, 0)) if recent else 0, open_until=number(item.get(OPEN_UNTIL, 0)))
