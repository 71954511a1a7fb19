"""What calls did use: told by the stream of the table, an item for each attempt, added up by day, key and model.

A settlement puts what its call used into the item of its key, in the write that charges it. So the stream tells each
exactly as often as it was charged, and maybe more than once. What caches answered is charged nothing; an item of
its own beside that of the key tells of it, several calls in one write. An item named by the attempt and the sum that
counts it are written in one transaction: where the item is there already, the sum has it.

What is forfeited is told in the same way, by keys and by the budgets that they share. The items of a budget are in no
sum, since those of the keys are.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html (as of 2026-11-22)
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct, structs

from prxy.canonical.errors import StoreUnavailable
from prxy.canonical.parts import Json
from prxy.store.ports import HitKeeper, UseKeeper, UsePage, UseReports
from prxy.store.records import DayOfUse, Use, Used
from prxy.store.schema import (
    DOCUMENT,
    OF_PROJECTS,
    OF_TENANTS,
    PARTITION,
    PROJECT,
    SORT,
    TENANT,
    TTL,
    USE,
    api_key_at,
    day_of_use_at,
    days_partition,
    hits_at,
    number,
    text,
    use_at,
    use_prefix,
    uses_partition,
)
from prxy.store.table import (
    Change,
    Condition,
    Item,
    Put,
    Query,
    StoreRejected,
    Table,
    TransactionCancelled,
    Update,
    Value,
)
from prxy.store.use_text import parse_uses, render_use, render_uses

KEPT_S = 400 * 86_400
"""How long the use of a single call is kept; sums stay."""
TOGETHER = 50
"""Uses that one transaction adds to a sum."""
MALFORMED = "ValidationException"
_BEFORE, _BEHIND = "!", "~"
"""Sort before every sort key here, and behind whatever follows a day in one."""
HITS_KEPT_S = 7 * 86_400
"""How long the last ones stand where they were put; a stream has told them within a day."""
_KEYS, _HITS = text(api_key_at("")[PARTITION]), text(hits_at("")[PARTITION])
_BUDGETS = frozenset({f"{OF_TENANTS}#", f"{OF_PROJECTS}#"})

_log = logging.getLogger(__name__)


class Text(Struct, frozen=True):
    S: str


class Image(Struct, frozen=True):
    """What matters of an item."""

    tn: Text | None = None
    """Not of a budget."""
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
    """One of the uses that a record tells."""

    owner: str
    """Of the item in which it is kept: the id of the key, or the partition of the budget."""
    tenant: str | None
    """None: it is told of a budget."""
    use: Use


def told(record: Json) -> Sequence[Told]:
    """Nothing where it tells of something else than a settlement, a forfeiture or hits.

    Raises ValueError, TypeError and MsgspecError for what is no such record.
    """
    images = msgspec.convert(record, Record).dynamodb
    partition, of_key = images.Keys.pk.S, images.Keys.pk.S[:2] in {_KEYS, _HITS}
    if images.NewImage is None or not (of_key or partition[:2] in _BUDGETS):
        return ()
    image = msgspec.convert(images.NewImage, Image)
    if image.use is None or (images.OldImage and image.use == images.OldImage.use):
        return ()
    if of_key and image.tn is None:
        raise ValueError("The item of a key names no tenant.")
    owner, tenant = partition[2:] if of_key else partition, image.tn.S if image.tn else None
    return [Told(owner=owner, tenant=tenant, use=use) for use in parse_uses(image.use.S)]


def writes(uses: Sequence[Told]) -> Sequence[Put | Change]:
    """One transaction: the uses, all of one key, project, day and model, and the sum that counts them."""
    absent = Condition(expression=f"attribute_not_exists({PARTITION})")
    new, first = [Put(item=_item(each), condition=absent) for each in uses], uses[0]
    if first.tenant is None:
        return new
    total = sum((_used(each.use) for each in uses), Used())
    added = {name: amount for name, amount in structs.asdict(total).items() if amount}
    names = {f"#{at}": name for at, name in enumerate(added)} | {"#t": TENANT}
    values: dict[str, Value] = {f":{at}": amount for at, amount in enumerate(added.values())} | {":t": first.tenant}
    expression = "SET #t = :t"
    if first.use.project is not None:
        expression, names["#j"], values[":j"] = f"{expression}, #j = :j", PROJECT, first.use.project
    expression += " ADD " + ", ".join(f"#{at} :{at}" for at in range(len(added))) if added else ""
    update = Update(expression=expression, names=names, values=values)
    return [*new, Change(key=day_of_use_at(first.owner, first.use), update=update)]


def _item(each: Told) -> Item:
    item = {**use_at(each.owner, each.use.attempt), DOCUMENT: render_use(each.use), TTL: each.use.at + KEPT_S}
    return item if each.tenant is None else {**item, TENANT: each.tenant}


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
        saved_nano=use.saved_nano,
    )


class DynamoUsage(UseKeeper, HitKeeper, UseReports):
    def __init__(self, table: Table) -> None:
        self._table = table

    async def keep(self, records: Sequence[Json]) -> Sequence[int]:
        waiting: set[int] = set()
        for row in _rows(records):
            for start in range(0, len(row), TOGETHER):
                together = row[start : start + TOGETHER]
                try:
                    await self._add([each for _, each in together])
                except StoreUnavailable as error:
                    _log.warning("usage_waits", extra={"error_code": error.code, "calls": len(together)})
                    waiting |= {at for at, _ in together}
        return sorted(waiting)

    async def tell(self, key_id: str, tenant: str, hits: Sequence[Use]) -> None:
        ttl = max(hit.at for hit in hits) + HITS_KEPT_S
        await self._table.put_item({**hits_at(key_id), TENANT: tenant, USE: render_uses(hits), TTL: ttl})

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
        _log.error("usage_not_kept", extra={"key_id": uses[0].owner, "request_id": uses[0].use.request_id})

    async def days(self, key_id: str, first: str, last: str) -> Sequence[DayOfUse]:
        found: list[DayOfUse] = []
        for month in _months(first, last):
            values = {":p": days_partition(key_id, month), ":a": first, ":b": last + _BEHIND}
            query = Query(expression=f"{PARTITION} = :p AND {SORT} BETWEEN :a AND :b", values=values)
            found += [_day(key_id, item) for item in await self._table.query(query)]
        return found

    async def calls(self, key_id: str, day: str, limit: int, after: str = "") -> UsePage:
        """One more is read than is given, to know whether there is more."""
        values: Item = {":p": uses_partition(key_id, day), ":a": after or _BEFORE}
        query = Query(expression=f"{PARTITION} = :p AND {SORT} > :a", values=values, limit=limit + 1)
        items = (found := await self._table.query(query))[:limit]
        uses = [use for item in items for use in parse_uses(item[DOCUMENT])]
        return UsePage(calls=uses, next=text(items[-1][SORT]) if len(found) > len(items) else None)


def _rows(records: Sequence[Json]) -> Iterator[list[tuple[int, Told]]]:
    """What is added to the same sum, each behind the place of its record; nothing twice."""
    rows: dict[tuple[str, ...], list[tuple[int, Told]]] = {}
    seen: set[tuple[str, str]] = set()
    for at, record in enumerate(records):
        for each in _readable(record):
            if (each.owner, each.use.nonce) not in seen:
                seen.add((each.owner, each.use.nonce))
                place = day_of_use_at(each.owner, each.use)
                rows.setdefault((text(place[PARTITION]), text(place[SORT])), []).append((at, each))
    yield from rows.values()


def _readable(record: Json) -> Sequence[Told]:
    """One that cannot be read is logged and left out: it will not become better."""
    try:
        return told(record)
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        _log.error("usage_unreadable", extra={"cause": type(error).__name__})
        return ()


def _months(first: str, last: str) -> Iterator[str]:
    """`202611` and so on, from that of one day to that of the other."""
    year, month = int(first[:4]), int(first[4:6])
    while f"{year:04d}{month:02d}" <= last[:6]:
        yield f"{year:04d}{month:02d}"
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def _day(key_id: str, item: Item) -> DayOfUse:
    place, project = text(item[SORT]), text(item[PROJECT]) if PROJECT in item else None
    day = place[: len("20261122")]
    target = place[len(use_prefix(day, project)) :]
    used = Used(**{name: number(item.get(name, 0)) for name in Used.__struct_fields__})
    return DayOfUse(key_id=key_id, tenant=text(item[TENANT]), project=project, day=day, target=target, used=used)
