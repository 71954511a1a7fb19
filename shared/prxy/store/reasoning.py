"""What models thought before a tool call, for clients whose wire cannot carry the signatures back."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import msgspec
from msgspec import Struct

from prxy.canonical.parts import Part
from prxy.store.cache import LARGEST_BYTES
from prxy.store.ports import ReasoningMemory
from prxy.store.schema import DOCUMENT, TENANT, TTL, number, reasoning_at, text
from prxy.store.table import Item, Table

LASTS_S = 24 * 3600
CALL_ID = "id"
KEPT_BYTES = 16_000_000
"""What one process keeps beside the table, so that the next turn of the same conversation costs no read."""


@cache
def _decoder() -> msgspec.json.Decoder[tuple[Part, ...]]:
    """Made late: few calls go on from the thoughts of another one."""
    return msgspec.json.Decoder(tuple[Part, ...])


class Thought(Struct, frozen=True):
    document: bytes
    until: float


class DynamoReasoningMemory(ReasoningMemory):
    """Raises StoreUnavailable; the caller does without. Parts of over 350 KB are remembered by this process only."""

    def __init__(self, table: Table, *, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], Thought] = OrderedDict()
        self._kept_bytes = 0

    async def get(self, tenant: str, call_ids: Sequence[str]) -> Mapping[str, Sequence[Part]]:
        found = {call_id: self._kept.get((tenant, call_id)) for call_id in dict.fromkeys(call_ids)}
        missing = [call_id for call_id, thought in found.items() if thought is None]
        if missing:
            found |= await self._fetch(tenant, missing)
        now = self._clock()
        return {
            call_id: _decoder().decode(thought.document)
            for call_id, thought in found.items()
            if thought is not None and thought.until > now
        }

    async def put(self, tenant: str, call_id: str, parts: Sequence[Part]) -> None:
        document = msgspec.json.encode(tuple(parts))
        until = int(self._clock()) + LASTS_S
        self._keep(tenant, call_id, Thought(document, until))
        if len(document) > LARGEST_BYTES:
            return
        entry: Item = {TENANT: tenant, CALL_ID: call_id, DOCUMENT: document.decode(), TTL: until}
        await self._table.put_item({**reasoning_at(tenant, call_id), **entry})

    async def _fetch(self, tenant: str, call_ids: Sequence[str]) -> dict[str, Thought | None]:
        items = await self._table.get_items([reasoning_at(tenant, call_id) for call_id in call_ids])
        found: dict[str, Thought | None] = {}
        for item in items:
            call_id = text(item[CALL_ID])
            if item[TENANT] == tenant and call_id in call_ids:
                thought = Thought(text(item[DOCUMENT]).encode(), number(item[TTL]))
                found[call_id] = thought
                self._keep(tenant, call_id, thought)
        return found

    def _keep(self, tenant: str, call_id: str, thought: Thought) -> None:
        old = self._kept.pop((tenant, call_id), None)
        self._kept_bytes += len(thought.document) - (len(old.document) if old else 0)
        self._kept[tenant, call_id] = thought
        while self._kept_bytes > KEPT_BYTES:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped.document)
