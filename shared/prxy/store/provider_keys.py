"""Tenants' own provider keys: sealed by the control plane, opened by the data plane, never shown to anybody.

A key is sealed under the names of its tenant, its provider and its item, so that it opens at its own place only.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from prxy.canonical.errors import NotFound, ProviderKeyUnavailable
from prxy.store.ports import KeyCipher, ProviderKeyAdministration, ProviderKeys
from prxy.store.records import ProviderKey
from prxy.store.schema import (
    PARTITION,
    parse_provider_keys,
    provider_key_name,
    provider_keys_at,
    render_provider_key,
)
from prxy.store.table import ConditionFailed, Table, Update

ROWS_KEPT_S = 60.0
"""After that long at the latest a process obeys a change that another one made."""
TEXTS_KEPT_S = 300.0
"""How long an opened key is served from memory; an outage of the cipher goes unnoticed for as long."""
KEPT = 10_000

V = TypeVar("V")
_log = logging.getLogger(__name__)


class DynamoProviderKeyAdministration(ProviderKeyAdministration):
    def __init__(self, table: Table, cipher: KeyCipher, *, forget: Callable[[str], None]) -> None:
        """`forget` is told of every tenant whose keys changed, for whoever uses them in the same process."""
        self._table, self._cipher = table, cipher
        self._forget = forget

    async def put(self, key: ProviderKey, text: str) -> ProviderKey:
        sealed = await self._cipher.seal(text, _context(key.tenant, key.provider))
        stored = ProviderKey(
            tenant=key.tenant, provider=key.provider, last4=key.last4, updated_at=key.updated_at, sealed=sealed
        )
        update = Update(
            expression="SET #key = :key",
            names={"#key": provider_key_name(key.provider)},
            values={":key": render_provider_key(stored)},
        )
        await self._table.update_item(provider_keys_at(key.tenant), update)
        self._forget(key.tenant)
        return stored

    async def read(self, tenant: str, provider: str) -> ProviderKey:
        item = await self._table.get_item(provider_keys_at(tenant))
        found = parse_provider_keys(tenant, item).get(provider) if item else None
        if found is None:
            raise _not_found(tenant, provider)
        return found

    async def delete(self, tenant: str, provider: str) -> None:
        update = Update(
            expression="REMOVE #key",
            condition=f"attribute_exists({PARTITION}) AND attribute_exists(#key)",
            names={"#key": provider_key_name(provider)},
        )
        try:
            await self._table.update_item(provider_keys_at(tenant), update)
        except ConditionFailed as error:
            if not error.resent:
                raise _not_found(tenant, provider) from error
        self._forget(tenant)


class DynamoProviderKeys(ProviderKeys):
    def __init__(self, table: Table, cipher: KeyCipher, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._table, self._cipher = table, cipher
        self._rows = _Kept[Mapping[str, ProviderKey]](ROWS_KEPT_S, clock)
        self._texts = _Kept[str](TEXTS_KEPT_S, clock)

    async def of(self, tenant: str) -> Mapping[str, ProviderKey]:
        found = self._rows.get(tenant)
        if found is None:
            item = await self._table.get_item(provider_keys_at(tenant))
            found = self._rows.put(tenant, parse_provider_keys(tenant, item) if item else {})
        return found

    async def unseal(self, key: ProviderKey) -> str:
        """An opened text is remembered under all that it was sealed with, so no other row ever gets it."""
        name = f"{key.tenant}\n{key.provider}\n{key.sealed}"
        text = self._texts.get(name)
        if text is None:
            text = self._texts.put(name, await self._opened(key))
        return text

    async def _opened(self, key: ProviderKey) -> str:
        try:
            return await self._cipher.unseal(key.sealed, _context(key.tenant, key.provider))
        except ProviderKeyUnavailable:
            _log.error("provider_key_not_opened", extra={"tenant": key.tenant, "provider": key.provider})
            raise

    def forget(self, tenant: str) -> None:
        self._rows.drop(tenant)


class NoProviderKeys(ProviderKeys):
    """Nothing here could open one."""

    async def of(self, tenant: str) -> Mapping[str, ProviderKey]:
        return {}

    async def unseal(self, key: ProviderKey) -> str:
        raise ProviderKeyUnavailable


def provider_keys_over(table: Table, cipher: KeyCipher | None) -> tuple[ProviderKeys, ProviderKeyAdministration | None]:
    """Both sides of them, for one process; nothing is stored or looked for where there is no cipher."""
    if cipher is None:
        return NoProviderKeys(), None
    keys = DynamoProviderKeys(table, cipher)
    return keys, DynamoProviderKeyAdministration(table, cipher, forget=keys.forget)


class _Kept(Generic[V]):
    """The newest values, each for its time."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds, self._clock = seconds, clock
        self._values: OrderedDict[str, tuple[float, V]] = OrderedDict()

    def get(self, name: str) -> V | None:
        at, value = self._values.get(name, (float("-inf"), None))
        return value if self._clock() - at < self._seconds else None

    def put(self, name: str, value: V) -> V:
        self._values[name] = (self._clock(), value)
        self._values.move_to_end(name)
        if len(self._values) > KEPT:
            self._values.popitem(last=False)
        return value

    def drop(self, name: str) -> None:
        self._values.pop(name, None)


def _context(tenant: str, provider: str) -> Mapping[str, str]:
    return {"tenant": tenant, "provider": provider, "record": str(provider_keys_at(tenant)[PARTITION])}


def _not_found(tenant: str, provider: str) -> NotFound:
    return NotFound(
        f"The tenant '{tenant}' has no stored key for '{provider[:64]}'.", code="key_not_found", param="name"
    )
