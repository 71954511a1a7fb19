"""Keys in the table, changed with care by the admin API."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from prxy.canonical.errors import InvalidRequest, NotFound
from prxy.store.key_text import ParsedKey, generate, hashed, parse_key, renew, verify
from prxy.store.ports import KeyAdministration, KeyPage
from prxy.store.records import ApiKey
from prxy.store.schema import (
    ALL_KEYS,
    DOCUMENT,
    EXPIRY,
    INDEX,
    INDEX_PARTITION,
    INDEX_SORT,
    PARTITION,
    SORT,
    STATUS,
    VERSION,
    api_key_at,
    parse_api_key,
    place_of_key,
    render_api_key,
    render_new_api_key,
    tenant_prefix,
    text,
)
from prxy.store.table import Condition, ConditionFailed, Item, Query, Table, Update

__all__ = [
    "DynamoKeyAdministration",
    "KeyConflict",
    "ParsedKey",
    "generate",
    "hashed",
    "parse_key",
    "renew",
    "verify",
]


class KeyConflict(InvalidRequest):
    """Somebody else made or changed the key in the meantime: read it again and decide again."""

    status = 409
    default_code = "key_conflict"


class DynamoKeyAdministration(KeyAdministration):
    """Never touches a counter or a hold: those belong to the ledger alone."""

    def __init__(self, table: Table, *, remember: Callable[[ApiKey], None] | None = None) -> None:
        """`remember` is told of every key as it was stored, for whoever finds keys in the same process."""
        self._table = table
        self._remember = remember

    async def create(self, key: ApiKey) -> None:
        """Raises KeyConflict where the id is taken."""
        try:
            absent = Condition(expression=f"attribute_not_exists({PARTITION})")
            await self._table.put_item(render_new_api_key(key), condition=absent)
        except ConditionFailed as error:
            raise KeyConflict(f"A key with id '{key.id}' exists already; make another.", param="id") from error
        self._tell(key)

    async def read(self, key_id: str) -> ApiKey:
        item = await self._table.get_item(api_key_at(key_id))
        if item is None:
            raise _not_found(key_id)
        return parse_api_key(item)

    async def list(self, tenant: str | None = None) -> Sequence[ApiKey]:
        """By tenant and id. The index may lag a moment behind the newest key."""
        return await self._at(await self._table.query(_places(tenant, "", None)), tenant)

    async def page(self, tenant: str | None, *, after: str, limit: int) -> KeyPage:
        """As `list`. A page may hold fewer keys than the limit and not be the last one."""
        places = await self._table.query(_places(tenant, after, limit + 1))
        more = len(places) > limit
        keys = await self._at(places[:limit], tenant)
        return KeyPage(keys=keys, next=text(places[limit - 1][INDEX_SORT]) if more else None)

    async def _at(self, places: Sequence[Item], tenant: str | None) -> Sequence[ApiKey]:
        items = await self._table.get_items([{PARTITION: each[PARTITION], SORT: each[SORT]} for each in places])
        keys = [parse_api_key(item) for item in items]
        return sorted((key for key in keys if tenant in (None, key.tenant)), key=place_of_key)

    async def update(self, key: ApiKey) -> ApiKey:
        """Raises KeyConflict where the stored version is another. The tenant of a key never changes."""
        raised = replace(key, version=key.version + 1)
        try:
            await self._table.update_item(api_key_at(key.id), _change(raised, key.version))
        except ConditionFailed as error:
            await self._resolve(raised, error)
        self._tell(raised)
        return raised

    def _tell(self, key: ApiKey) -> None:
        if self._remember is not None:
            self._remember(key)

    async def _resolve(self, raised: ApiKey, failed: ConditionFailed) -> None:
        """A failed condition is our own success where an earlier copy of the write was applied unanswered."""
        stored = await self.read(raised.id)
        if failed.resent and stored == raised:
            return
        raise KeyConflict(
            f"Key '{raised.id}' was changed by somebody else in the meantime; read it again and repeat the change."
        ) from failed


def _places(tenant: str | None, after: str, limit: int | None) -> Query:
    """No text that an index holds sorts between a place and the same place with a NUL behind it."""
    prefix = "" if tenant is None else tenant_prefix(tenant)
    values = {":all": ALL_KEYS, ":from": f"{after}\0" if after else prefix or "\0", ":to": f"{prefix}\U0010ffff"}
    expression = f"{INDEX_PARTITION} = :all AND {INDEX_SORT} BETWEEN :from AND :to"
    return Query(expression=expression, values=values, index=INDEX, limit=limit)


def _change(key: ApiKey, version: int) -> Update:
    item = render_api_key(key)
    values = {":doc": item[DOCUMENT], ":st": item[STATUS], ":v": item[VERSION], ":was": version}
    expression = f"SET {DOCUMENT} = :doc, {STATUS} = :st, {VERSION} = :v"
    if key.expires_at is None:
        expression += f" REMOVE {EXPIRY}"
    else:
        expression += f", {EXPIRY} = :xp"
        values[":xp"] = key.expires_at
    return Update(
        expression=expression,
        condition=f"attribute_exists({PARTITION}) AND {VERSION} = :was",
        values=values,
    )


def _not_found(key_id: str) -> NotFound:
    return NotFound(f"There is no key with id '{key_id}'.", code="key_not_found", param="id")
