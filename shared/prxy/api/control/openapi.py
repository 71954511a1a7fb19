"""The whole API as one OpenAPI 3.1 document: the admin routes as they are mounted, the data plane beside them.

An admin route tells everything about itself: its docstring, its parameters, the type that it returns, `document(…)` of
the body that it reads. https://spec.openapis.org/oas/v3.1.0 (as of 2026-11)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from prxy.api.control import headers, small_answers, wires
from prxy.api.control.data_plane import SCHEMES, TAG, data_plane_paths
from prxy.api.control.errors import error_responses

READ_ERRORS = (400, 401, 403, 404, 500, 503)
WRITE_ERRORS = (400, 401, 403, 404, 409, 413, 415, 500, 503)
ADMIN_TAG = "admin"
_HEAD: dict[str, Any] = {
    "description": (
        "One key, every model, and budgets that cannot be overspent. The data plane speaks the wires of OpenAI, "
        "Anthropic and Google, and translates between them; the admin API makes keys, budgets and provider keys. "
        "Errors on a vendor's wire have that vendor's shape, all others OpenAI's."
    ),
    "license_info": {"name": "MIT", "identifier": "MIT"},
    "servers": [
        {"url": "http://127.0.0.1:3099", "description": "As `make run` starts it."},
        {
            "url": "https://{api}.execute-api.{region}.amazonaws.com/{stage}",
            "description": "As the template deploys it.",
            "variables": {
                "api": {"default": "api", "description": "Id of the REST API."},
                "region": {"default": "eu-central-1"},
                "stage": {"default": "dev"},
            },
        },
    ],
    "tags": [
        {"name": TAG, "description": "What applications call, with an ordinary key."},
        {"name": ADMIN_TAG, "description": "What operators call. `/v1/usage` is open to ordinary keys as well."},
    ],
}
_BEARER = {"type": "http", "scheme": "bearer"}
_SCHEMES: dict[str, Any] = {
    "bearer": {**_BEARER, "description": "A key of the gateway, prxy_live_…"},
    "admin": {**_BEARER, "description": "An admin key, prxy_admin_…"},
    **{name: {"type": "apiKey", "in": "header", "name": name} for name in SCHEMES if name != "bearer"},
}


def operation_id(route: APIRoute) -> str:
    """`KeyRoutes.create` -> `create_key`; a list is called by its path: `list_keys`; a name of two words is its own."""
    owner, _, verb = route.endpoint.__qualname__.rpartition(".")
    if verb == "list":
        words = [word for word in route.path.split("/") if word and not word.startswith("{")]
        return f"list_{words[-1]}"
    if "_" in verb:
        return verb
    noun = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", owner.removesuffix("Routes")).lower()
    return f"{verb}_{noun}"


def describe_api(app: FastAPI) -> dict[str, Any]:
    """The document of an application of admin routes."""
    described = get_openapi(title=app.title, version=app.version, openapi_version="3.1.0", routes=app.routes, **_HEAD)
    schemas: dict[str, Any] = described["components"]["schemas"]
    for operation in _operations(described):
        _complete(operation)
        schemas |= _taken_out(operation)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return {
        **described,
        "paths": {**data_plane_paths(), **described["paths"]},
        "components": {
            "schemas": {**wires.schemas(), **small_answers.SCHEMAS, **schemas},
            "headers": headers.components(),
            "securitySchemes": _SCHEMES,
        },
    }


def _operations(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in described["paths"].values():
        yield from path.values()


def _complete(operation: dict[str, Any]) -> None:
    """What FastAPI cannot know of a route: how errors look, what stands in headers, who may call."""
    operation["tags"] = [ADMIN_TAG]
    operation["summary"], _, more = re.sub(r"\s+", " ", operation["description"]).partition(". ")
    operation["summary"] = operation["summary"].removesuffix(".") + "."
    operation.pop("description")
    if more:
        operation["description"] = more
    responses = operation["responses"]
    responses.pop("422", None)
    for response in responses.values():
        response["description"] = "The answer." if "content" in response else "Done."
        response["headers"] = headers.told(*([headers.PAGE] if "text/csv" in response.get("content", {}) else []))
    errors = WRITE_ERRORS if "requestBody" in operation else READ_ERRORS
    operation["responses"] = {**responses, **error_responses(errors, "ChatCompletionsError")}


def _taken_out(operation: dict[str, Any]) -> dict[str, Any]:
    """The schema of a body, which `document` leaves in its place, and those that it refers to."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema: dict[str, Any] = content.get("schema", {})
    if "title" not in schema:
        return {}
    inner: dict[str, Any] = schema.pop("$defs", {})
    content["schema"] = {"$ref": f"#/components/schemas/{schema['title']}"}
    return {**inner, schema["title"]: schema}
