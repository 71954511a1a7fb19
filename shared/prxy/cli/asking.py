"""What a shell offers behind Tab: names that a gateway tells within a second, or none, in silence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem
from msgspec.structs import replace

from prxy.cli.client import fetch, request
from prxy.cli.options import LOCAL_URL, kept_key
from prxy.providers import PROVIDERS
from prxy.providers.transport import Deadlines

IN_TIME = Deadlines(connect_s=0.5, first_byte_s=1.0, idle_s=1.0, total_s=1.0)


def complete_models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Models of the gateway."""
    del param
    return _fitting(((each["id"], "") for each in _entries(ctx, "/v1/models", "api_key")), incomplete)


def complete_key_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Ids of keys; shells that can show the name beside it."""
    del param
    found = _entries(ctx, "/v1/keys", "admin_key")
    return _fitting(((each["id"], each["name"]) for each in found if each["status"] != "revoked"), incomplete)


def complete_providers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Providers that are built in."""
    del ctx, param
    return _fitting(((name, "") for name in PROVIDERS), incomplete)


def _fitting(found: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem[str]]:
    return [CompletionItem(name, help=about or None) for name, about in found if name.startswith(incomplete)]


def _entries(ctx: click.Context, path: str, kept_as: str) -> list[Any]:
    url = str(ctx.params.get("url") or LOCAL_URL).rstrip("/")
    key = ctx.params.get("key") or kept_key(kept_as)
    if not isinstance(key, str):
        return []
    try:
        reply = fetch(replace(request("GET", url + path, key), deadlines=IN_TIME))
    except click.ClickException:
        return []  # whoever presses Tab did not ask for an error
    match reply.body:
        case {"data": [*entries]}:
            return entries
        case _:
            return []
