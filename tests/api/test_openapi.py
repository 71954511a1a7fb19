"""The OpenAPI document: valid, and as long as the list of routes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import ValidationError
from tests.api.conftest import Running
from tests.api.paid import Paid
from tests.exchanges import ROOT

from prxy.api.control.admin import admin_of
from prxy.api.control.answers import Answer
from prxy.api.control.app import ADMIN_ROUTES, create_control_app
from prxy.api.control.headers import SENT
from prxy.api.control.openapi import describe_api, operation_id
from prxy.api.control.paging import Limit
from prxy.api.control.usage import UsageRoutes
from prxy.api.control.usage_calls import UsedCallRoutes
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
        for make in (*ADMIN_ROUTES, UsageRoutes, UsedCallRoutes)
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


def test_every_reference_leads_somewhere_and_every_schema_is_referred_to(document: dict[str, Any]) -> None:
    references = set(re.findall(r"'\$ref': '([^']+)'", str(document)))
    components = {
        f"#/components/{kind}/{name}" for kind in ("schemas", "headers") for name in document["components"][kind]
    }

    assert references == components


def test_every_operation_has_a_name_of_its_own_and_a_tag_that_is_described(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(document).values()]
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", name) for name in names)
    assert {tag for operation in operations(document).values() for tag in operation["tags"]} == tags


def test_every_answer_has_a_type_and_every_parameter_a_meaning(document: dict[str, Any]) -> None:
    for where, operation in operations(document).items():
        for status, response in operation["responses"].items():
            assert "x-request-id" in response["headers"], (where, status)
            assert status == "204" or "$ref" in response["content"]["application/json"]["schema"], (where, status)
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description") or "example" in parameter, (where, parameter["name"])


class Harbour(Answer):
    """Where ships lie."""

    name: str
    """As sailors know it."""


class HarbourRoutes:
    async def list(self, limit: Limit = 10) -> Harbour:
        """All harbours. The largest first."""
        return Harbour(name=str(limit))


def test_a_route_is_described_by_its_name_its_docstring_and_the_type_that_it_returns() -> None:
    app = FastAPI(generate_unique_id_function=operation_id)
    app.add_api_route("/v1/seas/{sea}/harbours", HarbourRoutes().list, dependencies=[Depends(admin_of)])

    described = describe_api(app)

    (operation,) = described["paths"]["/v1/seas/{sea}/harbours"].values()
    assert (operation["operationId"], operation["security"]) == ("list_harbours", [{"admin": []}])
    assert (operation["summary"], operation["description"]) == ("All harbours.", "The largest first.")
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/Harbour"}
    assert described["components"]["schemas"]["Harbour"]["properties"]["name"]["description"] == "As sailors know it."


def test_an_answer_never_loses_a_field_that_its_type_lacks() -> None:
    with pytest.raises(ValidationError, match="depth"):
        Harbour.model_validate({"name": "north", "depth": 12})


def test_every_header_that_code_names_is_documented(document: dict[str, Any]) -> None:
    told = {*document["components"]["headers"], *(name.lower() for name in SENT)}
    named = {
        name
        for path in (ROOT / "shared/prxy/api").rglob("*.py")
        for name in re.findall(r'"(x-prxy-[a-z-]+|x-ratelimit-[a-z-]+|x-should-retry|retry-after)"', path.read_text())
    }

    assert named
    assert named <= told


def test_every_body_of_the_data_plane_links_to_its_vendor(document: dict[str, Any]) -> None:
    posted = [
        operation
        for (method, _), operation in operations(document).items()
        if method == "post" and operation["tags"] == ["data plane"]
    ]

    assert len(posted) == 8
    assert all(operation["externalDocs"]["url"].startswith("https://") for operation in posted)
