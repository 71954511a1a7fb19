"""What admins did, in the table: items are added, never changed and never removed."""

from __future__ import annotations

import time

from prxy.store.ports import AuditPage, AuditTrail
from prxy.store.records import AuditEntry
from prxy.store.schema import PARTITION, SORT, audit_partition, parse_audit, render_audit, text
from prxy.store.table import Condition, ConditionFailed, Query, Table

FIRST_YEAR = 2026
"""No entry is older."""


class DynamoAuditTrail(AuditTrail):
    def __init__(self, table: Table) -> None:
        self._table = table

    async def write(self, entry: AuditEntry) -> None:
        absent = Condition(expression=f"attribute_not_exists({PARTITION})")
        try:
            await self._table.put_item(render_audit(entry), condition=absent)
        except ConditionFailed as error:
            if not error.resent:
                raise

    async def page(self, *, after: str, until_s: int, limit: int) -> AuditPage:
        """One query for each year from that of `after` on, until the page is full."""
        found: list[tuple[str, AuditEntry]] = []
        for year in range(max(FIRST_YEAR, _year(int(after[:13]) // 1000)), _year(until_s) + 1):
            query = Query(
                expression=f"{PARTITION} = :year AND {SORT} > :after",
                values={":year": audit_partition(year), ":after": after},
                limit=limit + 1 - len(found),
            )
            found += [(text(item[SORT]), parse_audit(item)) for item in await self._table.query(query)]
            if len(found) > limit:
                break
        shown = found[:limit]
        return AuditPage(entries=[entry for _, entry in shown], next=shown[-1][0] if len(found) > limit else None)


def _year(epoch_s: int) -> int:
    return time.gmtime(epoch_s).tm_year
