"""The admin API of keys: strict, and closed to everybody else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.api.conftest import Running

ECHO = {"model": "prxy/echo", "messages": [{"role": "user", "content": "x"}]}


def test_a_key_is_shown_once_and_described_without_its_secret(gateway: Running) -> None:
    body = {"name": "ci", "tenant": "acme", "limits": {"per_day_usd": "2.50", "requests_per_minute": 60}}
    made = gateway.admin("POST", "/v1/keys", body).json()

    read = gateway.admin("GET", f"/v1/keys/{made['id']}").json()
    listed = gateway.admin("GET", "/v1/keys?tenant=acme").json()["data"]

    assert made["key"].startswith(made["prefix"])
    assert {**made, "key": None} == {**read, "key": None}
    assert read["limits"]["per_day_usd"] == "2.5"
    assert [key["id"] for key in listed] == [made["id"]]
    assert made["key"][24:] not in json.dumps([read, listed])


BAD: dict[str, tuple[Any, str, str]] = {
    "no name": ({}, "missing_field", "name"),
    "empty name": ({"name": ""}, "invalid_value", "name"),
    "name with a line break": ({"name": "a\nb"}, "invalid_value", "name"),
    "misspelt limit": ({"name": "a", "limits": {"per_dya_usd": 5}}, "unsupported_field", "limits.per_dya_usd"),
    "negative limit": ({"name": "a", "limits": {"per_day_usd": "-1"}}, "invalid_value", "limits.per_day_usd"),
    "limit of words": ({"name": "a", "limits": {"per_day_usd": "much"}}, "invalid_value", "limits.per_day_usd"),
    "too fine a limit": (
        {"name": "a", "limits": {"per_day_usd": "0.0000000001"}},
        "invalid_value",
        "limits.per_day_usd",
    ),
    "authority": ({"name": "a", "admin": True}, "unsupported_field", "admin"),
    "unknown module": ({"name": "a", "pipeline": "exact-cach"}, "invalid_pipeline", "x-prxy-pipe"),
    "unknown mandatory module": ({"name": "a", "mandatory": ["nothing"]}, "invalid_pipeline", "x-prxy-pipe"),
    "text for a list": ({"name": "a", "models": "gpt-*"}, "invalid_type", "models"),
}


@pytest.mark.parametrize(("body", "code", "param"), BAD.values(), ids=BAD.keys())
def test_a_bad_key_is_refused_by_field(gateway: Running, body: object, code: str, param: str) -> None:
    reply = gateway.admin("POST", "/v1/keys", body)

    assert reply.status_code == 400, reply.text
    assert (reply.json()["error"]["code"], reply.json()["error"]["param"]) == (code, param)


def test_a_limit_of_zero_refuses_everything_that_costs(gateway: Running) -> None:
    """J14."""
    broke = gateway.make_key(limits={"per_day_usd": 0})

    reply = gateway.chat(ECHO, authorization=f"Bearer {broke}")

    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "cost_limit_per_day")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/keys"),
        ("GET", "/v1/keys?limit=nonsense"),
        ("POST", "/v1/keys"),
        ("GET", "/v1/keys/x"),
        ("PATCH", "/v1/keys/x"),
        ("DELETE", "/v1/keys/x"),
        ("POST", "/v1/keys/x/rotate"),
        ("GET", "/v1/tenants"),
        ("GET", "/v1/tenants/x"),
        ("PUT", "/v1/tenants/x"),
    ],
)
def test_ordinary_keys_and_strangers_are_kept_out(gateway: Running, method: str, path: str) -> None:
    """A14."""
    ordinary = gateway.http.request(method, path, headers={"authorization": f"Bearer {gateway.api_key}"})
    stranger = gateway.http.request(method, path)

    assert (ordinary.status_code, ordinary.json()["error"]["code"]) == (403, "admin_required")
    assert (stranger.status_code, stranger.json()["error"]["code"]) == (401, "invalid_api_key")


def test_an_admin_key_calls_no_model(gateway: Running) -> None:
    reply = gateway.chat(ECHO, authorization=f"Bearer {gateway.admin_key}")

    assert (reply.status_code, reply.json()["error"]["type"]) == (403, "permission_error")


def test_an_unknown_key_is_not_found(gateway: Running) -> None:
    reply = gateway.admin("GET", "/v1/keys/nobody")

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "key_not_found")


def test_an_expired_key_is_refused_like_any_other(gateway: Running) -> None:
    old = gateway.make_key(expires_at=1)

    reply = gateway.chat(ECHO, authorization=f"Bearer {old}")

    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")


def test_the_openapi_document_is_published(gateway: Running) -> None:
    document = gateway.http.get("/v1/openapi.json").json()

    assert document["openapi"].startswith("3.1")
    assert "/v1/keys" in document["paths"]
