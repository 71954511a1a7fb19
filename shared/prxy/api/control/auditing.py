"""The audit trail: every change by an admin leaves an entry, and admins can read them."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query

from prxy.api.control import answers
from prxy.api.control.paging import Cursor, Limit, parse_cursor, render_cursor
from prxy.canonical.errors import InvalidRequest, StoreUnavailable
from prxy.control import ControlPlane
from prxy.store.records import ApiKey, AuditEntry

LOOK_BACK_S = 30 * 86_400
"""Where a list begins that names no `from`."""
LATEST = 2**40
PAGE = 100
_PLACE = re.compile(r"[0-9]{13}#[0-9a-f]{16}")
_log = logging.getLogger(__name__)


async def note(plane: ControlPlane, admin: ApiKey, action: str, target: str, fields: Iterable[str] = ()) -> None:
    """Say who changed what. The change stands; where the entry cannot be written, a line of the log holds it."""
    entry = AuditEntry(
        at_ms=int(plane.clock() * 1000),
        nonce=secrets.token_hex(8),
        by=admin.id,
        action=action,
        target=target,
        fields=tuple(sorted(fields)),
    )
    try:
        await plane.audit.write(entry)
    except StoreUnavailable:
        _log.error("audit_failed", extra={**describe(entry).model_dump(), "fields": ", ".join(entry.fields)})


class AuditRoutes:
    """Takes an admin key."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def router(self) -> APIRouter:
        routes = APIRouter()
        routes.add_api_route("/v1/audit", self.list, methods=["GET"])
        return routes

    async def list(
        self,
        since: Annotated[
            int | None,
            Query(alias="from", ge=0, le=LATEST, description="Epoch seconds; 30 days ago where it is absent."),
        ] = None,
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> answers.AuditList:
        """Changes by admins, the oldest first."""
        now = int(self._plane.clock())
        after = _place(cursor) or f"{(now - LOOK_BACK_S if since is None else since) * 1000:013d}"
        found = await self._plane.audit.page(after=after[:30], until_s=now, limit=limit)
        following = None if found.next is None else render_cursor("audit", found.next)
        return answers.AuditList(data=[describe(entry) for entry in found.entries], next=following)


def _place(cursor: str | None) -> str:
    place = parse_cursor("audit", cursor)
    if place and not _PLACE.fullmatch(place):
        raise InvalidRequest("'cursor' is not the 'next' of this list; begin without it.", param="cursor")
    return place


def describe(entry: AuditEntry) -> answers.AuditEntry:
    return answers.AuditEntry(
        at=entry.at_ms / 1000,
        by=entry.by,
        action=entry.action,
        target=entry.target,
        fields=list(entry.fields),
    )
