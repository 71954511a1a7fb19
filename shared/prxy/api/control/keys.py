"""/v1/keys: create, list, read, revoke."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from msgspec import structs

from prxy.api.auth import authenticate, require_admin
from prxy.api.control.bodies import document, read_model
from prxy.api.control.schemas import CreateKey, describe_key, parse_limits
from prxy.control import ControlPlane
from prxy.store import key_text
from prxy.store.records import ApiKey, KeyStatus


def router(plane: ControlPlane) -> APIRouter:
    """The routes over one control plane; every one of them takes an admin key."""
    routes = APIRouter()

    async def admin(request: Request) -> ApiKey:
        key = await authenticate(request.headers, plane.keys, plane.clock())
        require_admin(key)
        return key

    @routes.post("/v1/keys", status_code=201, openapi_extra=document(CreateKey))
    async def create_key(request: Request) -> dict[str, Any]:
        """Make a key. The answer is the only place where its text ever stands."""
        await admin(request)
        body = await read_model(request, CreateKey)
        made = key_text.generate()
        key = ApiKey(
            id=made.id,
            name=body.name,
            tenant=body.tenant,
            secret_hash=key_text.hashed(made.text),
            created_at=int(plane.clock()),
            expires_at=body.expires_at,
            limits=parse_limits(body.limits, plane.default_per_day_usd),
            models=None if body.models is None else tuple(body.models),
            modules=None if body.modules is None else tuple(body.modules),
            mandatory=tuple(body.mandatory),
            pipeline=body.pipeline,
        )
        plane.pipelines.check(key)
        await plane.administration.create(key)
        return {**describe_key(key), "key": made.text}

    @routes.get("/v1/keys")
    async def list_keys(request: Request, tenant: str | None = None) -> dict[str, Any]:
        """All keys, of one tenant where it is named."""
        await admin(request)
        return {"object": "list", "data": [describe_key(key) for key in await plane.administration.list(tenant)]}

    @routes.get("/v1/keys/{key_id}")
    async def read_key(request: Request, key_id: str) -> dict[str, Any]:
        """One key."""
        await admin(request)
        return describe_key(await plane.administration.read(key_id))

    @routes.delete("/v1/keys/{key_id}", status_code=204)
    async def revoke_key(request: Request, key_id: str) -> Response:
        """Revoke a key: no call of it reaches a provider from the moment this returned."""
        await admin(request)
        key = await plane.administration.read(key_id)
        if key.status is not KeyStatus.REVOKED:
            await plane.administration.update(structs.replace(key, status=KeyStatus.REVOKED))
        return Response(status_code=204)

    return routes
