"""A tenant's own provider keys: who may use them, for what, and what happens when they do not open."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from tests.api.conftest import Running
from tests.api.paid import NOTHING, OPERATOR_KEY, Paid, key_id, paid_gateway, refusal
from tests.api.upstream import Answer, Upstream
from tests.api.wires import WIRES
from tests.kms import running_kms

from prxy.local import dynamodb
from prxy.store.records import ProviderKey
from prxy.store.schema import provider_key_name, provider_keys_at
from prxy.store.table import Update

GPT = WIRES["openai"]
CANARY = "sk-operator-canary"
WIRE_CLAUDE = WIRES["openai-to-anthropic"]


@pytest.fixture
def tenant() -> str:
    return f"tenant-{secrets.token_hex(4)}"


def store_key(gateway: Running, tenant: str, provider: str = "openai") -> str:
    text = f"sk-{tenant}-{provider}-stored"
    reply = gateway.admin("PUT", f"/v1/providers/{provider}", {"key": text, "tenant": tenant})
    assert reply.status_code == 200, reply.text
    return text


def good(upstream: Upstream, *keys: str) -> None:
    for key in keys:
        upstream.put(key, GPT.answer(GPT.billed, stream=False))


def ask(gateway: Running, tenant: str, **headers: str) -> int:
    path, body = GPT.ask(stream=False)
    key = gateway.make_key(tenant=tenant)
    return gateway.post(path, body, authorization=f"Bearer {key}", **headers).status_code


def test_a_stored_key_is_described_by_its_end_and_never_shown(gateway: Running, tenant: str) -> None:
    """A12."""
    put = gateway.admin("PUT", "/v1/providers/openai", {"key": "sk-secret-canary-9876", "tenant": tenant}).json()

    read = gateway.admin("GET", f"/v1/providers/openai?tenant={tenant}")

    assert set(put) == {"provider", "tenant", "last4", "updated_at"}
    assert (put["provider"], put["tenant"], put["last4"]) == ("openai", tenant, "9876")
    assert read.json() == put
    assert "canary" not in json.dumps([put, read.text])


def test_of_a_short_key_nothing_is_shown(gateway: Running, tenant: str) -> None:
    put = gateway.admin("PUT", "/v1/providers/openai", {"key": "abcd", "tenant": tenant}).json()

    assert put["last4"] == ""


def test_a_tenants_calls_carry_its_own_key(gateway: Running, upstream: Upstream, tenant: str) -> None:
    stored = store_key(gateway, tenant)
    good(upstream, stored, CANARY)

    status = ask(gateway, tenant)

    assert (status, len(upstream.asked[stored]), len(upstream.asked[CANARY])) == (200, 1, 0)


def test_the_header_wins_over_the_stored_key(gateway: Running, upstream: Upstream, tenant: str) -> None:
    """A21."""
    stored = store_key(gateway, tenant)
    good(upstream, stored, "sk-header")

    status = ask(gateway, tenant, x_provider_key="sk-header")

    assert (status, len(upstream.asked[stored]), len(upstream.asked["sk-header"])) == (200, 0, 1)


def test_a_bad_header_falls_through_to_no_stored_key(gateway: Running, upstream: Upstream, tenant: str) -> None:
    """A22."""
    stored = store_key(gateway, tenant)
    good(upstream, stored, CANARY)

    status = ask(gateway, tenant, x_provider_key="")

    assert (status, len(upstream.asked[stored]), len(upstream.asked[CANARY])) == (400, 0, 0)


def test_no_other_tenants_calls_carry_it(gateway: Running, upstream: Upstream, tenant: str) -> None:
    stored = store_key(gateway, tenant)
    good(upstream, stored, CANARY)

    status = ask(gateway, f"{tenant}2")

    assert (status, len(upstream.asked[stored]), len(upstream.asked[CANARY])) == (200, 0, 1)


def test_no_other_provider_gets_it(gateway: Running, upstream: Upstream, tenant: str) -> None:
    stored = store_key(gateway, tenant, "groq")
    good(upstream, stored, CANARY)

    status = ask(gateway, tenant)

    assert (status, len(upstream.asked[stored]), len(upstream.asked[CANARY])) == (200, 0, 1)


def test_after_its_removal_the_operators_key_is_used(gateway: Running, upstream: Upstream, tenant: str) -> None:
    stored = store_key(gateway, tenant)
    good(upstream, stored, CANARY)
    first = ask(gateway, tenant)

    removed = gateway.admin("DELETE", f"/v1/providers/openai?tenant={tenant}")
    second = ask(gateway, tenant)

    assert (first, removed.status_code, second) == (200, 204, 200)
    assert (len(upstream.asked[stored]), len(upstream.asked[CANARY])) == (1, 1)
    for method in ("GET", "DELETE"):
        gone = gateway.admin(method, f"/v1/providers/openai?tenant={tenant}")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "key_not_found")


def test_a_provider_without_an_operators_key_is_offered_to_the_tenant_that_has_one(
    gateway: Running, tenant: str
) -> None:
    def offered(name: str) -> set[str]:
        key = gateway.make_key(tenant=name)
        listed = gateway.http.get("/v1/models", headers={"authorization": f"Bearer {key}"}).json()["data"]
        return {model["owned_by"] for model in listed}

    store_key(gateway, tenant, "mistral")

    assert offered(tenant) - offered(f"{tenant}2") == {"mistral"}


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no key": ({}, "missing_field", "key"),
    "empty": ({"key": ""}, "invalid_value", "key"),
    "a space": ({"key": "sk-canary a"}, "invalid_value", "key"),
    "a line break": ({"key": "sk-canary\n"}, "invalid_value", "key"),
    "not ASCII": ({"key": "sk-canary-é"}, "invalid_value", "key"),
    "too long": ({"key": "canary" * 100}, "invalid_value", "key"),
    "no text": ({"key": 5}, "invalid_type", "key"),
    "unknown field": ({"key": "sk-canary", "base_url": "http://x"}, "unsupported_field", "base_url"),
    "bad tenant": ({"key": "sk-canary", "tenant": "a\nb"}, "invalid_value", "tenant"),
}


@pytest.mark.parametrize(("body", "code", "param"), BAD.values(), ids=BAD.keys())
def test_a_bad_key_is_refused_by_field_and_not_repeated(
    gateway: Running, body: dict[str, Any], code: str, param: str
) -> None:
    reply = gateway.admin("PUT", "/v1/providers/openai", body)

    assert reply.status_code == 400, reply.text
    assert (reply.json()["error"]["code"], reply.json()["error"]["param"]) == (code, param)
    assert "canary" not in reply.text


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_admins_and_only_known_providers(gateway: Running, method: str) -> None:
    """A14."""
    body = {"key": "sk-x"} if method == "PUT" else None
    headers = {"authorization": f"Bearer {gateway.api_key}"}

    ordinary = gateway.http.request(method, "/v1/providers/openai", json=body, headers=headers)
    unknown = gateway.admin(method, "/v1/providers/nobody", body)

    assert (ordinary.status_code, ordinary.json()["error"]["code"]) == (403, "admin_required")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "key_not_found")


# With KMS, in this process


@pytest.fixture(scope="module")
def kms() -> Iterator[tuple[str, str]]:
    with running_kms() as found:
        yield found


@pytest.fixture(scope="module")
def table() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


@pytest_asyncio.fixture
async def paid(table: str, upstream: Upstream, kms: tuple[str, str]) -> AsyncIterator[Paid]:
    url, arn = kms
    variables = {
        "PRXY_PROVIDER_KEYS_KMS_KEY": arn,
        "AWS_ENDPOINT_URL_KMS": url,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream.url,
    }
    async with paid_gateway(table, upstream.url, **variables) as gateway:
        yield gateway


async def put(paid: Paid, key: str, provider: str, text: str) -> None:
    administration = paid.planes.control.provider_keys
    assert administration is not None
    new = ProviderKey(tenant=f"tenant-{key_id(key)}", provider=provider, last4="", updated_at=1)
    await administration.put(new, text)


async def steal(paid: Paid, from_key: str, to_key: str, provider: str = "openai") -> None:
    """Copy the row of one tenant's OpenAI key into the item of another, or to another provider."""
    item = await paid.planes.table.get_item(provider_keys_at(f"tenant-{key_id(from_key)}"))
    assert item is not None
    update = Update(
        expression="SET #key = :row",
        names={"#key": provider_key_name(provider)},
        values={":row": item[provider_key_name("openai")]},
    )
    await paid.planes.table.update_item(provider_keys_at(f"tenant-{key_id(to_key)}"), update)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_stored_key_opens_with_kms_and_pays_as_any_other(paid: Paid, upstream: Upstream, stream: bool) -> None:
    key = await paid.make_key()
    await put(paid, key, "openai", "sk-by-kms")
    upstream.put("sk-by-kms", GPT.answer(GPT.billed, stream=stream))
    path, body = GPT.ask(stream=stream)

    reply = await paid.send("POST", path, key, body)

    assert reply.status_code == 200, reply.text
    assert len(upstream.asked["sk-by-kms"]) == 1
    assert (await paid.books(key)).spent == GPT.cost_nano


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_stolen_row_opens_nothing_and_nobody_elses_key_is_used(
    paid: Paid, upstream: Upstream, stream: bool
) -> None:
    """T08."""
    victim, thief = await paid.make_key(), await paid.make_key()
    await put(paid, victim, "openai", "sk-victim")
    await steal(paid, victim, thief)
    good(upstream, "sk-victim", OPERATOR_KEY)
    path, body = GPT.ask(stream=stream)

    reply = await paid.send("POST", path, thief, body)

    assert (reply.status_code, refusal(reply)["code"]) == (503, "provider_key_unavailable")
    assert (len(upstream.asked["sk-victim"]), len(upstream.asked[OPERATOR_KEY])) == (0, 0)
    assert await paid.books(thief) == NOTHING


