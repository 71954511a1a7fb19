"""What the OpenAPI document says of a call, the running gateway does: every operation, called with its examples."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from tests.api.conftest import Running, provider_variables, start_gateway
from tests.api.test_openapi import METHODS
from tests.api.test_reconcile import Lost
from tests.api.upstream import Upstream
from tests.exchanges import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text()
NEEDS = {
    "read_provider": "put_provider",
    "delete_provider": "put_provider",
    "read_tenant": "put_tenant",
    "read_project": "put_project",
}
"""What must have been done before a call has anything to speak of."""
MAKES_A_KEY = "export PRXY_KEY_ID=" + PAGE.partition("export PRXY_KEY_ID=")[2].partition("```")[0]
RUN_S = 60
ATTEMPT = "1795348800#0123456789abcdef"
"""Of the examples. No gateway has it: a call must have been lost before one can be reconciled."""


def fetched() -> Any:
    """The document is the same for every gateway: what is parametrised over it is made without one."""
    from_page = re.findall(r"^### ([A-Z]+) (/\S+)$", PAGE, re.MULTILINE)
    return [pytest.param(method.lower(), path, id=f"{method} {path}") for method, path in from_page]


@pytest.fixture(scope="module")
def gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One of its own: the examples give the default tenant a budget."""
    yield from start_gateway(provider_variables(upstream.url), tmp_path_factory.mktemp("called"))


@pytest.fixture(scope="module")
def document(gateway: Running) -> Any:
    return gateway.http.get("/v1/openapi.json").json()


def resolved(document: Any, node: Any) -> Any:
    return document["components"][node["$ref"].split("/")[2]][node["$ref"].split("/")[3]] if "$ref" in node else node


def checked(document: Any, schema: Any, value: Any) -> None:
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def example_of(gateway: Running, parameter: Any, lost: Lost | None) -> str:
    """A new key where a key is asked for, for some calls are its end."""
    if parameter["name"] == "key_id" and lost:
        return lost.id
    if parameter["name"] == "key_id":
        return str(gateway.admin("POST", "/v1/keys", {"name": "to be called"}).json()["id"])
    return str(parameter.get("example") or parameter["schema"]["examples"][0])


def body_of(document: Any, operation: Any) -> Any:
    if "requestBody" not in operation:
        return None
    content = operation["requestBody"]["content"]["application/json"]
    body = content.get("example") or resolved(document, content["schema"])["examples"][0]
    checked(document, content["schema"], body)
    return body


def called(gateway: Running, document: Any, method: str, path: str, lost: Lost | None = None) -> httpx.Response:
    operation = document["paths"][path][method]
    inside = [each for each in operation.get("parameters", ()) if each["in"] == "path"]
    taken = {each["name"]: example_of(gateway, each, lost) for each in inside}
    body = body_of(document, operation)
    key = gateway.admin_key if operation["security"] == [{"admin": []}] else gateway.api_key
    return gateway.http.request(
        method,
        re.sub(r"\{(\w+)\}", lambda found: taken[found[1]], path),
        headers={"authorization": f"Bearer {key}"},
        json={**body, "attempt": lost.call["attempt"]} if lost else body,
    )


def lost_for(gateway: Running, upstream: Upstream, route: str) -> Lost | None:
    return Lost(gateway, upstream) if route.endswith("/reconcile") else None


def test_the_page_has_every_operation(document: Any) -> None:
    told = {(each.values[0], each.values[1]) for each in fetched()}

    assert told == {(method, path) for path, item in document["paths"].items() for method in METHODS & {*item}}


@pytest.mark.parametrize(("method", "path"), fetched())
def test_an_operation_called_with_its_examples_answers_as_its_schema_says(
    gateway: Running, upstream: Upstream, document: Any, method: str, path: str
) -> None:
    by_id = {each["operationId"]: (verb, at) for at, item in document["paths"].items() for verb, each in item.items()}
    needed = NEEDS.get(document["paths"][path][method]["operationId"])
    if needed:
        assert called(gateway, document, *by_id[needed]).is_success

    reply = called(gateway, document, method, path, lost_for(gateway, upstream, path))

    assert reply.is_success, reply.text
    told = document["paths"][path][method]["responses"][str(reply.status_code)]
    assert {name for name in reply.headers if name.startswith("x-")} <= {*told["headers"]}
    if "content" in told:
        checked(document, told["content"]["application/json"]["schema"], reply.json())


@pytest.mark.parametrize(("method", "path"), fetched())
def test_an_operation_called_without_a_key_answers_as_its_error_says(
    gateway: Running, document: Any, method: str, path: str
) -> None:
    operation = document["paths"][path][method]

    reply = gateway.http.request(method, path.replace("{", "").replace("}", ""), json={})

    assert reply.status_code == (401 if operation["security"] else 200)
    checked(
        document,
        operation["responses"][str(reply.status_code)]["content"]["application/json"]["schema"],
        reply.json(),
    )


def commands() -> list[Any]:
    """Those of the page, each with what must be done before."""
    found = re.findall(r"^### ([A-Z]+ /\S+)$.*?^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    of_route = dict(found)
    before = {route: of_route.get(f"PUT {route.split()[1]}", "") for route in of_route}
    return [pytest.param(route, before[route], command, id=route) for route, command in found]


@pytest.mark.parametrize(("route", "before", "command"), commands())
def test_every_command_of_the_page_is_answered(
    gateway: Running, upstream: Upstream, route: str, before: str, command: str
) -> None:
    lost = lost_for(gateway, upstream, route)
    if lost:
        before, command = f"PRXY_KEY_ID={lost.id}", command.replace(ATTEMPT, lost.call["attempt"])
    environ = {
        "PATH": os.environ["PATH"],
        "NO_PROXY": "127.0.0.1",
        "PRXY_URL": gateway.url,
        "PRXY_KEY": gateway.api_key,
        "PRXY_ADMIN_KEY": gateway.admin_key,
    }
    script = f"set -e\n{MAKES_A_KEY}\n{before}\n{command}".replace("curl -s ", "curl -sS --fail-with-body ")

    run = subprocess.run(
        ["bash", "-c", script], env=environ, capture_output=True, text=True, timeout=RUN_S, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr
