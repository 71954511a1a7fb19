"""Who may use the admin API."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from prxy.api.auth import authenticate, require_admin
from prxy.control import ControlPlane
from prxy.store.records import ApiKey


async def admin_of(request: Request) -> ApiKey:
    """The admin key of a request. Raises NotAuthenticated and NotPermitted, before anything else of it is looked at."""
    plane: ControlPlane = request.app.state.plane
    key = await authenticate(request.headers, plane.keys, plane.clock())
    require_admin(key)
    return key


Admin = Annotated[ApiKey, Depends(admin_of)]
