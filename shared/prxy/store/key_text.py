"""What a key looks like, and whether one is right, without asking anything.

    prxy_live_ | prxy_admin_   public id 12   secret 32   checksum 6

Base62, so a double click selects all of it and no URL needs to escape it. The checksum is the CRC32 of everything
before it: scanners confirm a leaked key offline, and garbage is refused without a read.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib

from msgspec import Struct
from msgspec.structs import replace

from prxy.store.records import ApiKey

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM = re.compile(r"(prxy_(?:live|admin)_)([0-9A-Za-z]{12})([0-9A-Za-z]{32})([0-9A-Za-z]{6})", re.ASCII)
_NO_HASH = "0" * 64


class ParsedKey(Struct, frozen=True, kw_only=True):
    """A text of the right form with the right checksum; whether it opens anything is another matter."""

    id: str
    admin: bool
    text: str

    def __repr__(self) -> str:
        return f"ParsedKey(id={self.id!r}, admin={self.admin})"


def generate(*, admin: bool = False) -> ParsedKey:
    """A new key: 190 random bits of secret under a public id of 71."""
    return renew(_random(12), admin=admin)


def renew(key_id: str, *, admin: bool = False) -> ParsedKey:
    """Another secret for the same public id, for rotation."""
    body = f"{'prxy_admin_' if admin else 'prxy_live_'}{key_id}{_random(32)}"
    return ParsedKey(id=key_id, admin=admin, text=body + _checksum(body))


def parse_key(text: str) -> ParsedKey | None:
    """None for anything that was never made by `generate`."""
    found = _FORM.fullmatch(text)
    if found is None or _checksum(text[:-6]) != found[4]:
        return None
    return ParsedKey(id=found[2], admin=found[1] == "prxy_admin_", text=text)


def hashed(text: str) -> str:
    """SHA-256 in hex. Enough for 190 random bits, and cheap enough that wrong keys are no attack on the CPU."""
    return hashlib.sha256(text.encode()).hexdigest()


def verify(key: ApiKey | None, text: str, now: int) -> bool:
    """Whether the text is the key's secret, or the one before it while that still counts.

    The same work for an unknown key, a wrong secret and a right one. Status and expiry are not looked at.
    """
    digest = hashed(text)
    current = (key.secret_hash if key else "") or _NO_HASH
    previous = _NO_HASH
    if key and key.previous_hash and key.previous_until is not None and key.previous_until > now:
        previous = key.previous_hash
    is_current, is_previous = hmac.compare_digest(digest, current), hmac.compare_digest(digest, previous)
    return is_current or is_previous


def prove(key: ApiKey, text: str) -> ApiKey:
    """The key as the caller proved it: with the presented secret alone, so that it can be compared again later.

    The text has been verified: where no other secret counts, it is that of the key.
    """
    if key.previous_hash is None:
        return key
    return replace(key, secret_hash=hashed(text), previous_hash=None, previous_until=None)


def accepts(key: ApiKey, secret_hash: str, now: int) -> bool:
    """Whether a hash that was accepted before still is. It comes from the store and never from a client."""
    if secret_hash == key.secret_hash:
        return True
    return secret_hash == key.previous_hash and key.previous_until is not None and key.previous_until > now


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    value = zlib.crc32(text.encode())
    digits = ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = ALPHABET[digit] + digits
    return digits
