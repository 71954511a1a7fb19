"""Names of tenants that can be mistaken for others: none is made anew, and those that there are go on."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from tests.api.conftest import Running
from tests.api.paid import Paid, paid_gateway
from tests.api.test_money import ASK, WHOLE
from tests.api.upstream import Answer, Upstream

from prxy.api.control.tenant_names import check_tenant, plain
from prxy.canonical.errors import InvalidRequest
from prxy.local import dynamodb
from prxy.store import key_text
from prxy.store.records import ApiKey, Budget

ALIKE = {
    "a slash at the end": "{}/",
    "a space at the end": "{} ",
    "a slash twice": "{}//eu",
    "a space twice": "{}  eu",
    "a space before a slash": "{} /eu",
    "a space behind a slash": "{}/ eu",
    "only slashes behind it": "{}///",
    "another form of a letter": "{}\uff41",
    "a letter in two parts": "{}e\u0301",
}
SOUND = ["{}", "{}/eu", "{} eu", "{}/eu/west-1", "{}@example.com", "{}:1+2.3_4-5", "{}\u00e9\u00df", "{}\u5c71"]
on_every_lookalike = pytest.mark.parametrize("shape", ALIKE.values(), ids=ALIKE.keys())


@pytest.fixture
def name() -> str:
    return f"acme{secrets.token_hex(4)}"


@on_every_lookalike
def test_a_name_that_reads_like_another_makes_no_new_tenant(gateway: Running, shape: str, name: str) -> None:
    tenant, limits = shape.format(name), {"limits": {"per_day_usd": "1"}}

    of_a_key = gateway.admin("POST", "/v1/keys", {"name": "new", "tenant": tenant})
    of_a_budget = gateway.admin("PUT", f"/v1/tenants/{quote(tenant)}", limits)
    of_a_project = gateway.admin("PUT", f"/v1/tenants/{quote(tenant)}/projects/web", limits)

    for reply in (of_a_key, of_a_budget, of_a_project):
        error = reply.json()["error"]
        assert (reply.status_code, error["code"], error["param"]) == (400, "invalid_value", "tenant"), reply.text
        assert f"'{tenant}'" in error["message"]
        assert f"'{plain(tenant)}'" in error["message"]
    assert gateway.admin("GET", f"/v1/keys?tenant={quote(tenant)}").json()["data"] == []


@pytest.mark.parametrize("shape", SOUND)
def test_every_other_name_is_taken(gateway: Running, shape: str, name: str) -> None:
    reply = gateway.admin("POST", "/v1/keys", {"name": "new", "tenant": shape.format(name)})

    assert reply.status_code == 201, reply.text


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paid(store: str, upstream: Upstream) -> AsyncIterator[Paid]:
    async with paid_gateway(store, upstream.url, PRXY_TABLE="tenant-names") as gateway:
        yield gateway


@pytest.mark.asyncio(loop_scope="module")
@on_every_lookalike
async def test_a_tenant_that_has_a_key_goes_on(paid: Paid, upstream: Upstream, shape: str, name: str) -> None:
    made, tenant = key_text.generate(), shape.format(name)
    key = ApiKey(id=made.id, name="old", tenant=tenant, secret_hash=key_text.hashed(made.text))
    await paid.planes.control.administration.create(key)
    fixture = upstream.put(f"old-{made.id}", Answer(body=json.dumps(WHOLE).encode()))

    reply = await paid.send("POST", "/v1/chat/completions", made.text, ASK, x_provider_key=fixture)

    assert reply.status_code == 200, reply.text
    await check_tenant(paid.planes.control, tenant)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("project", [None, "web"])
async def test_a_tenant_that_has_a_budget_goes_on(paid: Paid, name: str, project: str | None) -> None:
    await paid.planes.control.budgets.create(Budget(tenant=f"{name}/", project=project))

    await check_tenant(paid.planes.control, f"{name}/")
    with pytest.raises(InvalidRequest):
        await check_tenant(paid.planes.control, f"{name}//")


@given(st.from_regex(r"\A\w[\w .@:/+-]{0,40}\Z"))
def test_what_a_name_reads_like_reads_like_itself(tenant: str) -> None:
    assert plain(plain(tenant)) == plain(tenant)
    assert not re.search(r"  |//| /|/ |[ /]\Z", plain(tenant))
