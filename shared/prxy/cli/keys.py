"""`prxy keys`: who may call, and how much it may cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from prxy.cli.asking import complete_key_ids
from prxy.cli.key_fields import clear_option, cleared, key_options
from prxy.cli.options import Server, admin_server, confirmed, tenant_option, utc
from prxy.cli.paths import path_of
from prxy.cli.showing import Column, Table, View, shown
from prxy.store import key_text

LISTED = (
    Column(title="id", whole=True),
    Column(title="status", toned=True, whole=True),
    Column(title="limit", whole=True),
    Column(title="name"),
    Column(title="tenant", piped=False),
    Column(title="a month", piped=False),
    Column(title="models", piped=False),
    Column(title="expires", piped=False),
)
UNCONFIRMED = (
    Column(title="attempt", whole=True),
    Column(title="unconfirmed USD", right=True),
    Column(title="request"),
    Column(title="model"),
    Column(title="error", toned=True),
)
key_id_argument = click.argument("key_id", metavar="ID", shell_complete=complete_key_ids)


@click.group()
def keys() -> None:
    """Create, list, change, rotate and revoke keys."""


@keys.command()
@click.option("--admin", is_flag=True, help="A key for the admin API.")
@shown
def generate(*, admin: bool) -> View:
    """Make a key text offline, for PRXY_LOCAL_API_KEY or PRXY_LOCAL_ADMIN_KEY."""
    made = key_text.generate(admin=admin)
    return View(document={"id": made.id, "key": made.text}, text=made.text)


@keys.command()
@admin_server
@click.option("--name", required=True, help="What the key is for.")
@tenant_option
@key_options
@shown
def create(server: Server, name: str, tenant: str, fields: Mapping[str, Any]) -> View:
    """Create a key; its text is shown once."""
    made = server.ask("POST", "/v1/keys", {"name": name, "tenant": tenant, **fields})
    return View(document=made, text=f"{made['key']}\n\nShown this once. Its id is {made['id']}.")


@keys.command("list")
@admin_server
@shown
def list_keys(server: Server) -> View:
    """List all keys. In a pipe: id, status, daily limit, name."""
    found = server.all_pages("/v1/keys")
    rows = [_row(entry) for entry in found]
    table = Table(columns=LISTED, rows=rows, empty="No keys yet: `prxy keys create --name NAME` makes one.")
    return View(document={"object": "list", "data": found}, tables=(table,))


def _row(entry: Mapping[str, Any]) -> Sequence[str]:
    limits = entry["limits"]
    return (
        entry["id"],
        entry["status"],
        _dollars(limits["per_day_usd"], "/day"),
        entry["name"],
        entry["tenant"],
        _dollars(limits["per_month_usd"], ""),
        "any" if entry["models"] is None else ", ".join(entry["models"]),
        utc(entry["expires_at"]) or "never",
    )


def _dollars(amount: str | None, per: str) -> str:
    return "-" if not amount else f"${amount}{per}"


@keys.command()
@admin_server
@key_id_argument
@shown
def show(server: Server, key_id: str) -> View:
    """Show what a key may do."""
    return _of(server.ask("GET", f"/v1/keys/{key_id}"))


def _of(entry: Mapping[str, Any]) -> View:
    """One line for each field that says something."""
    told = {**entry, **entry["limits"], "created_at": utc(entry["created_at"]), "expires_at": utc(entry["expires_at"])}
    hidden = {"object", "limits"}
    rows = [(name, _told(value)) for name, value in told.items() if name not in hidden and value not in (None, "", [])]
    table = Table(columns=(Column(title="field"), Column(title="value", toned=True)), rows=rows)
    return View(document=entry, tables=(table,))


def _told(value: object) -> str:
    match value:
        case [*entries]:
            return ", ".join(map(str, entries))
        case {}:
            return ", ".join(f"{name}={each}" for name, each in value.items()) or "-"
        case _:
            return str(value)


@keys.command()
@admin_server
@key_id_argument
@click.option("--name", help="Another name.")
@key_options
@click.option("--freeze/--unfreeze", default=None, help="Refuse its calls until it is unfrozen.")
@clear_option
@shown
def update(  # noqa: PLR0913  # one parameter for each option
    server: Server,
    key_id: str,
    *,
    fields: Mapping[str, Any],
    name: str | None,
    freeze: bool | None,
    clear: Sequence[str],
) -> View:
    """Change a key: what is not named stays."""
    body = cleared(fields, clear)
    if name is not None:
        body["name"] = name
    if freeze is not None:
        body["status"] = "frozen" if freeze else "active"
    if not body:
        raise click.UsageError("Nothing to change: name a field, --freeze, --unfreeze or --clear FIELD.")
    return _of(server.ask("PATCH", f"/v1/keys/{key_id}", body))


@keys.command()
@admin_server
@key_id_argument
@confirmed("Revoke {} for good?")
@shown
def revoke(server: Server, key_id: str) -> View:
    """Revoke a key at once."""
    server.ask("DELETE", f"/v1/keys/{key_id}")
    return View(document={"id": key_id, "status": "revoked"}, text=f"{key_id} is revoked.")


@keys.command()
@admin_server
@key_id_argument
@click.option("--overlap-s", type=click.IntRange(0, 7 * 86_400), default=0, help="Seconds that the old text works.")
@shown
def rotate(server: Server, key_id: str, overlap_s: int) -> View:
    """Give a key another text, shown once; limits and spend stay."""
    made = server.ask("POST", f"/v1/keys/{key_id}/rotate", {"overlap_s": overlap_s})
    told = f"Shown this once. The text before it works for {overlap_s} more seconds."
    return View(document=made, text=f"{made['key']}\n\n{told}")


@keys.command()
@admin_server
@key_id_argument
@click.option("--day", help="Of UTC: 2026-11-22. Today unless named.")
@shown
def unconfirmed(server: Server, key_id: str, day: str | None) -> View:
    """List attempts that are charged in full because the provider's word is missing.

    In a pipe: attempt, USD, request, model, error.
    """
    asked = {"key_id": key_id, "day": day, "limit": "1000"}
    found = [each for each in _used(server, asked) if each["unconfirmed_usd"] != "0"]
    rows = [
        (
            each["attempt"],
            each["unconfirmed_usd"],
            each["request_id"],
            f"{each['provider']}/{each['model']}",
            each["error"] or "-",
        )
        for each in found
    ]
    table = Table(columns=UNCONFIRMED, rows=rows, empty="Nothing is unconfirmed.")
    return View(document={"object": "list", "data": found}, tables=(table,))


def _used(server: Server, asked: Mapping[str, str | None]) -> Sequence[Mapping[str, Any]]:
    page = server.ask("GET", path_of("usage/calls", query=asked))
    found: list[Mapping[str, Any]] = page["data"]
    while page["next"]:
        page = server.ask("GET", path_of("usage/calls", query={**asked, "cursor": page["next"]}))
        found += page["data"]
    return found


@keys.command()
@admin_server
@key_id_argument
@click.argument("attempt")
@click.option("--cost-usd", required=True, help="What the provider billed for it: 0 where nothing.")
@confirmed("Settle that attempt of {} for good?")
@shown
def reconcile(server: Server, key_id: str, attempt: str, cost_usd: str) -> View:
    """Charge an attempt what it did cost; the rest of what was held for it is given back."""
    done = server.ask("POST", f"/v1/keys/{key_id}/reconcile", {"attempt": attempt, "cost_usd": cost_usd})
    whose = ", ".join(done["accounts"])
    told = f"${done['given_back_usd']} is given back to: {whose}." if whose else "It was settled so before."
    return View(document=done, text=told)
