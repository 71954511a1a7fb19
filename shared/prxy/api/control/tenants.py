"""/v1/tenants: what all keys of a tenant may spend together."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from msgspec import structs
from pydantic import TypeAdapter, ValidationError

from prxy.api.control.admin import Admin
from prxy.api.control.auditing import note
from prxy.api.control.bodies import document, read_model
from prxy.api.control.schemas import Name, PutTenant, describe_limits, parse_limits
from prxy.canonical.errors import InvalidRequest, NotFound
from prxy.control import ControlPlane
from prxy.store.records import BudgetMode, Limits, Tenant

CONCURRENCY = 256
"""Calls of one tenant that run at a time, unless it says otherwise: each is a hold, and makes its item larger."""


_names: TypeAdapter[str] = TypeAdapter(Name)


class TenantRoutes:
    """Every one of them takes an admin key."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def router(self) -> APIRouter:
        routes = APIRouter()
        routes.add_api_route("/v1/tenants", self.list, methods=["GET"])
        routes.add_api_route("/v1/tenants/{tenant:path}", self.read, methods=["GET"])
        routes.add_api_route("/v1/tenants/{tenant:path}", self.put, methods=["PUT"], openapi_extra=document(PutTenant))
        return routes

    async def put(self, request: Request, admin: Admin, tenant: str) -> dict[str, Any]:
        """Give a tenant a budget, or another one. A lower limit holds at once, a first one within 10 seconds."""
        _check_name(tenant)
        body = await read_model(request, PutTenant)
        limits = structs.replace(parse_limits(body.limits, None), concurrency=body.limits.concurrency or CONCURRENCY)
        stored = await self._stored(tenant, BudgetMode(body.mode), limits)
        fields = {"mode", *(f"limits.{name}" for name in body.limits.model_fields_set)}
        await note(self._plane, admin, "tenant.put", f"tenant/{tenant}", fields)
        return describe_tenant(stored)

    async def _stored(self, tenant: str, mode: BudgetMode, limits: Limits) -> Tenant:
        administration = self._plane.tenants
        try:
            present = await administration.read(tenant)
        except NotFound:
            made = Tenant(id=tenant, mode=mode, limits=limits, created_at=int(self._plane.clock()))
            await administration.create(made)
            return made
        return await administration.update(structs.replace(present, mode=mode, limits=limits))

    async def list(self) -> dict[str, Any]:
        """All budgets of tenants."""
        return {"object": "list", "data": [describe_tenant(each) for each in await self._plane.tenants.list()]}

    async def read(self, tenant: str) -> dict[str, Any]:
        """One budget."""
        return describe_tenant(await self._plane.tenants.read(tenant))


def _check_name(tenant: str) -> None:
    try:
        _names.validate_python(tenant)
    except ValidationError as error:
        raise InvalidRequest(
            "The name of a tenant is 1 to 128 letters, digits, spaces and _.@:/+-, beginning with a letter or digit.",
            param="tenant",
        ) from error


def describe_tenant(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": tenant.id,
        "object": "tenant",
        "mode": tenant.mode.value,
        "limits": describe_limits(tenant.limits),
        "created_at": tenant.created_at,
    }
