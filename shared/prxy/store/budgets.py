"""Budgets of tenants and projects in the table, changed with care by the admin API. None is deleted: `off` ends one."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from prxy.canonical.errors import NotFound
from prxy.store.keys import KeyConflict
from prxy.store.ports import BudgetAdministration
from prxy.store.records import Budget, budget_id
from prxy.store.schema import (
    DOCUMENT,
    INDEX,
    INDEX_PARTITION,
    INDEX_SORT,
    OF_PROJECTS,
    OF_TENANTS,
    PARTITION,
    SORT,
    VERSION,
    budget_at,
    parse_budget,
    projects_prefix,
    render_budget,
    render_new_budget,
)
from prxy.store.table import Condition, ConditionFailed, Query, Table, Update


class DynamoBudgetAdministration(BudgetAdministration):
    """Never touches a counter or a hold: those belong to the ledger alone."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def create(self, budget: Budget) -> None:
        try:
            absent = Condition(expression=f"attribute_not_exists({PARTITION})")
            await self._table.put_item(render_new_budget(budget), condition=absent)
        except ConditionFailed as error:
            raise _conflict(budget) from error

    async def read(self, tenant: str, project: str | None = None) -> Budget:
        item = await self._table.get_item(budget_at(budget_id(tenant, project)))
        if item is None:
            wanted = Budget(tenant=tenant, project=project)
            raise NotFound(f"The {_named(wanted)} has no budget.", code="key_not_found", param=wanted.kind)
        return parse_budget(item)

    async def of_tenants(self) -> Sequence[Budget]:
        return await self._at(Query(expression=f"{INDEX_PARTITION} = :all", values={":all": OF_TENANTS}, index=INDEX))

    async def of_projects(self, tenant: str | None = None) -> Sequence[Budget]:
        expression, values = f"{INDEX_PARTITION} = :all", {":all": OF_PROJECTS}
        if tenant is not None:
            expression += f" AND begins_with({INDEX_SORT}, :of)"
            values[":of"] = projects_prefix(tenant)
        return await self._at(Query(expression=expression, values=values, index=INDEX))

    async def _at(self, query: Query) -> Sequence[Budget]:
        places = await self._table.query(query)
        items = await self._table.get_items([{PARTITION: each[PARTITION], SORT: each[SORT]} for each in places])
        return sorted(map(parse_budget, items), key=lambda budget: (budget.tenant, budget.project or ""))

    async def update(self, budget: Budget) -> Budget:
        raised = replace(budget, version=budget.version + 1)
        item = render_budget(raised)
        change = Update(
            expression=f"SET {DOCUMENT} = :doc, {VERSION} = :v",
            condition=f"{VERSION} = :was",
            values={":doc": item[DOCUMENT], ":v": item[VERSION], ":was": budget.version},
        )
        try:
            await self._table.update_item(budget_at(budget.id), change)
        except ConditionFailed as error:
            if error.resent and await self.read(budget.tenant, budget.project) == raised:
                return raised
            raise _conflict(budget) from error
        return raised


def _named(budget: Budget) -> str:
    tenant = f"tenant '{budget.tenant}'"
    return tenant if budget.project is None else f"project '{budget.project}' of {tenant}"


def _conflict(budget: Budget) -> KeyConflict:
    return KeyConflict(
        f"The budget of the {_named(budget)} was changed by somebody else in the meantime; "
        "read it and repeat the change."
    )
