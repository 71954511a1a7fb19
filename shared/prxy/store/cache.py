"""Answers kept for the tenant that paid for them."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from prxy.canonical.response import ChatResponse
from prxy.store.ports import ResponseCache
from prxy.store.schema import DOCUMENT, TENANT, TTL, cached_response_at, number, text
from prxy.store.table import Table

LARGEST_BYTES = 350_000
"""DynamoDB takes items up to 400 KB (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html)."""


class DynamoResponseCache(ResponseCache):
    """Raises StoreUnavailable; the caller does without."""

    def __init__(self, table: Table, *, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock

    async def get(self, tenant: str, digest: str) -> ChatResponse | None:
        """An entry of another tenant, one past its time, or one of an older shape is no entry."""
        item = await self._table.get_item(cached_response_at(tenant, digest), consistent=False)
        if item is None or item[TENANT] != tenant or number(item[TTL]) <= self._clock():
            return None
        try:
            return msgspec.json.decode(text(item[DOCUMENT]), type=ChatResponse)
        except msgspec.ValidationError:
            return None

    async def put(self, tenant: str, digest: str, response: ChatResponse, ttl_s: int) -> None:
        """Keeps nothing where the answer is too large."""
        document = msgspec.json.encode(response)
        if len(document) > LARGEST_BYTES:
            return
        place = cached_response_at(tenant, digest)
        await self._table.put_item(
            {**place, TENANT: tenant, DOCUMENT: document.decode(), TTL: int(self._clock()) + ttl_s}
        )
