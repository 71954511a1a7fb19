"""/v1/usage: what was used and spent, by day, month, model, provider, key, tenant or project. A key sees itself."""

from __future__ import annotations

import asyncio
import base64
import binascii
import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator, Field

from prxy.api.control.admin import Caller
from prxy.api.control.schemas import Strict
from prxy.api.control.usage_answers import UsageReport
from prxy.canonical.errors import InvalidRequest, NotPermitted
from prxy.control import ControlPlane
from prxy.money.usd import usd_from_nano
from prxy.store.records import Account, ApiKey, Budget, DayOfUse, Standing, Used, budget_id
from prxy.usage_report import GroupBy, page_of, project_of, short_day

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
AT_ONCE = 16
"""Keys that are read side by side."""
MOST_DAYS = 400


def _day(value: object) -> date:
    if not isinstance(value, str) or len(value) != len("2026-11-22"):
        raise ValueError("use a day such as 2026-11-22")
    return date.fromisoformat(value)


Day = Annotated[date, BeforeValidator(_day)]
KeyId = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,32}$")]


class UsageQuery(Strict):
    """Days are UTC; both ends are included. From the first of this month until today where they are not named."""

    from_: Day | None = Field(default=None, alias="from")
    """The first of this month where it is absent."""
    to: Day | None = None
    """The last day; today where it is absent."""
    group_by: GroupBy = "day"
    """What the rows are by."""
    key_id: KeyId | None = None
    """One key alone; of other keys than its own only an admin key is told."""
    project: Annotated[str, Field(pattern=r"^.+/[^/]*$", max_length=256)] | None = None
    """One project alone, as `tenant/project`."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """Rows of a page."""
    cursor: Annotated[str, Field(max_length=1024)] | None = None
    """`next` of the page before; absent for the first page."""
    format: Literal["json", "csv"] | None = None
    """JSON unless `accept` asks for text/csv."""


CSV = {"text/csv": {"schema": {"type": "string", "description": "The rows; the next cursor is in `x-prxy-next`."}}}


class UsageRoutes:
    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def router(self) -> APIRouter:
        routes = APIRouter()
        routes.add_api_route(
            "/v1/usage", self.read, methods=["GET"], response_model=UsageReport, responses={200: {"content": CSV}}
        )
        return routes

    async def read(
        self, request: Request, key: Caller, query: Annotated[UsageQuery, Query()]
    ) -> UsageReport | Response:
        """What was used in some days, and how much of each budget is gone at this moment."""
        first, last = self._days(query)
        keys = await self._seen(key, query.key_id)
        used = await self._used(keys, first, last)
        asked = [day for day in used if query.project in {None, project_of(day)}]
        page = page_of(asked, query.group_by, query.limit, opened(query.cursor))
        if wants_csv(request, query.format):
            rows = [[name, *_described(used).values()] for name, used in page.rows]
            return as_csv([query.group_by, *_described(page.totals)], rows, page.next)
        budgets = [] if query.cursor else await self._budgets(key, keys, query)
        data = [{query.group_by: name, **_described(used)} for name, used in page.rows]
        answer = {"object": "list", "data": data, "totals": _described(page.totals), "budgets": budgets}
        return UsageReport.model_validate({**answer, "next": closed(page.next)})

    def _days(self, query: UsageQuery) -> tuple[date, date]:
        last = query.to or datetime.fromtimestamp(self._plane.clock(), UTC).date()
        first = query.from_ or last.replace(day=1)
        if not timedelta(0) <= last - first < timedelta(MOST_DAYS):
            raise InvalidRequest(
                f"'from' must be a day before 'to', or the same, and less than {MOST_DAYS} days before it.",
                param="from",
            )
        return first, last

    async def _seen(self, key: ApiKey, key_id: str | None) -> Sequence[ApiKey]:
        """Whose use the key may see, and asked for. Raises NotPermitted and NotFound."""
        administration = self._plane.administration
        if not key.admin and key_id not in {None, key.id}:
            raise NotPermitted("A key sees its own usage; for another one use an admin key.", code="admin_required")
        if key.admin and key_id is None:
            return [each for each in await administration.list() if not each.admin]
        return [await administration.read(key_id or key.id)]

    async def _used(self, keys: Sequence[ApiKey], first: date, last: date) -> Sequence[DayOfUse]:
        limit = asyncio.Semaphore(AT_ONCE)

        async def of(key: ApiKey) -> Sequence[DayOfUse]:
            async with limit:
                return await self._plane.usage.days(key.id, short_day(first), short_day(last))

        return [day for days in await asyncio.gather(*map(of, keys)) for day in days]

    async def _budgets(self, caller: ApiKey, keys: Sequence[ApiKey], query: UsageQuery) -> Sequence[dict[str, Any]]:
        """Those of keys, and for an admin those that keys share.

        Read after what was used: so a call that ends in between is missing there, never here.
        """
        now, limit = int(self._plane.clock()), asyncio.Semaphore(AT_ONCE)

        async def of(account: Account) -> Sequence[dict[str, Any]]:
            own = isinstance(account, ApiKey)
            standings = self._plane.standings if own else self._plane.budget_standings
            async with limit:
                day, month = await standings.standings(account.id, now)
            return [
                {**_whose(account), "window": "day", **_budget(account.limits.per_day_nano, day)},
                {**_whose(account), "window": "month", **_budget(account.limits.per_month_nano, month)},
            ]

        seen = [key for key in keys if query.project in {None, f"{key.tenant}/{key.project or ''}"}]
        shared = await self._shared(seen, query) if caller.admin else ()
        accounts: list[Account] = [*seen, *shared]
        return [budget for budgets in await asyncio.gather(*map(of, accounts)) for budget in budgets]

    async def _shared(self, keys: Sequence[ApiKey], query: UsageQuery) -> Sequence[Budget]:
        """Those that the keys draw on, where a key or a project was asked for; else all."""
        administration = self._plane.budgets
        tenants, projects = await asyncio.gather(administration.of_tenants(), administration.of_projects())
        if query.key_id is None and query.project is None:
            return [*tenants, *projects]
        drawn_on = {each for key in keys for each in key.shared}
        if query.project is not None:
            tenant, _, project = query.project.rpartition("/")
            drawn_on = {budget_id(tenant), budget_id(tenant, project)}
        return [each for each in (*tenants, *projects) if each.id in drawn_on]


def _whose(account: Account) -> dict[str, str]:
    if isinstance(account, ApiKey):
        return {"key_id": account.id}
    tenant = {"tenant": account.tenant}
    return tenant if account.project is None else {**tenant, "project": account.project}


def _budget(limit_nano: int | None, standing: Standing) -> dict[str, Any]:
    return {
        "limit_usd": None if limit_nano is None else usd_from_nano(limit_nano),
        "spent_usd": usd_from_nano(standing.spent_nano),
        "reserved_usd": usd_from_nano(standing.held_nano),
        "unconfirmed_usd": usd_from_nano(standing.unconfirmed_nano),
        "resets_at": datetime.fromtimestamp(standing.resets_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _described(used: Used) -> dict[str, int | str]:
    return {
        "calls": used.calls,
        "unpriced_calls": used.unpriced_calls,
        "input_tokens": used.input_tokens,
        "cached_input_tokens": used.cached_input_tokens,
        "cache_write_tokens": used.cache_write_tokens,
        "output_tokens": used.output_tokens,
        "reasoning_tokens": used.reasoning_tokens,
        "cost_usd": usd_from_nano(used.cost_nano),
        "unconfirmed_usd": usd_from_nano(used.unconfirmed_nano),
        "saved_usd": usd_from_nano(used.saved_nano),
    }


def wants_csv(request: Request, format_: str | None) -> bool:
    return format_ == "csv" or (format_ is None and "text/csv" in request.headers.get("accept", ""))


def as_csv(names: Sequence[str], rows: Sequence[Sequence[Any]], next_: str | None) -> Response:
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(names)
    table.writerows([[_inert(cell) for cell in row] for row in rows])
    after = closed(next_)
    return Response(written.getvalue(), media_type="text/csv", headers={"x-prxy-next": after} if after else {})


def _inert(cell: Any) -> Any:
    """A spreadsheet takes what begins so for a formula, and a provider may call its model what it likes."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def closed(name: str | None) -> str | None:
    return None if name is None else base64.urlsafe_b64encode(name.encode()).decode()


def opened(cursor: str | None) -> str | None:
    """Raises InvalidRequest for what was never given as `next`."""
    try:
        return None if cursor is None else base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise InvalidRequest("'cursor' is what an earlier answer gave as 'next'.", param="cursor") from error
