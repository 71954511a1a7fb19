"""`prxy audit`: who changed what."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from prxy.cli.options import Server, admin_server, utc
from prxy.cli.paths import path_of
from prxy.cli.showing import Column, Table, View, shown

COLUMNS = (
    *(Column(title=title, whole=True) for title in ("at (UTC)", "by", "action", "target")),
    Column(title="fields"),
)


@click.command()
@admin_server
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day, UTC. 30 days ago unless named.")
@shown
def audit(server: Server, first: datetime | None) -> View:
    """Show what admins changed, the oldest first."""
    since = None if first is None else int(first.replace(tzinfo=UTC).timestamp())
    found = server.all_pages(path_of("audit", query={"from": since, "limit": 1000}))
    rows = [(utc(each["at"]), each["by"], each["action"], each["target"], ", ".join(each["fields"])) for each in found]
    table = Table(columns=COLUMNS, rows=rows, empty="Nothing was changed in that time.")
    return View(document={"object": "list", "data": found}, tables=(table,))
