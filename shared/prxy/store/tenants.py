"""Budgets of tenants in the table, changed with care by the admin API. They are never deleted: `off` ends one."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from prxy.canonical.errors import NotFound
from prxy.store.keys import KeyConflict
from prxy.store.ports import TenantAdministration
from prxy.store.records import Tenant
from prxy.store.schema import (
    ALL_TENANTS,
    DOCUMENT,
    INDEX,
    INDEX_PARTITION,
    PARTITION,
    SORT,
    VERSION,
    parse_tenant,
    render_new_tenant,
    render_tenant,
    tenant_at,
)
from prxy.store.table import Condition, ConditionFailed, Query, Table, Update


class DynamoTenantAdministration(TenantAdministration):
    """Never touches a counter or a hold: those belong to the ledger alone."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def create(self, tenant: Tenant) -> None:
        try:
            absent = Condition(expression=f"attribute_not_exists({PARTITION})")
            await self._table.put_item(render_new_tenant(tenant), condition=absent)
        except ConditionFailed as error:
            raise _conflict(tenant) from error

    async def read(self, tenant: str) -> Tenant:
        item = await self._table.get_item(tenant_at(tenant))
        if item is None:
            raise NotFound(f"The tenant '{tenant}' has no budget.", code="key_not_found", param="tenant")
        return parse_tenant(item)

    async def list(self) -> Sequence[Tenant]:
        query = Query(expression=f"{INDEX_PARTITION} = :all", values={":all": ALL_TENANTS}, index=INDEX)
        places = await self._table.query(query)
        items = await self._table.get_items([{PARTITION: each[PARTITION], SORT: each[SORT]} for each in places])
        return sorted(map(parse_tenant, items), key=lambda tenant: tenant.id)

    async def update(self, tenant: Tenant) -> Tenant:
        raised = replace(tenant, version=tenant.version + 1)
        item = render_tenant(raised)
        change = Update(
            expression=f"SET {DOCUMENT} = :doc, {VERSION} = :v",
            condition=f"{VERSION} = :was",
            values={":doc": item[DOCUMENT], ":v": item[VERSION], ":was": tenant.version},
        )
        try:
            await self._table.update_item(tenant_at(tenant.id), change)
        except ConditionFailed as error:
            if error.resent and await self.read(tenant.id) == raised:
                return raised
            raise _conflict(tenant) from error
        return raised


def _conflict(tenant: Tenant) -> KeyConflict:
    return KeyConflict(
        f"The budget of '{tenant.id}' was changed by somebody else in the meantime; read it and repeat the change."
    )
