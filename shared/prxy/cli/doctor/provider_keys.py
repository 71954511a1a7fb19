"""Keys of providers: present, of a shape that a header carries, and, where that is asked for, taken by the provider."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from prxy.cli.client import fetch, shown_address
from prxy.cli.doctor.findings import Finding, fail, last_four, ok, warn
from prxy.providers import PROVIDERS
from prxy.providers.base import Provider
from prxy.providers.bedrock import PROVIDER as SIGNED
from prxy.providers.compatible import compatible_row
from prxy.providers.transport import Deadlines, HttpRequest
from prxy.settings import Settings

PATIENCE = Deadlines(connect_s=5.0, first_byte_s=10.0, idle_s=10.0, total_s=15.0)
_PLACEHOLDER = re.compile(r"(sk|key|your|xxx|change|<|\.\.\.)[-_.\w<>]{0,12}(\.\.\.|…|xxx|here|key>?)$", re.IGNORECASE)


def examined(settings: Settings, *, online: bool) -> Iterator[Finding]:
    """One line for each provider that has a key, and one that says so where none has.

    A provider with a way out of its own is inside the gateway; the variable of its key is that of the command.
    """
    rows = {**PROVIDERS, **{name: compatible_row(name, url) for name, url in settings.added_providers.items()}}
    found = [
        _of_key(rows[name], key, settings, online=online)
        for name, key in settings.provider_keys.items()
        if name in rows and name != SIGNED.name and rows[name].transport is None
    ]
    for name, arn in settings.provider_key_arns.items():
        found.append(ok(f"provider {name}", f"its key is in Secrets Manager: {arn.rpartition(':')[2]}."))
    if not found:
        fix = "Set OPENAI_API_KEY or another <PROVIDER>_API_KEY, or store keys with `prxy providers set NAME`."
        found.append(warn("providers", "no provider has a key in this environment.", fix))
    yield from found


def _of_key(row: Provider, key: str, settings: Settings, *, online: bool) -> Finding:
    check, variable, shown = f"provider {row.name}", f"{row.name.upper()}_API_KEY", last_four(key)
    if fault := _fault(key):
        return fail(
            check, f"{variable} ({shown}) {fault}.", f"Copy the key again, without anything around it: {variable}=…"
        )
    base = settings.provider_urls.get(row.name) or row.base_url
    if base is None:
        return fail(check, f"{variable} is set and its address is not.", f"Set {row.name.upper()}_BASE_URL.")
    if not online:
        return ok(check, f"{variable} is set ({shown}).")
    if row.key_check_path is None:
        return ok(check, f"{variable} is set ({shown}); the provider has nothing to try it with at no cost.")
    return _tried(row, key, base.rstrip("/") + row.key_check_path)


def _fault(key: str) -> str:
    if not all("!" <= char <= "~" for char in key):
        return "holds a space or a character that no header carries"
    if key[0] in "\"'" or key[-1] in "\"'":
        return "has quotes around it"
    return "looks like a placeholder" if _PLACEHOLDER.fullmatch(key) else ""


def _tried(row: Provider, key: str, url: str) -> Finding:
    check, shown = f"provider {row.name}", last_four(key)
    headers = {**row.headers, **row.auth.headers(key), "accept": "application/json"}
    try:
        status = fetch(HttpRequest(url=url, method="GET", headers=headers, body=b"", deadlines=PATIENCE)).status
    except click.ClickException:
        return fail(
            check,
            f"nothing usable answers at {shown_address(url)}.",
            f"Check the network and {row.name.upper()}_BASE_URL.",
        )
    match status:
        case 200:
            return ok(check, f"takes the key {shown}.")
        case 400 | 401 | 403:
            return fail(
                check, f"refuses the key {shown} ({status}).", f"Set {row.name.upper()}_API_KEY to one in force."
            )
        case 429:
            return warn(check, f"knows the key {shown} and answers 429.", "Look at the provider's limits and billing.")
        case _:
            return warn(
                check, f"answers {status} to {shown_address(url)}; the key {shown} was not judged.", "Try again later."
            )
