"""Rotation: another secret for the same key, budget and id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from tests.api.conftest import Running
from tests.api.paid import paid_gateway
from tests.api.upstream import Upstream
from tests.api.wires import WIRES

from prxy.local import dynamodb
from prxy.store import key_text
from prxy.store.records import KeyStatus

ECHO = {"model": "prxy/echo", "messages": [{"role": "user", "content": "x"}]}


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


def created(gateway: Running) -> dict[str, Any]:
    return dict(gateway.admin("POST", "/v1/keys", {"name": "rotates", "limits": {"per_day_usd": "3"}}).json())


def asked_with(gateway: Running, *texts: str) -> list[int]:
    return [gateway.chat(ECHO, authorization=f"Bearer {text}").status_code for text in texts]


@pytest.mark.parametrize("body", [{}, {"overlap_s": 0}, None], ids=["empty", "zero", "no body"])
def test_the_old_secret_dies_at_once_unless_an_overlap_is_asked_for(gateway: Running, body: object) -> None:
    old = created(gateway)
    assert asked_with(gateway, old["key"]) == [200]

    new = gateway.admin("POST", f"/v1/keys/{old['id']}/rotate", body).json()

    assert asked_with(gateway, old["key"], new["key"]) == [401, 200]
    assert {**new, "key": None} == {**old, "key": None}
    assert new["key"] != old["key"]
    assert "key" not in gateway.admin("GET", f"/v1/keys/{old['id']}").json()


def test_both_secrets_work_during_the_overlap_and_no_third_does(gateway: Running) -> None:
    """A11, without its last hour."""
    first = created(gateway)
    second = gateway.admin("POST", f"/v1/keys/{first['id']}/rotate", {"overlap_s": 3600}).json()
    assert asked_with(gateway, first["key"], second["key"]) == [200, 200]

    third = gateway.admin("POST", f"/v1/keys/{first['id']}/rotate", {"overlap_s": 3600}).json()

    assert asked_with(gateway, first["key"], second["key"], third["key"]) == [401, 200, 200]


@pytest.mark.parametrize("overlap", [-1, 604_801, 1.5, "60", None, True])
def test_an_overlap_is_whole_seconds_up_to_a_week(gateway: Running, overlap: object) -> None:
    key = created(gateway)

    reply = gateway.admin("POST", f"/v1/keys/{key['id']}/rotate", {"overlap_s": overlap})

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "overlap_s")
    assert asked_with(gateway, key["key"]) == [200]


def test_an_admin_key_rotates_into_an_admin_key(gateway: Running) -> None:
    own = key_text.parse_key(gateway.admin_key)
    assert own is not None

    new = gateway.admin("POST", f"/v1/keys/{own.id}/rotate", {"overlap_s": 3600}).json()

    listing = gateway.http.get("/v1/keys?limit=1", headers={"authorization": f"Bearer {new['key']}"})
    assert listing.status_code == 200
    assert gateway.admin("GET", "/v1/keys?limit=1").status_code == 200


async def test_a_process_that_remembers_the_old_secret_reaches_no_provider_with_it(
    store: str, upstream: Upstream
) -> None:
    """A09: what lets a caller in may be ten seconds old, what lets a call out never is."""
    wire = WIRES["openai"]
    fixture = upstream.put("sk-rotation", wire.answer(wire.billed, stream=False))
    async with paid_gateway(store, upstream.url) as mine, paid_gateway(store, upstream.url) as other:
        old = await mine.make_key()
        before = await other.ask(wire, old, fixture)
        administration = mine.planes.control.administration
        parsed = key_text.parse_key(old)
        assert parsed is not None
        made = key_text.renew(parsed.id)
        key = await administration.read(parsed.id)
        await administration.update(replace(key, secret_hash=key_text.hashed(made.text)))

        after = await other.ask(wire, old, fixture)

        renewed = await other.ask(wire, made.text, fixture)
        assert [before.status_code, after.status_code, renewed.status_code] == [200, 401, 200]
        assert len(upstream.asked[fixture]) == 2


@pytest.mark.parametrize("status", [KeyStatus.FROZEN, KeyStatus.REVOKED])
async def test_a_process_that_remembers_a_live_key_reaches_no_provider_with_a_dead_one(
    store: str, upstream: Upstream, status: KeyStatus
) -> None:
    """A09."""
    wire = WIRES["openai"]
    fixture = upstream.put(f"sk-dead-{status}", wire.answer(wire.billed, stream=False))
    async with paid_gateway(store, upstream.url) as mine, paid_gateway(store, upstream.url) as other:
        text = await mine.make_key()
        before = await other.ask(wire, text, fixture)
        parsed = key_text.parse_key(text)
        assert parsed is not None
        key = await mine.planes.control.administration.read(parsed.id)
        await mine.planes.control.administration.update(replace(key, status=status))

        after = await other.ask(wire, text, fixture)

        assert [before.status_code, after.status_code] == [200, 401]
        assert len(upstream.asked[fixture]) == 1
