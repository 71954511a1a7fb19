"""Who may use the admin API."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from prxy.api.auth import authenticate, require_admin
from prxy.control import ControlPlane
from prxy.store.records import ApiKey

_ADMIN = Depends(HTTPBearer(scheme_name="admin", auto_error=False))
_ANY = [
    Depends(HTTPBearer(scheme_name="bearer", auto_error=False)),
    *(Depends(APIKeyHeader(name=name, scheme_name=name, auto_error=False)) for name in ("x-api-key", "x-goog-api-key")),
]
"""They refuse nothing: by them the OpenAPI document knows which key a route takes."""


async def _key_of(request: Request) -> ApiKey:
    plane: ControlPlane = request.app.state.plane
    return await authenticate(request.headers, plane.keys, plane.clock())


async def caller_of(
    request: Request,
    bearer: Annotated[object, _ANY[0]],
    api_key: Annotated[object, _ANY[1]],
    goog_api_key: Annotated[object, _ANY[2]],
) -> ApiKey:
    """The key of a request, of whatever kind. Raises NotAuthenticated, before anything else of it is looked at."""
    return await _key_of(request)


async def admin_of(request: Request, bearer: Annotated[object, _ADMIN]) -> ApiKey:
    """The admin key of a request. Raises NotAuthenticated and NotPermitted, before anything else of it is looked at."""
    key = await _key_of(request)
    require_admin(key)
    return key


Admin = Annotated[ApiKey, Depends(admin_of)]
Caller = Annotated[ApiKey, Depends(caller_of)]
