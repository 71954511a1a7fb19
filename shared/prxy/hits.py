"""Calls that a module answered in the provider's place: remembered here for some seconds, then told to the table.

A hit writes nothing on its way. What waits here is told behind later calls, several hits of a key in one write. A
process that is killed loses what waits: some seconds of what was saved, and never money, since a hit costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from prxy.call_record import CallRecord, Journal, Refusal
from prxy.canonical.errors import StoreUnavailable
from prxy.money.payment import MAX_MODULES, MAX_NAME_CHARS, milliseconds, other_name
from prxy.store.ports import HitKeeper
from prxy.store.records import Use

EVERY_S = 2.0
"""How long a hit waits for others."""
TOGETHER = 50
"""Hits of one key that a single write tells. So many of any key are told at once."""
MOST = 2_000
"""That wait while the table is away; of those beyond, only the log tells."""

_log = logging.getLogger(__name__)


class Hit(NamedTuple):
    key_id: str
    tenant: str
    use: Use


class Loss(NamedTuple):
    """Hits, as far as the log tells of them."""

    calls: int = 0
    saved_nano: int = 0

    @classmethod
    def of(cls, hits: Sequence[Hit]) -> Loss:
        return cls(len(hits), sum(hit.use.saved_nano for hit in hits))

    def with_(self, hits: Sequence[Hit]) -> Loss:
        more = Loss.of(hits)
        return Loss(self.calls + more.calls, self.saved_nano + more.saved_nano)


class HitJournal(Journal):
    def __init__(self, keeper: HitKeeper, every_s: float = EVERY_S, most: int = MOST) -> None:
        self._keeper, self._every_s, self._most = keeper, every_s, most
        self._waiting: list[Hit] = []
        self._beyond = Loss()
        self._well = True
        """The table took what it was told last."""
        self._due_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._telling: asyncio.Task[None] | None = None

    async def note(self, noted: CallRecord | Refusal) -> None:
        """Waits for nothing: a frozen Lambda goes on with the telling when its next call comes."""
        if isinstance(noted, CallRecord) and noted.cache is not None:
            self._waiting.append(Hit(noted.key_id, noted.tenant, _use(noted)))
            self._bound()
            self._see_to_it()

    async def aclose(self) -> None:
        """Tell what waits, once more. What the table does not take even then is lost, and the log says how much."""
        if self._telling is not None and not self._telling.done():
            await self._telling
        await self._tell()
        if self._timer is not None:
            self._timer.cancel()
        _complain("hits_lost", Loss.of(self._waiting))
        self._waiting = []

    def _bound(self) -> None:
        if len(self._waiting) > self._most:
            self._beyond = self._beyond.with_(self._waiting[self._most :])
            del self._waiting[self._most :]

    def _see_to_it(self) -> None:
        """A timer of a loop that ended never rings, so each hit looks whether the time has come."""
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._due_at = loop.time() + self._every_s
            self._timer = loop.call_later(self._every_s, self._begin)
        elif (self._well and len(self._waiting) >= TOGETHER) or loop.time() > self._due_at + self._every_s:
            self._begin()

    def _begin(self) -> None:
        if self._telling is None or self._telling.done():
            self._telling = asyncio.ensure_future(self._tell())

    async def _tell(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        taken, self._waiting = self._waiting, []
        batches, self._well = deque(_batches(taken)), True
        try:
            while batches:
                await self._tell_together(batches[0])
                batches.popleft()
        except StoreUnavailable:
            self._well = False
            batches.rotate(-1)  # so that one which the table never takes keeps none of the others from it
        finally:
            self._settle_down([hit for batch in batches for hit in batch])

    async def _tell_together(self, batch: Sequence[Hit]) -> None:
        await self._keeper.tell(batch[0].key_id, batch[0].tenant, [hit.use for hit in batch])

    def _settle_down(self, left: Sequence[Hit]) -> None:
        _complain("hits_wait", Loss.of(left))
        self._waiting = [*self._waiting, *left]
        self._bound()
        _complain("hits_lost", self._beyond)
        self._beyond, self._timer = Loss(), None
        if self._waiting:
            self._see_to_it()


def _batches(hits: Sequence[Hit]) -> Iterator[Sequence[Hit]]:
    """What one write tells."""
    rows: dict[tuple[str, str], list[Hit]] = {}
    for hit in hits:
        rows.setdefault((hit.key_id, hit.tenant), []).append(hit)
    for row in rows.values():
        yield from (row[start : start + TOGETHER] for start in range(0, len(row), TOGETHER))


def _complain(event: str, loss: Loss) -> None:
    if loss.calls:
        _log.error(event, extra={"calls": loss.calls, "saved_nano": loss.saved_nano})


def _use(record: CallRecord) -> Use:
    """Its tokens stay 0, as its cost: no provider made any."""
    provider, _, model = (record.spared or "").partition("/")
    return Use(
        request_id=record.request_id,
        provider=provider,
        model=model[:MAX_NAME_CHARS],
        asked=other_name(record.requested_model, model, f"{provider}/{model}"),
        answered=other_name(record.model, model),
        status=record.status,
        error=record.error,
        admitted_ms=milliseconds(record.admitted_s),
        first_byte_ms=milliseconds(record.first_byte_s),
        lasted_ms=round(record.total_s * 1000),
        modules=tuple(record.modules)[:MAX_MODULES],
        project=record.project,
        cache=record.cache,
        saved_nano=record.saved_nano or 0,
        nonce=secrets.token_hex(8),
        at=int(record.began_at),
    )
