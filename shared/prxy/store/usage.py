"""What calls did use: told by the stream of the table, an item for each attempt, added up by day, key and model.

A settlement puts what its call used into the item of its key, in the write that charges it. So the stream tells each
exactly as often as it was charged, and maybe more than once. An item named by the attempt and the sum that counts it
are written in one transaction: where the item is there already, the sum has it.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html (as of 2026-11-22)
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct, structs

from prxy.canonical.errors import StoreUnavailable
from prxy.canonical.parts import Json
from prxy.store.ports import UseKeeper, UseReports
from prxy.store.records import DayOfUse, Use, Used
from prxy.store.schema import (
    DOCUMENT,
    PARTITION,
    SORT,
    TENANT,
    TTL,
    api_key_at,
    day_of_use_at,
    days_partition,
    number,
    text,
    use_at,
)
from prxy.store.table import Change, Condition, Item, Put, Query, StoreRejected, Table, TransactionCancelled, Update
from prxy.store.use_text import parse_use, render_use

KEPT_S = 400 * 86_400
"""How long the use of a single call is kept; sums stay."""
TOGETHER = 50
"""Uses that one transaction adds to a sum."""
MALFORMED = "ValidationException"
_BEHIND = "~"
"""Sorts behind whatever follows a day in a sort key."""
_KEYS = text(api_key_at("")[PARTITION])

_log = logging.getLogger(__name__)


class Text(Struct, frozen=True):
    S: str


class Image(Struct, frozen=True):
    """What matters of an item."""

    tn: Text
    use: Text | None = None


class Old(Struct, frozen=True):
    use: Text | None = None


class Place(Struct, frozen=True):
    pk: Text


class Images(Struct, frozen=True):
    Keys: Place
    NewImage: Json = None
    OldImage: Old | None = None


class Record(Struct, frozen=True):
    """Of a DynamoDB stream with new and old images, as Lambda hands it on."""

    dynamodb: Images


class Told(Struct, frozen=True, kw_only=True):
    """What one record tells."""

    key_id: str
    tenant: str
    use: Use


def told(record: Json) -> Told | None:
    """None where it tells of something else than a settlement.

    Raises ValueError, TypeError and MsgspecError for what is no such record.
    """
    images = msgspec.convert(record, Record).dynamodb
    place = images.Keys.pk.S
    if not place.startswith(_KEYS) or images.NewImage is None:
        return None
    image = msgspec.convert(images.NewImage, Image)
    if image.use is None or (images.OldImage and image.use == images.OldImage.use):
        return None
    return Told(key_id=place.removeprefix(_KEYS), tenant=image.tn.S, use=parse_use(image.use.S))


def writes(uses: Sequence[Told]) -> Sequence[Put | Change]:
    """One transaction: the uses, all of one key, day and model, and the sum that counts them."""
    absent = Condition(expression=f"attribute_not_exists({PARTITION})")
    first = uses[0]
    total = sum((_used(each.use) for each in uses), Used())
    added = {name: amount for name, amount in structs.asdict(total).items() if amount}
    names = {f"#{at}": name for at, name in enumerate(added)} | {"#t": TENANT}
    values: Item = {f":{at}": amount for at, amount in enumerate(added.values())}
    expression = "SET #t = :t" + (" ADD " + ", ".join(f"#{at} :{at}" for at in range(len(added))) if added else "")
    update = Update(expression=expression, names=names, values={**values, ":t": first.tenant})
    new = [Put(item=_item(each), condition=absent) for each in uses]
    return [*new, Change(key=day_of_use_at(first.key_id, first.use), update=update)]


def _item(each: Told) -> Item:
    ttl = each.use.at + KEPT_S
    return {**use_at(each.key_id, each.use), TENANT: each.tenant, DOCUMENT: render_use(each.use), TTL: ttl}


def _used(use: Use) -> Used:
    return Used(
        calls=use.calls,
        unpriced_calls=int(use.unpriced and use.calls),
        input_tokens=use.tokens.input,
        cached_input_tokens=use.tokens.cached_input,
        cache_write_tokens=use.tokens.cache_write,
        output_tokens=use.tokens.output,
        reasoning_tokens=use.tokens.reasoning,
        cost_nano=use.cost_nano,
        unconfirmed_nano=use.unconfirmed_nano,
    )


class DynamoUsage(UseKeeper, UseReports):
    def __init__(self, table: Table) -> None:
        self._table = table

    async def keep(self, records: Sequence[Json]) -> Sequence[int]:
        waiting: list[int] = []
        for row in _rows(records):
            uses = [*row.items()]
            for start in range(0, len(uses), TOGETHER):
                together = dict(uses[start : start + TOGETHER])
                try:
                    await self._add([*together.values()])
                except StoreUnavailable as error:
                    _log.warning("usage_waits", extra={"error_code": error.code, "calls": len(together)})
                    waiting += together
        return sorted(waiting)

    async def _add(self, uses: Sequence[Told]) -> None:
        """Those of them that no sum has yet."""
        while uses:
            try:
                return await self._table.transact(writes(uses))
            except TransactionCancelled as error:
                uses = [each for at, each in enumerate(uses) if at not in error.failed]
            except StoreRejected as error:
                if error.fault != MALFORMED:
                    raise
                return await self._add_singly(uses)
        return None

    async def _add_singly(self, uses: Sequence[Told]) -> None:
        """One that the table will never take keeps none of the others from it."""
        if len(uses) > 1:
            for each in uses:
                await self._add([each])
            return
        _log.error("usage_not_kept", extra={"key_id": uses[0].key_id, "request_id": uses[0].use.request_id})

    async def days(self, key_id: str, first: str, last: str) -> Sequence[DayOfUse]:
        found: list[DayOfUse] = []
        for month in _months(first, last):
            values = {":p": days_partition(key_id, month), ":a": first, ":b": last + _BEHIND}
            query = Query(expression=f"{PARTITION} = :p AND {SORT} BETWEEN :a AND :b", values=values)
            found += [_day(key_id, item) for item in await self._table.query(query)]
        return found


def _rows(records: Sequence[Json]) -> Iterator[dict[int, Told]]:
    """What is added to the same sum, by the place of its record; nothing twice."""
    rows: dict[tuple[str, ...], dict[int, Told]] = {}
    seen: set[tuple[str, str]] = set()
    for at, record in enumerate(records):
        each = _readable(record)
        if each is not None and (each.key_id, each.use.nonce) not in seen:
            seen.add((each.key_id, each.use.nonce))
            place = day_of_use_at(each.key_id, each.use)
            rows.setdefault((text(place[PARTITION]), text(place[SORT])), {})[at] = each
    yield from rows.values()


def _readable(record: Json) -> Told | None:
    """One that cannot be read is logged and left out: it will not become better."""
    try:
        return told(record)
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        _log.error("usage_unreadable", extra={"cause": type(error).__name__})
        return None


def _months(first: str, last: str) -> Iterator[str]:
    """`202611` and so on, from that of one day to that of the other."""
    year, month = int(first[:4]), int(first[4:6])
    while f"{year:04d}{month:02d}" <= last[:6]:
        yield f"{year:04d}{month:02d}"
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def _day(key_id: str, item: Item) -> DayOfUse:
    day, _, target = text(item[SORT]).partition("#")
    used = Used(**{name: number(item.get(name, 0)) for name in Used.__struct_fields__})
    return DayOfUse(key_id=key_id, tenant=text(item[TENANT]), day=day, target=target, used=used)
