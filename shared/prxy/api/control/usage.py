"""/v1/usage: what was used and spent, by day, month, model, provider, key or tenant. A key sees itself."""

from __future__ import annotations

import asyncio
import base64
import binascii
import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator, Field

from prxy.api.auth import authenticate
from prxy.api.control.bodies import checked
from prxy.api.control.schemas import Strict
from prxy.canonical.errors import InvalidRequest, NotPermitted
from prxy.control import ControlPlane
from prxy.money.usd import usd_from_nano
from prxy.store.records import ApiKey, DayOfUse, Standing, Used
from prxy.usage_report import GroupBy, Page, page_of, short_day

AT_ONCE = 16
"""Keys that are read side by side."""
MOST_DAYS = 400


def _day(value: object) -> date:
    if not isinstance(value, str) or len(value) != len("2026-11-22"):
        raise ValueError("use a day such as 2026-11-22")
    return date.fromisoformat(value)


Day = Annotated[date, BeforeValidator(_day)]


class UsageQuery(Strict):
    """Days are UTC; both ends are included. From the first of this month until today where they are not named."""

    from_: Day | None = Field(default=None, alias="from")
    to: Day | None = None
    group_by: GroupBy = "day"
    key_id: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,32}$")] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[str, Field(max_length=1024)] | None = None
    format: Literal["json", "csv"] | None = None


class UsageRoutes:
    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def router(self) -> APIRouter:
        routes = APIRouter()
        routes.add_api_route("/v1/usage", self.read, methods=["GET"])
        return routes

    async def read(self, request: Request) -> Response:
        """What was used in some days, and how much of each budget is gone at this moment."""
        key = await authenticate(request.headers, self._plane.keys, self._plane.clock())
        query = checked(dict(request.query_params), UsageQuery)
        first, last = self._days(query)
        keys = await self._seen(key, query.key_id)
        page = page_of(await self._used(keys, first, last), query.group_by, query.limit, _opened(query.cursor))
        if query.format == "csv" or (query.format is None and "text/csv" in request.headers.get("accept", "")):
            return _csv(page, query.group_by)
        budgets = [] if query.cursor else await self._budgets(keys)
        rows = [{query.group_by: name, **_described(used)} for name, used in page.rows]
        answer = {"object": "list", "data": rows, "totals": _described(page.totals), "budgets": budgets}
        return JSONResponse({**answer, "next": _closed(page.next)})

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

    async def _budgets(self, keys: Sequence[ApiKey]) -> Sequence[dict[str, Any]]:
        """Read after what was used: so a call that ends in between is missing there, never here."""
        now, limit = int(self._plane.clock()), asyncio.Semaphore(AT_ONCE)

        async def of(key: ApiKey) -> Sequence[dict[str, Any]]:
            async with limit:
                day, month = await self._plane.standings.standings(key.id, now)
            return [
                {"key_id": key.id, "window": "day", **_budget(key.limits.per_day_nano, day)},
                {"key_id": key.id, "window": "month", **_budget(key.limits.per_month_nano, month)},
            ]

        return [budget for budgets in await asyncio.gather(*map(of, keys)) for budget in budgets]


def _budget(limit_nano: int | None, standing: Standing) -> dict[str, Any]:
    return {
        "limit_usd": None if limit_nano is None else usd_from_nano(limit_nano),
        "spent_usd": usd_from_nano(standing.spent_nano),
        "reserved_usd": usd_from_nano(standing.held_nano),
        "unconfirmed_usd": usd_from_nano(standing.unconfirmed_nano),
        "resets_at": datetime.fromtimestamp(standing.resets_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _described(used: Used) -> dict[str, int | str | None]:
    """What caches saved is told by the lines of their calls alone, which write nothing to the table."""
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
        "saved_usd": None,
    }


def _csv(page: Page, by: GroupBy) -> Response:
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow([by, *_described(page.totals)])
    for name, used in page.rows:
        table.writerow([name, *_described(used).values()])
    after = _closed(page.next)
    return Response(written.getvalue(), media_type="text/csv", headers={"x-prxy-next": after} if after else {})


def _closed(name: str | None) -> str | None:
    return None if name is None else base64.urlsafe_b64encode(name.encode()).decode()


def _opened(cursor: str | None) -> str | None:
    """Raises InvalidRequest for what was never given as `next`."""
    try:
        return None if cursor is None else base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise InvalidRequest("'cursor' is what an earlier answer gave as 'next'.", param="cursor") from error
