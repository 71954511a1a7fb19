"""What calls taught: how well a model answers which kind of question, and how soon."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from prxy.store.ports import Latencies, Lesson, Lessons
from prxy.store.schema import (
    LESSONS,
    REWARD,
    TARGET,
    TENANT,
    TTL,
    lesson_at,
    number,
    text,
)
from prxy.store.table import Table, Update

LASTS_S = 30 * 86_400
FRESH_S = 60.0
MOST_KNOWN = 10_000
"""Lessons, and latencies, that one process remembers."""
NEWEST_WEIGHS = 0.3
"""Share of the newest measurement in a latency."""
STALE_S = 600.0
"""A latency that was not measured for so long is forgotten: what was slow gets another chance."""

_NONE = Lesson()


class _Known(Struct, frozen=True):
    lesson: Lesson
    read_at: float


class DynamoLessons(Lessons):
    """Raises StoreUnavailable; the caller does without. A lesson whose write was sent twice may count twice."""

    def __init__(self, table: Table, *, clock: Callable[[], float] = time.time) -> None:
        self._table, self._clock = table, clock
        self._known: OrderedDict[tuple[str, str, str], _Known] = OrderedDict()

    async def recall(self, tenant: str, bucket: str, targets: Sequence[str]) -> Mapping[str, Lesson]:
        now = self._clock()
        known = {target: self._known.get((tenant, bucket, target)) for target in targets}
        stale = [target for target, each in known.items() if each is None or each.read_at + FRESH_S <= now]
        found = {target: each.lesson for target, each in known.items() if each is not None}
        if stale:
            found |= await self._read(tenant, bucket, stale)
        for target in stale:
            self._keep((tenant, bucket, target), _Known(found[target], now))
        return found

    async def learn(self, tenant: str, bucket: str, target: str, reward_milli: int) -> None:
        change = Update(
            expression="ADD #n :one, #s :reward SET #tenant = :tenant, #target = :target, #ttl = :ttl",
            names={"#n": LESSONS, "#s": REWARD, "#tenant": TENANT, "#target": TARGET, "#ttl": TTL},
            values={
                ":one": 1,
                ":reward": reward_milli,
                ":tenant": tenant,
                ":target": target,
                ":ttl": int(self._clock()) + LASTS_S,
            },
        )
        await self._table.update_item(lesson_at(tenant, bucket, target), change)
        known = self._known.get((tenant, bucket, target))
        if known is not None:
            old = known.lesson
            lesson = Lesson(count=old.count + 1, reward_milli=old.reward_milli + reward_milli)
            self._keep((tenant, bucket, target), _Known(lesson, known.read_at))

    async def _read(self, tenant: str, bucket: str, targets: Sequence[str]) -> dict[str, Lesson]:
        found = dict.fromkeys(targets, _NONE)
        now = self._clock()
        for item in await self._table.get_items([lesson_at(tenant, bucket, target) for target in targets]):
            if item[TENANT] == tenant and item[TARGET] in found and number(item[TTL]) > now:
                lesson = Lesson(count=number(item[LESSONS]), reward_milli=number(item[REWARD]))
                found[text(item[TARGET])] = lesson
        return found

    def _keep(self, place: tuple[str, str, str], known: _Known) -> None:
        self._known[place] = known
        self._known.move_to_end(place)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)


class _Measured(Struct, frozen=True):
    seconds: float
    at: float


class OwnLatencies(Latencies):
    """Of this process alone: what it measured is measured anew by any other, from where that one stands."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[str, str, bool], _Measured] = OrderedDict()

    def note(self, tenant: str, target: str, *, stream: bool, seconds: float) -> None:
        before = self.known(tenant, target, stream=stream)
        smoothed = seconds if before is None else before + NEWEST_WEIGHS * (seconds - before)
        place = (tenant, target, stream)
        self._known[place] = _Measured(smoothed, self._clock())
        self._known.move_to_end(place)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def known(self, tenant: str, target: str, *, stream: bool) -> float | None:
        found = self._known.get((tenant, target, stream))
        return found.seconds if found is not None and found.at + STALE_S > self._clock() else None