async def test_a_row_of_another_provider_opens_nothing(paid: Paid, upstream: Upstream) -> None:
    """T08."""
    key = await paid.make_key()
    await put(paid, key, "openai", "sk-for-openai")
    await steal(paid, key, key, "anthropic")
    good(upstream, "sk-for-openai", OPERATOR_KEY)
    path, body = WIRE_CLAUDE.ask(stream=False)

    reply = await paid.send("POST", path, key, body)

    assert (reply.status_code, refusal(reply)["code"]) == (503, "provider_key_unavailable")
    assert (len(upstream.asked["sk-for-openai"]), len(upstream.asked[OPERATOR_KEY])) == (0, 0)


async def test_the_router_goes_on_to_another_provider_but_never_to_the_operators_key(
    paid: Paid, upstream: Upstream
) -> None:
    victim, key = await paid.make_key(), await paid.make_key()
    await put(paid, victim, "openai", "sk-victim")
    await steal(paid, victim, key)
    await put(paid, key, "anthropic", "sk-own-anthropic")
    good(upstream, "sk-victim", OPERATOR_KEY)
    upstream.put("sk-own-anthropic", WIRE_CLAUDE.answer(WIRE_CLAUDE.billed, stream=False))
    path, body = GPT.ask(stream=False)
    chain = [{"router": {"strategy": "fallback", "prefer": [body["model"]], "fallback_chain": ["claude-sonnet-4-5"]}}]

    reply = await paid.send("POST", path, key, body, x_prxy_pipe=json.dumps(chain))

    assert reply.status_code == 200, reply.text
    asked = [len(upstream.asked[name]) for name in ("sk-victim", OPERATOR_KEY, "sk-own-anthropic")]
    assert asked == [0, 0, 1]


