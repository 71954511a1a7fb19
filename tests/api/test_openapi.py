"""The OpenAPI document: valid, and as long as the list of routes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi.routing import APIRoute
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.api.conftest import Running
from tests.api.paid import Paid

from prxy.api.control.app import ADMIN_ROUTES, create_control_app
from prxy.api.control.usage import UsageRoutes
from prxy.api.routes import ROUTES
from prxy.settings import read_settings
from prxy.wiring import wire

TAGS = ("admin", "data plane")
METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture(scope="module")
def document(gateway: Running) -> dict[str, Any]:
    return dict(gateway.http.get("/v1/openapi.json").json())


@pytest_asyncio.fixture
async def unserved() -> AsyncIterator[Paid]:
    """A gateway whose store is never asked."""
    environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    planes = wire(read_settings(environ))
    yield Paid(planes=planes, app=create_control_app(planes.control))
    await planes.aclose()


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


async def test_every_mounted_route_stands_in_it_and_nothing_else_does(document: dict[str, Any], unserved: Paid) -> None:
    mounted = [each.path for make in ROUTES.values() for each in make(unserved.planes.data)]
    data = {path.replace(":path}", "}") for path in mounted}
    admin = {
        (method.lower(), route.path.replace(":path}", "}"))
        for make in (*ADMIN_ROUTES, UsageRoutes)
        for route in make(unserved.planes.control).router().routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }

    told = {tag: {at for at, each in operations(document).items() if each["tags"] == [tag]} for tag in TAGS}

    assert told["admin"] == admin
    assert {path for _, path in told["data plane"]} == data
    assert sum(map(len, told.values())) == len(operations(document))


def test_every_route_names_its_errors_and_its_key(document: dict[str, Any]) -> None:
    for where, operation in operations(document).items():
        assert "500" in operation["responses"], where
        assert "422" not in operation["responses"] or operation["tags"] != ["admin"], where
        assert bool(operation["security"]) == (where != ("get", "/health")), where
        if operation["security"]:
            assert {"401", "403"} <= set(operation["responses"]), where


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(re.findall(r"'\$ref': '([^']+)'", str(document)))

    assert references
    for reference in references:
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"], reference


def test_every_body_of_the_data_plane_links_to_its_vendor(document: dict[str, Any]) -> None:
    posted = [
        operation
        for (method, _), operation in operations(document).items()
        if method == "post" and operation["tags"] == ["data plane"]
    ]

    assert len(posted) == 8
    assert all(operation["externalDocs"]["url"].startswith("https://") for operation in posted)
