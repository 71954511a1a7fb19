"""/v1/keys: create, list, read, change, revoke, rotate."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from msgspec import structs

from prxy.api.control.admin import Admin
from prxy.api.control.answers import (
    CreatedKey,
    Key,
    KeyList,
    Reconciled,
    describe_created,
    describe_key,
)
from prxy.api.control.auditing import note
from prxy.api.control.bodies import document, read_model, read_optional_model
from prxy.api.control.changes import named_fields, patched, refuse_revoked
from prxy.api.control.paging import MOST, Cursor, Limit, parse_cursor, render_cursor
from prxy.api.control.schemas import CreateKey, PatchKey, ReconcileAttempt, RotateKey, parse_limits
from prxy.api.control.tenant_names import check_tenant
from prxy.canonical.errors import InvalidRequest, NotFound
from prxy.control import ControlPlane
from prxy.money.usd import nano_from_usd, usd_from_nano
from prxy.store import key_text
from prxy.store.key_text import ParsedKey
from prxy.store.records import ApiKey, Attempted, KeyStatus

LARGEST_BYTES = 32_768
"""Of a key as it is stored. Its item also holds counters and holds, and DynamoDB takes 400 KB."""
KeyId = Annotated[str, Path(description="Id of the key.")]
OfTenant = Annotated[str | None, Query(description="Keys of this tenant alone.")]
_ID = re.compile(r"[0-9A-Za-z]{12}")


class KeyRoutes:
    """Every one of them takes an admin key."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def router(self) -> APIRouter:
        routes, one = APIRouter(), "/v1/keys/{key_id}"
        routes.add_api_route("/v1/keys", self.list, methods=["GET"])
        routes.add_api_route(
            "/v1/keys", self.create, methods=["POST"], status_code=201, openapi_extra=document(CreateKey)
        )
        routes.add_api_route(one, self.read, methods=["GET"])
        routes.add_api_route(one, self.change, methods=["PATCH"], openapi_extra=document(PatchKey))
        routes.add_api_route(one, self.revoke, methods=["DELETE"], status_code=204)
        routes.add_api_route(f"{one}/rotate", self.rotate, methods=["POST"], openapi_extra=document(RotateKey))
        routes.add_api_route(
            f"{one}/reconcile", self.reconcile, methods=["POST"], openapi_extra=document(ReconcileAttempt)
        )
        return routes

    async def create(self, request: Request, admin: Admin) -> CreatedKey:
        """Make a key. The answer is the only place where its text ever stands."""
        made = key_text.generate()
        body = await read_model(request, CreateKey)
        key = self._sound(self._new_key(made, body))
        await check_tenant(self._plane, key.tenant)
        await self._plane.administration.create(key)
        await self._note(admin, "key.create", key, body.model_fields_set)
        return describe_created(key, made.text)

    def _new_key(self, made: ParsedKey, body: CreateKey) -> ApiKey:
        return ApiKey(
            id=made.id,
            name=body.name,
            tenant=body.tenant,
            project=body.project,
            secret_hash=key_text.hashed(made.text),
            created_at=int(self._plane.clock()),
            expires_at=body.expires_at,
            limits=parse_limits(body.limits, self._plane.default_per_day_usd),
            models=None if body.models is None else tuple(body.models),
            modules=None if body.modules is None else tuple(body.modules),
            mandatory=tuple(body.mandatory),
            pipeline=body.pipeline,
            metadata=body.metadata,
        )

    async def _note(self, admin: ApiKey, action: str, key: ApiKey, fields: Iterable[str]) -> None:
        await note(self._plane, admin, action, f"key/{key.id}", fields)

    def _sound(self, key: ApiKey) -> ApiKey:
        """The key, if it can be stored and used. Raises InvalidRequest."""
        self._plane.pipelines.check(key)
        if len(msgspec.json.encode(key)) > LARGEST_BYTES:
            raise InvalidRequest(f"A key may take {LARGEST_BYTES} bytes of JSON; shorten its lists.", param="pipeline")
        return key

    async def list(self, tenant: OfTenant = None, limit: Limit = MOST, cursor: Cursor = None) -> KeyList:
        """Keys by tenant and id, of one tenant where it is named. `next` is the cursor of the next page."""
        listing = f"keys {tenant or ''}"
        found = await self._plane.administration.page(tenant, after=parse_cursor(listing, cursor), limit=limit)
        following = None if found.next is None else render_cursor(listing, found.next)
        return KeyList(data=[describe_key(key) for key in found.keys], next=following)

    async def read(self, key_id: KeyId) -> Key:
        """One key."""
        return describe_key(await self._stored(key_id))

    async def _stored(self, key_id: str) -> ApiKey:
        if not _ID.fullmatch(key_id):
            raise NotFound(f"There is no key with id '{key_id[:64]}'.", code="key_not_found", param="id")
        return await self._plane.administration.read(key_id)

    async def change(self, request: Request, admin: Admin, key_id: KeyId) -> Key:
        """Change a key: what is not named stays, null clears. Calls that reach a provider obey at once."""
        body = await read_model(request, PatchKey)
        key = await self._stored(key_id)
        changed = self._sound(patched(key, body))
        if changed != key:
            changed = await self._plane.administration.update(changed)
            await self._note(admin, "key.change", key, named_fields(body))
        return describe_key(changed)

    async def revoke(self, admin: Admin, key_id: KeyId) -> Response:
        """Revoke a key: no call of it reaches a provider from the moment this returned."""
        key = await self._stored(key_id)
        if key.status is not KeyStatus.REVOKED:
            await self._plane.administration.update(structs.replace(key, status=KeyStatus.REVOKED))
            await self._note(admin, "key.revoke", key, ["status"])
        return Response(status_code=204)

    async def rotate(self, request: Request, admin: Admin, key_id: KeyId) -> CreatedKey:
        """Give a key another secret, shown in this answer only. Limits and spend stay.

        The old secret reaches no provider from the moment this returned, or once the overlap is over. A key has at
        most two secrets: one from a rotation before is dropped.
        """
        body = await read_optional_model(request, RotateKey)
        key = await self._stored(key_id)
        refuse_revoked(key, "id")
        made = key_text.renew(key.id, admin=key.admin)
        until = int(self._plane.clock()) + body.overlap_s if body.overlap_s else None
        rotated = structs.replace(
            key,
            secret_hash=key_text.hashed(made.text),
            previous_hash=key.secret_hash if until else None,
            previous_until=until,
        )
        rotated = await self._plane.administration.update(rotated)
        await self._note(admin, "key.rotate", key, body.model_fields_set)
        return describe_created(rotated, made.text)

    async def reconcile(self, request: Request, admin: Admin, key_id: KeyId) -> Reconciled:
        """Charge an attempt what it did cost, in place of the unconfirmed amount that was held for it.

        In the key, and in the budgets of its project and its tenant where they charged the same attempt. To repeat it
        changes nothing; another cost than before is refused.
        """
        body = await read_model(request, ReconcileAttempt)
        key = await self._stored(key_id)
        at, _, nonce = body.attempt.partition("#")
        attempt, now = Attempted(at=int(at), nonce=nonce), int(self._plane.clock())
        done = await self._plane.reconciliation.reconcile(key, attempt, nano_from_usd(body.cost_usd), now)
        if done.accounts:
            await note(self._plane, admin, "key.reconcile", f"key/{key.id}", body.model_fields_set)
        return Reconciled(
            key_id=key.id,
            attempt=body.attempt,
            cost_usd=usd_from_nano(nano_from_usd(body.cost_usd)),
            accounts=[*done.accounts],
            given_back_usd=usd_from_nano(done.given_back_nano),
        )
