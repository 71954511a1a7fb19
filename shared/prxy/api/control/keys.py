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
from prxy.store.key_text import ParsedKey
from prxy.store.records import ApiKey, KeyStatus


class KeyRoutes:
    """Every one of them takes an admin key."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def router(self) -> APIRouter:
        routes = APIRouter()
        routes.add_api_route("/v1/keys", self.list, methods=["GET"])
        routes.add_api_route(
            "/v1/keys", self.create, methods=["POST"], status_code=201, openapi_extra=document(CreateKey)
        )
        routes.add_api_route("/v1/keys/{key_id}", self.read, methods=["GET"])
        routes.add_api_route("/v1/keys/{key_id}", self.revoke, methods=["DELETE"], status_code=204)
        return routes

    async def _require_admin(self, request: Request) -> None:
        require_admin(await authenticate(request.headers, self._plane.keys, self._plane.clock()))

    async def create(self, request: Request) -> dict[str, Any]:
        """Make a key. The answer is the only place where its text ever stands."""
        await self._require_admin(request)
        made = key_text.generate()
        key = self._new_key(made, await read_model(request, CreateKey))
        self._plane.pipelines.check(key)
        await self._plane.administration.create(key)
        return {**describe_key(key), "key": made.text}

    def _new_key(self, made: ParsedKey, body: CreateKey) -> ApiKey:
        return ApiKey(
            id=made.id,
            name=body.name,
            tenant=body.tenant,
            secret_hash=key_text.hashed(made.text),
            created_at=int(self._plane.clock()),
            expires_at=body.expires_at,
            limits=parse_limits(body.limits, self._plane.default_per_day_usd),
            models=None if body.models is None else tuple(body.models),
            modules=None if body.modules is None else tuple(body.modules),
            mandatory=tuple(body.mandatory),
            pipeline=body.pipeline,
        )

    async def list(self, request: Request, tenant: str | None = None) -> dict[str, Any]:
        """All keys, of one tenant where it is named."""
        await self._require_admin(request)
        keys = await self._plane.administration.list(tenant)
        return {"object": "list", "data": [describe_key(key) for key in keys]}

    async def read(self, request: Request, key_id: str) -> dict[str, Any]:
        """One key."""
        await self._require_admin(request)
        return describe_key(await self._plane.administration.read(key_id))

    async def revoke(self, request: Request, key_id: str) -> Response:
        """Revoke a key: no call of it reaches a provider from the moment this returned."""
        await self._require_admin(request)
        key = await self._plane.administration.read(key_id)
        if key.status is not KeyStatus.REVOKED:
            await self._plane.administration.update(structs.replace(key, status=KeyStatus.REVOKED))
        return Response(status_code=204)
