"""/v1/usage/calls: the calls of one key in one day, one by one. A key sees its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from prxy.api.control.admin import Caller
from prxy.api.control.schemas import Strict
from prxy.api.control.usage import CSV, Day, KeyId, as_csv, closed, opened, wants_csv
from prxy.api.control.usage_answers import UsedCall, UsedCallList
from prxy.canonical.errors import InvalidRequest, NotPermitted
from prxy.control import ControlPlane
from prxy.money.usd import usd_from_nano
from prxy.store.records import ApiKey, Use
from prxy.usage_report import short_day

_PLACE = re.compile(r"[0-9]{10}#[0-9A-Za-z]{1,64}")


class CallsQuery(Strict):
    """A day of UTC, today where none is named. An admin key names whose calls it wants."""

    key_id: KeyId | None = None
    """Whose calls: an ordinary key's own where it is absent."""
    day: Day | None = None
    """Of UTC; today where it is absent."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """Rows of a page."""
    cursor: Annotated[str, Field(max_length=1024)] | None = None
    """`next` of the page before; absent for the first page."""
    format: Literal["json", "csv"] | None = None
    """JSON unless `accept` asks for text/csv."""


class UsedCallRoutes:
    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def router(self) -> APIRouter:
        routes = APIRouter()
        routes.add_api_route(
            "/v1/usage/calls",
            self.list,
            methods=["GET"],
            response_model=UsedCallList,
            responses={200: {"content": CSV}},
        )
        return routes

    async def list(
        self, request: Request, asking: Caller, query: Annotated[CallsQuery, Query()]
    ) -> UsedCallList | Response:
        """What each call of a key in a day used, in the order in which they were admitted. Kept for 400 days."""
        key = await self._plane.administration.read(_whose(asking, query.key_id))
        day = query.day or datetime.fromtimestamp(self._plane.clock(), UTC).date()
        found = await self._plane.usage.calls(key.id, short_day(day), query.limit, _place(query.cursor))
        rows = [_described(key, use) for use in found.calls]
        if wants_csv(request, query.format):
            return as_csv(list(UsedCall.model_fields), [_flat(row) for row in rows], found.next)
        return UsedCallList(data=rows, next=closed(found.next))


def _whose(asking: ApiKey, key_id: str | None) -> str:
    """Raises NotPermitted and InvalidRequest."""
    if asking.admin and key_id is None:
        raise InvalidRequest("Name the key whose calls you want.", code="missing_field", param="key_id")
    if not asking.admin and key_id not in {None, asking.id}:
        raise NotPermitted(
            "A key sees its own calls; for those of another one use an admin key.", code="admin_required"
        )
    return key_id or asking.id


def _place(cursor: str | None) -> str:
    place = opened(cursor) or ""
    if place and not _PLACE.fullmatch(place):
        raise InvalidRequest("'cursor' is what an earlier answer gave as 'next'.", param="cursor")
    return place


def _described(key: ApiKey, use: Use) -> UsedCall:
    tokens = use.tokens
    return UsedCall(
        attempt=use.attempt.name,
        request_id=use.request_id,
        admitted_at=datetime.fromtimestamp(use.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        key_id=key.id,
        tenant=key.tenant,
        project=use.project,
        calls=use.calls,
        provider=use.provider,
        model=use.model,
        requested_model=use.asked or use.model,
        answered_model=use.answered or use.model,
        status=use.status,
        error=use.error,
        cache=use.cache,
        modules=list(use.modules),
        input_tokens=tokens.input,
        cached_input_tokens=tokens.cached_input,
        cache_write_tokens=tokens.cache_write,
        output_tokens=tokens.output,
        reasoning_tokens=tokens.reasoning,
        cost_usd=None if use.unpriced else usd_from_nano(use.cost_nano),
        unconfirmed_usd=usd_from_nano(use.unconfirmed_nano),
        saved_usd=usd_from_nano(use.saved_nano),
        admitted_ms=use.admitted_ms,
        first_byte_ms=use.first_byte_ms,
        lasted_ms=use.lasted_ms,
    )


def _flat(row: UsedCall) -> list[object]:
    return [" ".join(value) if isinstance(value, list) else value for _, value in row]
