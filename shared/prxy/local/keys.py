"""The two keys of a laptop: made once, kept in `.prxy/local.json`, put into whatever store is used."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prxy.canonical.errors import NotFound
from prxy.settings import ConfigurationError, Settings
from prxy.store import key_text
from prxy.store.key_text import ParsedKey
from prxy.store.keys import KeyConflict
from prxy.store.ports import KeyAdministration
from prxy.store.records import ApiKey

FOLDER = Path(".prxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalKeys:
    ordinary: ParsedKey
    admin: ParsedKey


def local_keys(settings: Settings, folder: Path = FOLDER) -> LocalKeys:
    """The pinned keys, else the kept ones, else new ones. Raises ConfigurationError for a pin that is no key."""
    kept = kept_keys(folder)
    ordinary = _pinned("PRXY_LOCAL_API_KEY", settings.local_api_key, admin=False)
    admin = _pinned("PRXY_LOCAL_ADMIN_KEY", settings.local_admin_key, admin=True)
    keys = LocalKeys(
        ordinary=ordinary or key_text.parse_key(kept.get("api_key", "")) or key_text.generate(),
        admin=admin or key_text.parse_key(kept.get("admin_key", "")) or key_text.generate(admin=True),
    )
    _write(folder, {"api_key": keys.ordinary.text, "admin_key": keys.admin.text})
    return keys


def _pinned(variable: str, text: str | None, *, admin: bool) -> ParsedKey | None:
    if text is None:
        return None
    parsed = key_text.parse_key(text)
    if parsed is None or parsed.admin is not admin:
        made = "prxy keys generate --admin" if admin else "prxy keys generate"
        raise ConfigurationError(f"{variable} is not a key in the full format; `{made}` makes one.")
    return parsed


def kept_keys(folder: Path = FOLDER) -> dict[str, str]:
    """`api_key` and `admin_key` as an earlier start kept them; empty where there was none."""
    try:
        kept = json.loads((folder / "local.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {name: value for name, value in kept.items() if isinstance(value, str)} if isinstance(kept, dict) else {}


def _write(folder: Path, keys: dict[str, str]) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "local.json"
    new = folder / f"local.json.{os.getpid()}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(keys, indent=2) + "\n")
    new.replace(path)


async def seed(keys: LocalKeys, administration: KeyAdministration, now: int) -> None:
    """Put the local keys into the store where they are missing; what is there stays as it is."""
    for parsed, name in ((keys.ordinary, "local"), (keys.admin, "local admin")):
        try:
            await administration.read(parsed.id)
        except NotFound:
            key = ApiKey(
                id=parsed.id,
                name=name,
                tenant="default",
                admin=parsed.admin,
                secret_hash=key_text.hashed(parsed.text),
                created_at=now,
            )
            with suppress(KeyConflict):  # another gateway on the same store was faster
                await administration.create(key)
