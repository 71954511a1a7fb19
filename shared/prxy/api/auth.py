"""From a credential to the key it belongs to."""

from __future__ import annotations

from collections.abc import Mapping

from prxy.canonical.errors import InvalidRequest, NotAuthenticated, NotPermitted
from prxy.store import key_text
from prxy.store.ports import Keys
from prxy.store.records import ApiKey, KeyStatus

MAX_PROVIDER_KEY = 512


def credential(headers: Mapping[str, str]) -> str:
    """The key text that a client sent, in any of the three vendors' ways; empty where there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return (headers.get("x-api-key") or headers.get("x-goog-api-key") or "").strip()


async def authenticate(headers: Mapping[str, str], keys: Keys, now: float) -> ApiKey:
    """The key of a request. Raises NotAuthenticated, the same for every cause, and StoreUnavailable.

    A text that fails its checksum never reaches the store. Of the secrets of a key that is being rotated, the answer
    holds the one that was presented.
    """
    parsed = key_text.parse_key(credential(headers))
    if parsed is None:
        raise NotAuthenticated
    key = await keys.find(parsed.id)
    if not key_text.verify(key, parsed.text, int(now)):
        key = await keys.recheck(parsed.id)
        if not key_text.verify(key, parsed.text, int(now)):
            raise NotAuthenticated
    if key is None or key.admin != parsed.admin or not _is_live(key, now):
        raise NotAuthenticated
    return key_text.prove(key, parsed.text)


def _is_live(key: ApiKey, now: float) -> bool:
    return key.status is KeyStatus.ACTIVE and (key.expires_at is None or key.expires_at > now)


def require_ordinary(key: ApiKey) -> None:
    """Raises NotPermitted for admin keys, which reach no model."""
    if key.admin:
        raise NotPermitted("Admin keys cannot call models. Create an ordinary key.", code="model_not_allowed")


def require_admin(key: ApiKey) -> None:
    """Raises NotPermitted for ordinary keys."""
    if not key.admin:
        raise NotPermitted("This route takes an admin key (prxy_admin_…).", code="admin_required")


def provider_key(headers: Mapping[str, str]) -> str | None:
    """The caller's own provider key. Raises InvalidRequest where it is there but unusable: nothing else is tried."""
    value = headers.get("x-provider-key")
    if value is None:
        return None
    if not 1 <= len(value) <= MAX_PROVIDER_KEY or not all("!" <= char <= "~" for char in value):
        raise InvalidRequest(
            f"'x-provider-key' must be 1 to {MAX_PROVIDER_KEY} printable ASCII characters without spaces.",
            code="invalid_header",
            param="x-provider-key",
        )
    return value
