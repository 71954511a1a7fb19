"""What was asked under an Idempotency-Key, whether it still runs, and what it was answered.

One conditional write decides who runs; a claim that outlives its attempt is taken over by the same write.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil

import msgspec

from prxy.canonical.errors import IdempotencyConflict, IdempotencyKeyReused, NotReplayable
from prxy.canonical.response import ChatResponse
from prxy.store.cache import LARGEST_BYTES
from prxy.store.ports import Idempotency
from prxy.store.records import Once
from prxy.store.schema import DOCUMENT, EXPIRY, FINGERPRINT, NONCE, PARTITION, TTL, once_at, text
from prxy.store.table import Condition, ConditionFailed, Item, Table, Update

KEPT_S = 24 * 3600

_NAMES = {"#pk": PARTITION, "#ttl": TTL, "#fp": FINGERPRINT, "#xp": EXPIRY}
_FREE = "attribute_not_exists(#pk) OR #ttl <= :now OR (#fp = :fp AND #xp <= :now)"
"""Never claimed, no longer claimed, or claimed by an attempt at the same request that must be dead."""


class DynamoIdempotency(Idempotency):
    def __init__(self, table: Table, *, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock

    async def claim(self, once: Once, lasts_s: float) -> ChatResponse | None:
        now = int(self._clock())
        item = {**_claimed(once, now), EXPIRY: now + ceil(lasts_s)}
        free = Condition(expression=_FREE, names=_NAMES, values={":now": now, ":fp": once.fingerprint})
        try:
            await self._table.put_item(item, condition=free)
        except ConditionFailed as failed:
            return _judge(once, failed.item or await self._table.get_item(once_at(once.key_id, once.word)))
        return None

    async def finish(self, once: Once, response: ChatResponse) -> None:
        document = msgspec.json.encode(response)
        item = _claimed(once, int(self._clock()))
        if len(document) <= LARGEST_BYTES:
            item = {**item, DOCUMENT: document.decode()}
        own = Condition(expression="#o = :o", names={"#o": NONCE}, values={":o": once.nonce})
        try:
            await self._table.put_item(item, condition=own)
        except ConditionFailed:
            return

    async def abandon(self, once: Once) -> None:
        """The claim is over since yesterday: a host whose clock is behind must find it free as well."""
        ended = Update(
            expression="SET #ttl = :past REMOVE #xp",
            condition="#o = :o AND attribute_exists(#xp)",
            names={"#ttl": TTL, "#xp": EXPIRY, "#o": NONCE},
            values={":past": int(self._clock()) - KEPT_S, ":o": once.nonce},
        )
        try:
            await self._table.update_item(once_at(once.key_id, once.word), ended)
        except ConditionFailed:
            return


def _claimed(once: Once, now: int) -> Item:
    place = once_at(once.key_id, once.word)
    return {**place, FINGERPRINT: once.fingerprint, NONCE: once.nonce, TTL: now + KEPT_S}


def _judge(once: Once, item: Item | None) -> ChatResponse | None:
    """Why the claim was not applied, from the item as it stood. None: an earlier copy of it was."""
    if item is None:
        raise _running()
    if item[NONCE] == once.nonce:
        return None
    if item[FINGERPRINT] != once.fingerprint:
        raise IdempotencyKeyReused(
            "This Idempotency-Key came with another request within the last 24 hours. Use a new key for a new request.",
            param="Idempotency-Key",
        )
    if EXPIRY in item:
        raise _running()
    return _kept(item)


def _running() -> IdempotencyConflict:
    return IdempotencyConflict(
        "A request with this Idempotency-Key is running; wait for its answer, then try again.", param="Idempotency-Key"
    )


def _kept(item: Item) -> ChatResponse:
    if DOCUMENT not in item:
        raise NotReplayable(
            f"The request with this Idempotency-Key has finished; its answer was over {LARGEST_BYTES} bytes "
            "and was not kept. Use a new key to run it again.",
            param="Idempotency-Key",
        )
    try:
        return msgspec.json.decode(text(item[DOCUMENT]), type=ChatResponse)
    except msgspec.ValidationError as error:
        raise NotReplayable(
            "The request with this Idempotency-Key has finished; its answer was kept by another version of "
            "the gateway. Use a new key to run it again.",
            code="idempotency_result_unreadable",
            param="Idempotency-Key",
        ) from error
