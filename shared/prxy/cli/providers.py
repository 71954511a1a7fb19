"""`prxy providers`: provider keys that a tenant stores. A key is read from stdin or from a hidden prompt."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from prxy.cli.asking import complete_providers
from prxy.cli.options import Server, admin_server, confirmed, is_conversation, tenant_option, utc
from prxy.cli.paths import path_of
from prxy.cli.showing import Column, Table, View, shown

name_argument = click.argument("name", shell_complete=complete_providers)
COLUMNS = tuple(Column(title=title) for title in ("provider", "tenant", "key ends in", "stored (UTC)"))


@click.group()
def providers() -> None:
    """Store, show and delete a tenant's own provider keys."""


@providers.command("set")
@admin_server
@name_argument
@tenant_option
@shown
def store(server: Server, name: str, tenant: str) -> View:
    """Store a provider key, read from stdin or from a hidden prompt; the one before it is replaced."""
    return _of(server.ask("PUT", path_of("providers", name), {"key": _read_key(name), "tenant": tenant}))


def _read_key(name: str) -> str:
    """Never from the command line, where every user of the machine could read it."""
    if is_conversation():
        given: str = click.prompt(f"Key for {name}", hide_input=True, err=True)
    else:
        given = sys.stdin.read()
    if not given.strip():
        raise click.UsageError(f"No key came on stdin. For instance: prxy providers set {name} < key.txt")
    return given.strip()


@providers.command()
@admin_server
@name_argument
@tenant_option
@shown
def show(server: Server, name: str, tenant: str) -> View:
    """Show that a key is stored, since when, and how it ends."""
    return _of(server.ask("GET", path_of("providers", name, query={"tenant": tenant})))


def _of(entry: Mapping[str, Any]) -> View:
    row = (entry["provider"], entry["tenant"], f"…{entry['last4']}", utc(entry["updated_at"]))
    return View(document=entry, tables=(Table(columns=COLUMNS, rows=[row]),))


@providers.command()
@admin_server
@name_argument
@tenant_option
@confirmed("Delete the stored key of {}?")
@shown
def delete(server: Server, name: str, tenant: str) -> View:
    """Delete a stored key."""
    server.ask("DELETE", path_of("providers", name, query={"tenant": tenant}))
    document = {"provider": name, "tenant": tenant, "deleted": True}
    return View(document=document, text=f"The key of {tenant} for {name} is deleted.")
