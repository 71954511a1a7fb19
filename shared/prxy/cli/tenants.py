"""`prxy tenants`: what all keys of a tenant may spend together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from prxy.cli.client import Refused
from prxy.cli.key_fields import LIMITS, limit_options
from prxy.cli.options import Server, admin_server
from prxy.cli.paths import path_of
from prxy.cli.showing import Column, Table, View, shown

_WORDS = sorted(name.replace("_", "-") for name in LIMITS)
MODES = ("hard_fail", "warn", "off")
COLUMNS = (
    Column(title="tenant"),
    Column(title="mode", toned=True),
    *(Column(title=title, right=True) for title in ("USD a call", "USD a day", "USD a month", "a minute", "at once")),
)


@click.group()
def tenants() -> None:
    """Show and set the budgets of tenants."""


@tenants.command("list")
@admin_server
@shown
def list_tenants(server: Server) -> View:
    """List the tenants that have a budget."""
    answer = server.ask("GET", path_of("tenants"))
    return View(document=answer, tables=(_table(answer["data"]),))


@tenants.command()
@admin_server
@click.argument("name")
@shown
def show(server: Server, name: str) -> View:
    """Show the budget of a tenant."""
    return _of(server.ask("GET", path_of("tenants", name)))


@tenants.command("set")
@admin_server
@click.argument("name")
@click.option("--mode", type=click.Choice(MODES), help="What becomes of a call that does not fit. At first: hard_fail.")
@limit_options
@click.option(
    "--clear", multiple=True, type=click.Choice(_WORDS), metavar="LIMIT", help=f"Takes it away: {', '.join(_WORDS)}."
)
@shown
def store(server: Server, name: str, mode: str | None, limits: Mapping[str, object], clear: Sequence[str]) -> View:
    """Give a tenant a budget, or change it: limits that are not named stay."""
    dropped = {word.replace("-", "_") for word in clear}
    if twice := limits.keys() & dropped:
        raise click.UsageError(f"{min(twice)} is set and cleared; name it once.")
    present = _present(server, name)
    kept = {field: value for field, value in present["limits"].items() if field not in dropped}
    body = {"mode": mode or present["mode"], "limits": {**kept, **limits}}
    return _of(server.ask("PUT", path_of("tenants", name), body))


def _present(server: Server, name: str) -> Mapping[str, Any]:
    """As it stands: the admin API takes a budget as a whole."""
    try:
        found: Mapping[str, Any] = server.ask("GET", path_of("tenants", name))
    except Refused as refused:
        if refused.status != 404:
            raise
        return {"mode": MODES[0], "limits": {}}
    return found


def _of(entry: Mapping[str, Any]) -> View:
    return View(document=entry, tables=(_table([entry]),))


def _table(entries: Sequence[Mapping[str, Any]]) -> Table:
    rows = [(each["id"], each["mode"], *(_limit(each["limits"][name]) for name in LIMITS)) for each in entries]
    return Table(
        columns=COLUMNS, rows=rows, empty="No tenant has a budget: `prxy tenants set NAME --per-month-usd 200`."
    )


def _limit(value: object) -> str:
    return "-" if value is None else str(value)