async def test_tokens_are_counted_with_the_tenants_key(paid: Paid, upstream: Upstream) -> None:
    key = await paid.make_key()
    await put(paid, key, "anthropic", "sk-counts")
    upstream.put("sk-counts", Answer(body=b'{"input_tokens": 3}'))
    upstream.put(OPERATOR_KEY, Answer(body=b'{"input_tokens": 4}'))
    body = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "x"}]}

    reply = await paid.send("POST", "/v1/messages/count_tokens", key, body)

    assert reply.json() == {"input_tokens": 3}
    assert (len(upstream.asked["sk-counts"]), len(upstream.asked[OPERATOR_KEY])) == (1, 0)


async def test_a_key_for_bedrock_is_a_bearer_key(paid: Paid, upstream: Upstream) -> None:
    key = await paid.make_key()
    await put(paid, key, "bedrock", "bedrock-api-key")
    said = {
        "output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
    }
    upstream.put("bedrock-api-key", Answer(body=json.dumps(said).encode()))
    ask = {"model": "amazon.nova-lite-v1:0", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}

    reply = await paid.send("POST", "/v1/chat/completions", key, ask)

    assert reply.status_code == 200, reply.text
    assert [asked.headers["authorization"] for asked in upstream.asked["bedrock-api-key"]] == ["Bearer bedrock-api-key"]


async def test_without_a_cipher_nothing_is_stored_and_the_operator_is_told_how(table: str, upstream: Upstream) -> None:
    async with paid_gateway(table, upstream.url) as plain:
        assert plain.planes.control.provider_keys is None
