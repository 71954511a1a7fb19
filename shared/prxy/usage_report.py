"""What was used, grouped and in pages. Pure: no store, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

from prxy.store.records import DayOfUse, Used

GroupBy: TypeAlias = Literal["day", "month", "model", "provider", "key", "tenant", "project"]


def project_of(each: DayOfUse) -> str:
    """As `tenant/project`; nothing behind the slash for calls that were of no project."""
    return f"{each.tenant}/{each.project or ''}"


GROUPS: Mapping[GroupBy, Callable[[DayOfUse], str]] = {
    "day": lambda each: iso_day(each.day),
    "month": lambda each: iso_day(each.day)[:7],
    "model": lambda each: each.target,
    "provider": lambda each: each.target.partition("/")[0],
    "key": lambda each: each.key_id,
    "tenant": lambda each: each.tenant,
    "project": project_of,
}


class Page(Struct, frozen=True, kw_only=True):
    rows: tuple[tuple[str, Used], ...]
    """By what they are grouped by, in its order."""
    totals: Used
    """Of all pages."""
    next: str | None
    """The last row of this page, where there are more behind it."""


def page_of(days: Iterable[DayOfUse], by: GroupBy, limit: int, after: str | None) -> Page:
    """At most `limit` rows, those behind `after`."""
    groups: dict[str, Used] = {}
    for each in days:
        name = GROUPS[by](each)
        groups[name] = groups.get(name, Used()) + each.used
    waiting = [(name, groups[name]) for name in sorted(groups) if after is None or name > after]
    rows = tuple(waiting[:limit])
    more = len(waiting) > len(rows)
    return Page(rows=rows, totals=sum(groups.values(), Used()), next=rows[-1][0] if more else None)


def iso_day(day: str) -> str:
    """`20261122` -> `2026-11-22`."""
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"


def short_day(day: date) -> str:
    return f"{day:%Y%m%d}"
