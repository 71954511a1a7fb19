"""How a provider key travels: always in a header, never in a URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct


class Auth(Struct, frozen=True, kw_only=True):
    headers: Callable[[str], Mapping[str, str]]
    """Provider key -> the headers that carry it."""
    needs_key: bool = True
    """False: the provider also answers without one."""


def in_header(name: str) -> Auth:
    """The bare key in a header of that name."""
    return Auth(headers=lambda key: {name: key})


def _authorization(key: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {key}"}


bearer = Auth(headers=_authorization)
none_needed = Auth(headers=_authorization, needs_key=False)
"""Local servers: a key is sent where the operator set one."""
