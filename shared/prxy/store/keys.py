"""Keys in the table, changed with care by the admin API."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from prxy.canonical.errors import InvalidRequest, NotFound
from prxy.store.key_text import ParsedKey, generate, hashed, parse_key, renew, verify
from prxy.store.ports import KeyAdministration
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
    render_api_key,
    render_new_api_key,
    tenant_prefix,
)
from prxy.store.table import Condition, ConditionFailed, Query, Table, Update

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

    def __init__(self, table: Table) -> None:
        self._table = table

    async def create(self, key: ApiKey) -> None:
        """Raises KeyConflict where the id is taken."""
        try:
            absent = Condition(expression=f"attribute_not_exists({PARTITION})")
            await self._table.put_item(render_new_api_key(key), condition=absent)
        except ConditionFailed as error:
            raise KeyConflict(f"A key with id '{key.id}' exists already; make another.", param="id") from error

    async def read(self, key_id: str) -> ApiKey:
        item = await self._table.get_item(api_key_at(key_id))
        if item is None:
            raise _not_found(key_id)
        return parse_api_key(item)

    async def list(self, tenant: str | None = None) -> Sequence[ApiKey]:
        """By tenant and id. The index may lag a moment behind the newest key."""
        expression, values = f"{INDEX_PARTITION} = :all", {":all": ALL_KEYS}
        if tenant is not None:
            expression += f" AND begins_with({INDEX_SORT}, :tenant)"
            values[":tenant"] = tenant_prefix(tenant)
        places = await self._table.query(Query(expression=expression, values=values, index=INDEX))
        items = await self._table.get_items([{PARTITION: each[PARTITION], SORT: each[SORT]} for each in places])
        keys = [parse_api_key(item) for item in items]
        return sorted((key for key in keys if tenant in (None, key.tenant)), key=lambda key: (key.tenant, key.id))

    async def update(self, key: ApiKey) -> ApiKey:
        """Raises KeyConflict where the stored version is another. The tenant of a key never changes."""
        raised = replace(key, version=key.version + 1)
        try:
            await self._table.update_item(api_key_at(key.id), _change(raised, key.version))
        except ConditionFailed as error:
            return await self._resolve(raised, error)
        return raised

    async def _resolve(self, raised: ApiKey, failed: ConditionFailed) -> ApiKey:
        """A failed condition is our own success where an earlier copy of the write was applied unanswered."""
        stored = await self.read(raised.id)
        if failed.resent and stored == raised:
            return stored
        raise KeyConflict(
            f"Key '{raised.id}' was changed by somebody else in the meantime; read it again and repeat the change."
        ) from failed


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
