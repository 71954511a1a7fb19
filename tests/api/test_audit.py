"""The audit trail: who changed what, and when."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from tests.api.conftest import Running
from tests.api.paid import paid_gateway

from prxy.api.control.app import create_control_app
from prxy.canonical.errors import StoreUnavailable
from prxy.local import dynamodb
from prxy.store import key_text
from prxy.store.audit import DynamoAuditTrail
from prxy.store.ports import AuditPage, AuditTrail
from prxy.store.records import ApiKey, AuditEntry

SECONDS_2026_12_31 = 1_798_761_599
"""The last second of 2026."""


def trail(gateway: Running) -> list[dict[str, Any]]:
    """All of it, page by page."""
    found: list[dict[str, Any]] = []
    path = "/v1/audit?limit=1000"
    for _ in range(10):
        answer = gateway.admin("GET", path).json()
        found += answer["data"]
        if "next" not in answer:
            break
        path = f"/v1/audit?limit=1000&cursor={answer['next']}"
    return found


def of(gateway: Running, target: str) -> list[tuple[str, list[str]]]:
    return [(entry["action"], entry["fields"]) for entry in trail(gateway) if entry["target"] == target]


def test_every_change_of_a_key_leaves_who_what_and_when(gateway: Running) -> None:
    admin = key_text.parse_key(gateway.admin_key)
    assert admin is not None
    before = int(time.time())
    key = gateway.admin("POST", "/v1/keys", {"name": "audited", "models": ["prxy/*"]}).json()
    path = f"/v1/keys/{key['id']}"
    gateway.admin("PATCH", path, {"name": "b", "limits": {"per_day_usd": 1}, "metadata": {"team": "red"}})
    gateway.admin("PATCH", path, {"name": "b"})
    rotated = gateway.admin("POST", f"{path}/rotate", {"overlap_s": 5}).json()
    for _ in range(2):
        gateway.admin("DELETE", path)

    entries = [entry for entry in trail(gateway) if entry["target"] == f"key/{key['id']}"]

    assert [(entry["action"], entry["fields"]) for entry in entries] == [
        ("key.create", ["models", "name"]),
        ("key.change", ["limits.per_day_usd", "metadata.team", "name"]),
        ("key.rotate", ["overlap_s"]),
        ("key.revoke", ["status"]),
    ]
    assert {entry["by"] for entry in entries} == {admin.id}
    assert all(before - 1 <= entry["at"] <= time.time() + 1 for entry in entries)
    shown = json.dumps(trail(gateway))
    assert not [text for text in (key["key"], rotated["key"]) if text[24:56] in shown]


def test_changes_of_tenants_and_provider_keys_are_told_without_the_key(gateway: Running) -> None:
    tenant = f"audited-{secrets.token_hex(4)}"
    gateway.admin("PUT", f"/v1/tenants/{tenant}", {"limits": {"per_day_usd": 1}})
    gateway.admin("PUT", "/v1/providers/openai", {"key": "sk-audit-canary-1234", "tenant": tenant})
    gateway.admin("DELETE", f"/v1/providers/openai?tenant={tenant}")

    assert of(gateway, f"tenant/{tenant}") == [("tenant.put", ["limits.per_day_usd", "mode"])]
    assert of(gateway, f"provider/openai/{tenant}") == [("provider_key.put", ["key"]), ("provider_key.delete", [])]
    assert "canary" not in json.dumps(trail(gateway))


def test_what_was_refused_leaves_no_entry(gateway: Running) -> None:
    before = len(trail(gateway))
    gateway.admin("POST", "/v1/keys", {"name": ""})
    gateway.admin("PATCH", "/v1/keys/nosuchkey000", {"name": "a"})
    gateway.admin("DELETE", "/v1/providers/openai?tenant=nobody-at-all")
    gateway.admin("GET", "/v1/keys")

    assert len(trail(gateway)) == before


def test_pages_follow_each_other_and_from_cuts_off_what_is_older(gateway: Running) -> None:
    for _ in range(3):
        gateway.make_key()
    first = gateway.admin("GET", "/v1/audit?limit=2").json()
    second = gateway.admin("GET", f"/v1/audit?limit=2&cursor={first['next']}").json()

    both = first["data"] + second["data"]
    assert [entry["at"] for entry in both] == sorted(entry["at"] for entry in both)
    assert both == trail(gateway)[: len(both)]
    assert gateway.admin("GET", f"/v1/audit?from={int(time.time()) + 60}").json()["data"] == []


@pytest.mark.parametrize("query", ["limit=0", "from=-1", "from=yesterday", "cursor=x", "from=99999999999999"])
def test_a_bad_question_is_refused(gateway: Running, query: str) -> None:
    reply = gateway.admin("GET", f"/v1/audit?{query}")

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, query.partition("=")[0])


def test_only_admins_read_it_and_nobody_writes_it(gateway: Running) -> None:
    """A14."""
    headers = {"authorization": f"Bearer {gateway.api_key}"}

    ordinary = gateway.http.get("/v1/audit", headers=headers)
    written = [gateway.admin(method, "/v1/audit", {}).status_code for method in ("POST", "PUT", "PATCH", "DELETE")]

    assert (ordinary.status_code, ordinary.json()["error"]["code"]) == (403, "admin_required")
    assert written == [405] * 4


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


def entry(at_s: int, number: int = 0) -> AuditEntry:
    return AuditEntry(
        at_ms=at_s * 1000, nonce=f"{number:016x}", by="admin", action="key.create", target=f"key/{number}"
    )


async def test_pages_go_on_over_the_end_of_a_year(store: str) -> None:
    async with paid_gateway(store, "http://127.0.0.1:9", PRXY_TABLE="years") as paid:
        audit = DynamoAuditTrail(paid.planes.table)
        entries = [entry(SECONDS_2026_12_31 + at // 2, at) for at in range(4)]
        for each in entries:
            await audit.write(each)
        until_s, place = SECONDS_2026_12_31 + 10, f"{SECONDS_2026_12_31 * 1000:013d}"
        pages: list[AuditPage] = []
        for _ in range(3):
            pages.append(await audit.page(after=place, until_s=until_s, limit=3))
            place = pages[-1].next or ""
            if not place:
                break

    assert [len(page.entries) for page in pages] == [3, 1]
    assert [each for page in pages for each in page.entries] == entries


class Out(AuditTrail):
    async def write(self, entry: AuditEntry) -> None:
        raise StoreUnavailable

    async def page(self, *, after: str, until_s: int, limit: int) -> AuditPage:
        raise StoreUnavailable


async def test_a_change_stands_where_its_entry_fails_and_the_log_says_so(
    store: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with paid_gateway(store, "http://127.0.0.1:9") as paid:
        made = key_text.generate(admin=True)
        admin = ApiKey(id=made.id, name="a", tenant="t", admin=True, secret_hash=key_text.hashed(made.text))
        await paid.planes.control.administration.create(admin)
        app = create_control_app(replace(paid.planes.control, audit=Out()))
        transport = httpx.ASGITransport(app=app)
        with caplog.at_level(logging.ERROR):
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
                headers = {"authorization": f"Bearer {made.text}"}
                reply = await http.post("/v1/keys", json={"name": "stands"}, headers=headers)

        assert reply.status_code == 201
        assert (await paid.planes.control.administration.read(reply.json()["id"])).name == "stands"
    failed = [record for record in caplog.records if record.message == "audit_failed"]
    assert [record.__dict__["target"] for record in failed] == [f"key/{reply.json()['id']}"]
