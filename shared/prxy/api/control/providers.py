"""/v1/providers: a tenant's own provider keys. What was put can be used and removed, and read by nobody."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from prxy.api.control import answers
from prxy.api.control.admin import Admin
from prxy.api.control.auditing import note
from prxy.api.control.bodies import document, read_model
from prxy.api.control.schemas import Name, PutProviderKey
from prxy.canonical.errors import InvalidRequest, NotFound
from prxy.control import ControlPlane
from prxy.store.ports import ProviderKeyAdministration
from prxy.store.records import ProviderKey

LEAST_SHOWN = 12
"""Of a shorter key nothing is shown: four characters would be too much of it."""

Tenant = Annotated[Name, Query(description="Whose key.")]
Provider = Annotated[str, Path(description="Name of the provider.", examples=["openai"])]


class ProviderRoutes:
    """Every one of them takes an admin key."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def router(self) -> APIRouter:
        routes, one = APIRouter(), "/v1/providers/{name}"
        routes.add_api_route(one, self.put, methods=["PUT"], openapi_extra=document(PutProviderKey))
        routes.add_api_route(one, self.read, methods=["GET"])
        routes.add_api_route(one, self.delete, methods=["DELETE"], status_code=204)
        return routes

    def _keys(self, name: str) -> ProviderKeyAdministration:
        if name not in self._plane.providers:
            raise NotFound(f"There is no provider '{name[:64]}'.", code="key_not_found", param="name")
        keys = self._plane.provider_keys
        if keys is None:
            raise InvalidRequest(
                "Provider keys cannot be stored here: the operator sets PRXY_PROVIDER_KEYS_KMS_KEY.",
                code="provider_not_configured",
                param="name",
            )
        return keys

    async def put(self, request: Request, admin: Admin, name: Provider) -> answers.ProviderKey:
        """Store a tenant's key for a provider, or another one. Other processes use it within a minute."""
        body = await read_model(request, PutProviderKey)
        text = body.key.get_secret_value()
        key = ProviderKey(
            tenant=body.tenant,
            provider=name,
            last4=text[-4:] if len(text) >= LEAST_SHOWN else "",
            updated_at=int(self._plane.clock()),
        )
        stored = await self._keys(name).put(key, text)
        await note(self._plane, admin, "provider_key.put", f"provider/{name}/{key.tenant}", ["key"])
        return describe(stored)

    async def read(self, name: Provider, tenant: Tenant = "default") -> answers.ProviderKey:
        """That there is a key, since when, and how it ends."""
        return describe(await self._keys(name).read(tenant, name))

    async def delete(self, admin: Admin, name: Provider, tenant: Tenant = "default") -> Response:
        """Remove a key. Other processes use it for a minute at the most."""
        await self._keys(name).delete(tenant, name)
        await note(self._plane, admin, "provider_key.delete", f"provider/{name}/{tenant}")
        return Response(status_code=204)


def describe(key: ProviderKey) -> answers.ProviderKey:
    return answers.ProviderKey(provider=key.provider, tenant=key.tenant, last4=key.last4, updated_at=key.updated_at)
