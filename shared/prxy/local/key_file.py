"""Stored provider keys of a laptop: sealed with a key in a file, in the place of AWS KMS."""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from prxy.canonical.errors import ProviderKeyUnavailable
from prxy.local.keys import FOLDER
from prxy.settings import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES, NONCE_BYTES = 32, 12


class FileCipher:
    """AES-256-GCM; the context is authenticated with the text. Raises ProviderKeyUnavailable."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @cached_property
    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  # loaded where a key is stored

        return AESGCM(self._key)

    async def seal(self, text: str, context: Mapping[str, str]) -> str:
        nonce = os.urandom(NONCE_BYTES)
        return b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), _bytes(context))).decode()

    async def unseal(self, sealed: str, context: Mapping[str, str]) -> str:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  # as above

        try:
            raw = b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bytes(context)).decode()
        except (InvalidTag, ValueError) as error:
            raise ProviderKeyUnavailable from error


def file_cipher(folder: Path = FOLDER) -> FileCipher:
    """The cipher of the key in `provider-keys.key`, made where it is missing. Raises ConfigurationError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "provider-keys.key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
    else:
        key = os.urandom(KEY_BYTES)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"{path} is no key of {KEY_BYTES} bytes. Remove it, and store the provider keys again."
        )
    return FileCipher(key)


def _bytes(context: Mapping[str, str]) -> bytes:
    return json.dumps(context, sort_keys=True).encode()
