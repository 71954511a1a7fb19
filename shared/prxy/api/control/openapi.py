"""The whole API as one OpenAPI 3.1 document: the admin routes as they are mounted, the data plane beside them.

https://spec.openapis.org/oas/v3.1.0 (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from prxy.api.control.data_plane import data_plane_paths
from prxy.api.control.errors import ERROR, error_responses

ADMIN_ERRORS = (400, 401, 403, 404, 409, 413, 415, 500, 503)
_BEARER = {"type": "http", "scheme": "bearer"}
_SCHEMES: dict[str, Any] = {
    "bearer": {**_BEARER, "description": "A key of the gateway, prxy_live_…"},
    "admin": {**_BEARER, "description": "An admin key, prxy_admin_…"},
    **{name: {"type": "apiKey", "in": "header", "name": name} for name in ("x-api-key", "x-goog-api-key")},
}


def describe_api(app: FastAPI) -> dict[str, Any]:
    """The document of an application of admin routes."""
    described = get_openapi(title=app.title, version=app.version, openapi_version="3.1.0", routes=app.routes)
    schemas: dict[str, Any] = {"Error": ERROR}
    for operation in _operations(described):
        operation["tags"] = ["admin"]
        operation["security"] = [{"admin": []}]
        operation["responses"].pop("422", None)
        operation["responses"] |= error_responses(ADMIN_ERRORS)
        schemas |= _taken_out(operation)
    return {
        **described,
        "paths": {**described["paths"], **data_plane_paths()},
        "components": {"schemas": schemas, "securitySchemes": _SCHEMES},
    }


def _operations(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in described["paths"].values():
        yield from path.values()


def _taken_out(operation: dict[str, Any]) -> dict[str, Any]:
    """The schemas that the one of a body refers to, which `document` leaves inside it."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    inner: dict[str, Any] = body.pop("$defs", {})
    return inner
