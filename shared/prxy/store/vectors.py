"""Vectors in the one table, and those of the shelves in use in memory.

A process reads a shelf once, newest first, and from then on what others have added, every few seconds; what it adds
itself it knows at once. An entry of 1,536 coordinates takes 2.2 KB of the table.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from prxy.store.ports import Shelf, VectorStore
from prxy.store.schema import (
    NAME,
    PARTITION,
    SORT,
    TENANT,
    TTL,
    VECTOR,
    number,
    shelf_partition,
    shelved_since,
    text,
    vector_at,
)
from prxy.store.table import Item, Query, Table

if TYPE_CHECKING:
    from prxy.store.vector_index import Row, VectorIndex

REFRESH_S = 5.0
"""How long what another process has added may stay unknown here."""
OVERLAP_S = 10.0
"""How far back a refresh looks: clocks differ, and a write takes its time."""
PAGE = 400
"""Entries of one read, just under the megabyte that a page may hold. A load that is given up goes on from there."""
LOADED = 10_000
"""The newest entries of a shelf are read, up to that many."""
CANDIDATES = 4
"""Names given for one question: the answer of the nearest may be gone before its vector is."""
KEPT_BYTES = 64_000_000
KEPT_SHELVES = 500
"""What may stay in memory; the shelf that was used longest ago goes first."""

_FROM = f"{PARTITION} = :p AND {SORT} > :s"
_UP_TO = f"{PARTITION} = :p AND {SORT} < :s"


class _Loaded:
    """A shelf in memory."""

    def __init__(self, index: VectorIndex, now: float) -> None:
        self.index = index
        self.lock = asyncio.Lock()
        self.after = "0"
        """Sort key up to which the table was read; entries that are older sort behind it."""
        self.count = 0
        """How many entries were read, expired ones included."""
        self.complete = False
        self.refreshed_at = now


class DynamoVectors(VectorStore):
    """Raises StoreUnavailable, and ValueError for a vector without a direction."""

    def __init__(self, table: Table, *, clock: Callable[[], float] = time.time, kept_bytes: int = KEPT_BYTES) -> None:
        self._table, self._clock, self._kept_bytes = table, clock, kept_bytes
        self._loaded: OrderedDict[tuple[Shelf, int], _Loaded] = OrderedDict()
        """By shelf and length: a model that changes its length begins anew."""

    async def nearest(self, shelf: Shelf, vector: Sequence[float], least: float) -> Sequence[str]:
        loaded = self._opened(shelf, len(vector))
        async with loaded.lock:
            await self._catch_up(shelf, loaded)
        self._make_room()
        return loaded.index.nearest(vector, least, self._clock(), CANDIDATES)

    async def add(self, shelf: Shelf, name: str, vector: Sequence[float], ttl_s: int) -> None:
        from prxy.store.vector_index import pack  # noqa: PLC0415  # numpy: 300 ms of cold start that only this pays

        now = self._clock()
        place = vector_at(shelf.tenant, shelf.name, name, int(now * 1000))
        item: Item = {**place, TENANT: shelf.tenant, NAME: name, VECTOR: pack(vector), TTL: int(now) + ttl_s}
        await self._table.put_item(item)
        loaded = self._loaded.get((shelf, len(vector)))
        if loaded is not None:
            loaded.index.add(_row(item))
            self._make_room()

    def _opened(self, shelf: Shelf, dimension: int) -> _Loaded:
        from prxy.store.vector_index import VectorIndex  # noqa: PLC0415  # numpy, as above

        place = (shelf, dimension)
        if place not in self._loaded:
            self._loaded[place] = _Loaded(VectorIndex(dimension), self._clock())
        self._loaded.move_to_end(place)
        return self._loaded[place]

    async def _catch_up(self, shelf: Shelf, loaded: _Loaded) -> None:
        if not loaded.complete:
            await self._load(shelf, loaded)
        elif self._clock() - loaded.refreshed_at >= REFRESH_S:
            now = self._clock()
            edge = shelved_since(int((loaded.refreshed_at - OVERLAP_S) * 1000))
            self._take(shelf, loaded, await self._read(shelf, _UP_TO, edge, LOADED))
            loaded.refreshed_at = now

    async def _load(self, shelf: Shelf, loaded: _Loaded) -> None:
        while not loaded.complete:
            items = await self._read(shelf, _FROM, loaded.after, PAGE)
            self._take(shelf, loaded, items)
            loaded.count += len(items)
            loaded.complete = len(items) < PAGE or loaded.count >= LOADED
            loaded.after = text(items[-1][SORT]) if items else loaded.after

    async def _read(self, shelf: Shelf, expression: str, edge: str, limit: int) -> Sequence[Item]:
        partition = shelf_partition(shelf.tenant, shelf.name)
        return await self._table.query(Query(expression=expression, values={":p": partition, ":s": edge}, limit=limit))

    def _take(self, shelf: Shelf, loaded: _Loaded, items: Sequence[Item]) -> None:
        """What has expired is left out, so that it takes no place from what has not."""
        now = self._clock()
        for item in items:
            if item[TENANT] == shelf.tenant and number(item[TTL]) > now:
                loaded.index.add(_row(item))

    def _make_room(self) -> None:
        held = sum(each.index.held_bytes for each in self._loaded.values())
        while len(self._loaded) > 1 and (held > self._kept_bytes or len(self._loaded) > KEPT_SHELVES):
            _, dropped = self._loaded.popitem(last=False)
            held -= dropped.index.held_bytes


def _row(item: Item) -> Row:
    from prxy.store.vector_index import Row  # noqa: PLC0415  # numpy, as above

    return Row(id=text(item[SORT]), name=text(item[NAME]), packed=text(item[VECTOR]), until=number(item[TTL]))
