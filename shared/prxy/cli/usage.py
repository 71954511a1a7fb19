"""`prxy usage`: what was used and spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from prxy.cli.asking import complete_key_ids
from prxy.cli.options import Server, admin_server
from prxy.cli.paths import path_of
from prxy.cli.showing import Column, Table, View, shown
from prxy.usage_report import GROUPS

BUDGETS = (
    Column(title="whose", whole=True),
    Column(title="window"),
    *(Column(title=title, right=True) for title in ("limit USD", "spent", "reserved", "unsure")),
    Column(title="resets (UTC)"),
)


@click.command()
@admin_server
@click.option("--from", "first", help="First day, UTC: 2026-11-01. The first of this month unless named.")
@click.option("--to", "last", help="Last day. Today unless named.")
@click.option("--by", default="day", show_default=True, type=click.Choice([*GROUPS]), help="One row for each.")
@click.option("--project", help="Of one project alone: TENANT/PROJECT.")
@click.option("--key-id", shell_complete=complete_key_ids, help="Of one key alone.")
@shown
def usage(server: Server, **asked: str | None) -> View:
    """Show calls, tokens and spend. In a pipe: name, calls, tokens in, tokens out, USD; the totals come last."""
    named = {"from": asked["first"], "to": asked["last"], "group_by": asked["by"]}
    whose = {"key_id": asked["key_id"], "project": asked["project"]}
    answer = _all_pages(server, {**named, **whose, "limit": "1000"})
    return View(document=answer, tables=(_used(answer, str(asked["by"])), _budgets(answer["budgets"])))


def _all_pages(server: Server, asked: Mapping[str, str | None]) -> Any:
    first = page = server.ask("GET", path_of("usage", query=asked))
    while page["next"]:
        page = server.ask("GET", path_of("usage", query={**asked, "cursor": page["next"]}))
        first["data"] += page["data"]
    return {**first, "next": None}


def _used(answer: Mapping[str, Any], by: str) -> Table:
    counts = [Column(title=title, right=True) for title in ("calls", "tokens in", "tokens out", "USD")]
    rows = [
        (row[by], *(str(row[name]) for name in ("calls", "input_tokens", "output_tokens")), f"${row['cost_usd']}")
        for row in [*answer["data"], {by: "total", **answer["totals"]}]
    ]
    return Table(columns=[Column(title=by), *counts], rows=rows)


def _budgets(budgets: Sequence[Mapping[str, Any]]) -> Table:
    """Of keys, tenants and projects that have a limit, on a terminal alone."""
    amounts = ("limit_usd", "spent_usd", "reserved_usd", "unconfirmed_usd")
    rows = [
        (_whose(each), each["window"], *(str(each[name]) for name in amounts), each["resets_at"][:10])
        for each in budgets
        if each["limit_usd"] is not None
    ]
    return Table(columns=BUDGETS, rows=rows, title="Budgets", piped=False)


def _whose(budget: Mapping[str, Any]) -> str:
    """A budget that keys share belongs to a tenant, or to a project in it."""
    match budget:
        case {"key_id": str(key_id)}:
            return key_id
        case {"tenant": tenant, "project": str(project)}:
            return f"project {tenant}/{project}"
        case _:
            return f"tenant {budget['tenant']}"
