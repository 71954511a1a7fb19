"""/v1/tenants: what all keys of a tenant may spend together, and those of each of its projects."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from msgspec import structs
from pydantic import TypeAdapter, ValidationError

from prxy.api.control import answers
from prxy.api.control.admin import Admin
from prxy.api.control.answers import ProjectList, TenantList, describe_limits
from prxy.api.control.auditing import note
from prxy.api.control.bodies import document, read_model
from prxy.api.control.schemas import ProjectName, PutBudget, TenantName, parse_limits
from prxy.api.control.tenant_names import check_tenant
from prxy.canonical.errors import InvalidRequest, NotFound
from prxy.control import ControlPlane
from prxy.store.records import ApiKey, Budget, BudgetMode

CONCURRENCY = 256
"""Calls under one budget that run at a time, unless it says otherwise: each is a hold, and makes its item larger."""


Tenant = Annotated[str, Path(description="Name of the tenant.", examples=["default"])]
Project = Annotated[str, Path(description="Name of the project, without its tenant.", examples=["web"])]
_tenants: TypeAdapter[str] = TypeAdapter(TenantName)
_projects: TypeAdapter[str] = TypeAdapter(ProjectName)


class TenantRoutes:
    """Every one of them takes an admin key."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def router(self) -> APIRouter:
        """Of two paths that fit a request, the one that is named first is taken."""
        routes, tenant = APIRouter(), "/v1/tenants/{tenant:path}"
        projects, project, body = f"{tenant}/projects", f"{tenant}/projects/{{project}}", document(PutBudget)
        routes.add_api_route("/v1/tenants", self.list, methods=["GET"])
        routes.add_api_route(projects, self.list_projects, methods=["GET"])
        routes.add_api_route(project, self.read_project, methods=["GET"])
        routes.add_api_route(project, self.put_project, methods=["PUT"], openapi_extra=body)
        routes.add_api_route(tenant, self.read, methods=["GET"])
        routes.add_api_route(tenant, self.put, methods=["PUT"], openapi_extra=body)
        return routes

    async def put(self, request: Request, admin: Admin, tenant: Tenant) -> answers.Tenant:
        """Give a tenant a budget, or another one. A lower limit holds at once, a first one within 10 seconds."""
        return describe_tenant(await self._put(request, admin, Budget(tenant=tenant)))

    async def put_project(self, request: Request, admin: Admin, tenant: Tenant, project: Project) -> answers.Project:
        """Give a project a budget, or another one. A lower limit holds at once, a first one within 10 seconds."""
        return describe_project(await self._put(request, admin, Budget(tenant=tenant, project=project)))

    async def _put(self, request: Request, admin: ApiKey, named: Budget) -> Budget:
        _check_names(named)
        body = await read_model(request, PutBudget)
        await check_tenant(self._plane, named.tenant)
        limits = structs.replace(parse_limits(body.limits, None), concurrency=body.limits.concurrency or CONCURRENCY)
        stored = await self._stored(structs.replace(named, mode=BudgetMode(body.mode), limits=limits))
        fields = {"mode", *(f"limits.{name}" for name in body.limits.model_fields_set)}
        await note(self._plane, admin, f"{named.kind}.put", f"{named.kind}/{_path(named)}", fields)
        return stored

    async def _stored(self, wanted: Budget) -> Budget:
        administration = self._plane.budgets
        try:
            present = await administration.read(wanted.tenant, wanted.project)
        except NotFound:
            made = structs.replace(wanted, created_at=int(self._plane.clock()))
            await administration.create(made)
            return made
        return await administration.update(structs.replace(present, mode=wanted.mode, limits=wanted.limits))

    async def list(self) -> TenantList:
        """All budgets of tenants."""
        return TenantList(data=[describe_tenant(each) for each in await self._plane.budgets.of_tenants()])

    async def list_projects(self, tenant: Tenant) -> ProjectList:
        """All budgets of projects of a tenant."""
        return ProjectList(data=[describe_project(each) for each in await self._plane.budgets.of_projects(tenant)])

    async def read(self, tenant: Tenant) -> answers.Tenant:
        """The budget of a tenant."""
        return describe_tenant(await self._plane.budgets.read(tenant))

    async def read_project(self, tenant: Tenant, project: Project) -> answers.Project:
        """The budget of a project."""
        return describe_project(await self._plane.budgets.read(tenant, project))


def _check_names(named: Budget) -> None:
    """Raises InvalidRequest."""
    try:
        _tenants.validate_python(named.tenant)
    except ValidationError as error:
        raise InvalidRequest(
            "The name of a tenant is 1 to 128 letters, digits, spaces and _.@:/+-, beginning with a letter or digit, "
            "and has no part 'projects' behind a slash.",
            param="tenant",
        ) from error
    try:
        _projects.validate_python(named.project or "0")
    except ValidationError as error:
        raise InvalidRequest(
            "The name of a project is 1 to 64 letters, digits, spaces and _.@:+-, beginning with a letter or digit.",
            param="project",
        ) from error


def _path(budget: Budget) -> str:
    """Nothing stands behind the last slash but a project."""
    return budget.tenant if budget.project is None else f"{budget.tenant}/{budget.project}"


def describe_tenant(budget: Budget) -> answers.Tenant:
    return answers.Tenant(
        id=budget.tenant,
        mode=budget.mode.value,
        limits=describe_limits(budget.limits),
        created_at=budget.created_at,
    )


def describe_project(budget: Budget) -> answers.Project:
    return answers.Project(
        id=budget.project or "",
        tenant=budget.tenant,
        mode=budget.mode.value,
        limits=describe_limits(budget.limits),
        created_at=budget.created_at,
    )
