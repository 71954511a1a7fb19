"""Ciphers, and what is kept of what they opened."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.kms import REGION, running_kms
from tests.stores import CREDENTIALS, CountingTransport

from prxy.canonical.errors import NotFound, ProviderKeyUnavailable
from prxy.local.key_file import FileCipher, file_cipher
from prxy.providers.aws.credentials import FixedCredentials
from prxy.providers.aws.kms import KmsCipher
from prxy.providers.aws.signing import RequestSigner
from prxy.settings import ConfigurationError
from prxy.store.ports import KeyCipher
from prxy.store.provider_keys import (
    ROWS_KEPT_S,
    TEXTS_KEPT_S,
    DynamoProviderKeyAdministration,
    DynamoProviderKeys,
    NoProviderKeys,
)
from prxy.store.records import ProviderKey
from prxy.store.schema import provider_key_name, provider_keys_at
from prxy.store.table import Table, Update

TEXT = "sk-canary-é"
CONTEXT = {"tenant": "acme", "provider": "openai", "record": "P#acme"}


@pytest.fixture(scope="module")
def kms() -> Iterator[tuple[str, str]]:
    with running_kms() as found:
        yield found


@pytest.fixture(params=["kms", "file"])
def cipher(
    request: pytest.FixtureRequest, kms: tuple[str, str], tmp_path: Path, transport: CountingTransport
) -> KeyCipher:
    return file_cipher(tmp_path) if request.param == "file" else kms_cipher(*kms, transport)


def kms_cipher(url: str, key_id: str, transport: CountingTransport) -> KmsCipher:
    signer = RequestSigner("kms", REGION, FixedCredentials(CREDENTIALS))
    return KmsCipher(key_id=key_id, url=f"{url}/", transport=transport, signer=signer)


async def test_what_was_sealed_opens_under_the_same_context(cipher: KeyCipher) -> None:
    sealed = await cipher.seal(TEXT, CONTEXT)

    assert TEXT not in sealed
    assert await cipher.unseal(sealed, dict(reversed(CONTEXT.items()))) == TEXT


@pytest.mark.parametrize("name", CONTEXT)
async def test_what_was_sealed_opens_under_no_other_context(cipher: KeyCipher, name: str) -> None:
    """T08."""
    sealed = await cipher.seal(TEXT, CONTEXT)

    with pytest.raises(ProviderKeyUnavailable):
        await cipher.unseal(sealed, {**CONTEXT, name: "other"})


async def test_a_changed_text_does_not_open(cipher: KeyCipher) -> None:
    sealed = await cipher.seal(TEXT, CONTEXT)

    for broken in (sealed[:-8], "", "%", sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:]):
        with pytest.raises(ProviderKeyUnavailable):
            await cipher.unseal(broken, CONTEXT)


async def test_a_cipher_out_of_reach_is_told_as_such(transport: CountingTransport, kms: tuple[str, str]) -> None:
    nowhere = kms_cipher("http://127.0.0.1:9", kms[1], transport)
    no_such_key = kms_cipher(kms[0], "alias/nothing", transport)

    for each in (nowhere, no_such_key):
        with pytest.raises(ProviderKeyUnavailable):
            await each.seal(TEXT, CONTEXT)


async def test_the_key_of_a_laptop_is_kept_and_nobody_elses_to_read(tmp_path: Path) -> None:
    folder = tmp_path / ".prxy"
    sealed = await file_cipher(folder).seal(TEXT, CONTEXT)

    assert await file_cipher(folder).unseal(sealed, CONTEXT) == TEXT
    assert stat.S_IMODE((folder / "provider-keys.key").stat().st_mode) == 0o600


def test_a_key_file_of_another_length_is_refused(tmp_path: Path) -> None:
    (tmp_path / "provider-keys.key").write_bytes(b"short")

    with pytest.raises(ConfigurationError, match=r"provider-keys\.key"):
        file_cipher(tmp_path)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Counted(KeyCipher):
    """Opens with the other one, unless it is out."""

    def __init__(self, inner: KeyCipher) -> None:
        self._inner = inner
        self.opened = 0
        self.out = False

    async def seal(self, text: str, context: Mapping[str, str]) -> str:
        return await self._inner.seal(text, context)

    async def unseal(self, sealed: str, context: Mapping[str, str]) -> str:
        if self.out:
            raise ProviderKeyUnavailable
        self.opened += 1
        return await self._inner.unseal(sealed, context)


class Shop:
    """An administration, and the keys as another process sees them."""

    def __init__(self, table: Table) -> None:
        self.clock, self.cipher = Clock(), Counted(FileCipher(bytes(32)))
        self.forgotten: list[str] = []
        self.administration = DynamoProviderKeyAdministration(table, self.cipher, forget=self.forgotten.append)
        self.keys = DynamoProviderKeys(table, self.cipher, clock=self.clock)

    async def put(self, tenant: str, provider: str, text: str) -> ProviderKey:
        key = ProviderKey(tenant=tenant, provider=provider, last4=text[-4:], updated_at=1)
        return await self.administration.put(key, text)


@pytest.fixture
def shop(table: Table) -> Shop:
    return Shop(table)


async def test_each_tenant_has_its_own_keys_by_provider(shop: Shop) -> None:
    for tenant, provider in (("a", "openai"), ("a", "groq"), ("b", "openai")):
        await shop.put(tenant, provider, f"sk-{tenant}-{provider}")

    found = {tenant: await shop.keys.of(tenant) for tenant in ("a", "b", "c")}

    assert {tenant: set(keys) for tenant, keys in found.items()} == {
        "a": {"openai", "groq"},
        "b": {"openai"},
        "c": set(),
    }
    assert await shop.keys.unseal(found["a"]["openai"]) == "sk-a-openai"
    assert await shop.keys.unseal(found["b"]["openai"]) == "sk-b-openai"


async def test_a_key_that_is_put_again_replaces_the_one_before(shop: Shop) -> None:
    await shop.put("a", "openai", "sk-first")
    await shop.put("a", "openai", "sk-second")

    assert await shop.keys.unseal((await shop.keys.of("a"))["openai"]) == "sk-second"
    assert (await shop.administration.read("a", "openai")).last4 == "cond"


async def test_a_deleted_key_is_gone_and_deleted_once(shop: Shop) -> None:
    await shop.put("a", "openai", "sk-first")
    await shop.administration.delete("a", "openai")

    assert await shop.keys.of("a") == {}
    for tenant in ("a", "nobody"):
        with pytest.raises(NotFound):
            await shop.administration.delete(tenant, "openai")
        with pytest.raises(NotFound):
            await shop.administration.read(tenant, "openai")
    assert shop.forgotten == ["a", "a"]


async def test_rows_are_read_once_a_minute_and_texts_opened_every_five(
    shop: Shop, transport: CountingTransport
) -> None:
    await shop.put("a", "openai", "sk-first")
    transport.operations.clear()

    for _ in range(3):
        await shop.keys.unseal((await shop.keys.of("a"))["openai"])
        await shop.keys.of("nobody")
    first = (transport.operations.count("GetItem"), shop.cipher.opened)
    shop.clock.now += ROWS_KEPT_S
    await shop.keys.unseal((await shop.keys.of("a"))["openai"])
    second = (transport.operations.count("GetItem"), shop.cipher.opened)

    assert (first, second) == ((2, 1), (3, 1))


async def test_an_outage_of_the_cipher_is_borne_for_five_minutes(shop: Shop) -> None:
    await shop.put("a", "openai", "sk-first")
    key = (await shop.keys.of("a"))["openai"]
    await shop.keys.unseal(key)
    shop.cipher.out = True

    shop.clock.now += TEXTS_KEPT_S - 1
    assert await shop.keys.unseal(key) == "sk-first"
    shop.clock.now += 1
    with pytest.raises(ProviderKeyUnavailable):
        await shop.keys.unseal(key)


@pytest.mark.parametrize(("tenant", "provider"), [("b", "openai"), ("a", "groq")])
async def test_a_row_in_anothers_place_does_not_open_and_a_line_tells_it(
    shop: Shop, table: Table, tenant: str, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    """T08, where the text of the row was opened at its own place a moment ago."""
    await shop.put("a", "openai", "sk-first")
    await shop.keys.unseal((await shop.keys.of("a"))["openai"])
    item = await table.get_item(provider_keys_at("a"))
    assert item is not None
    stolen = Update(
        expression="SET #key = :row",
        names={"#key": provider_key_name(provider)},
        values={":row": item[provider_key_name("openai")]},
    )
    await table.update_item(provider_keys_at(tenant), stolen)
    shop.keys.forget("a")

    with pytest.raises(ProviderKeyUnavailable):
        await shop.keys.unseal((await shop.keys.of(tenant))[provider])
    told = [each.__dict__ for each in caplog.records if each.message == "provider_key_not_opened"]
    assert [(line["tenant"], line["provider"]) for line in told] == [(tenant, provider)]


async def test_without_a_cipher_there_are_no_stored_keys() -> None:
    keys = NoProviderKeys()

    assert await keys.of("a") == {}
    with pytest.raises(ProviderKeyUnavailable):
        await keys.unseal(ProviderKey(tenant="a", provider="p", last4="", updated_at=0))
