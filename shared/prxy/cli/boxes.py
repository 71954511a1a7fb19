"""Tables as a terminal shows them. The only file that imports rich; imported where one is drawn."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table as Drawn
from rich.text import Text

from prxy.cli.commands import one_line
from prxy.cli.showing import Column, Table

TONES = {
    "active": "green",
    "frozen": "yellow",
    "revoked": "red",
    "hard_fail": "green",
    "warn": "yellow",
    "off": "red",
    "OK": "green",
    "INSUFFICIENT_DATA": "yellow",
    "ALARM": "red",
}


def draw(tables: Iterable[Table]) -> None:
    console = Console(file=sys.stdout, highlight=False)
    for table in tables:
        if table.rows:
            console.print(_drawn(table))
        elif table.empty:
            console.print(Text(table.empty, style="dim"))


def _drawn(table: Table) -> Drawn:
    title = Text(table.title, style="bold") if table.title else None
    drawn = Drawn(box=box.SIMPLE_HEAD, title=title, title_justify="left", border_style="dim", pad_edge=False)
    for column in table.columns:
        justify: JustifyMethod = "right" if column.right else "left"
        drawn.add_column(column.title, justify=justify, overflow="fold", no_wrap=column.whole)
    for row in table.rows:
        drawn.add_row(*(_cell(column, text) for column, text in zip(table.columns, row, strict=True)))
    return drawn


def _cell(column: Column, text: str) -> Text:
    """Text, never markup: whoever names a key does not choose its colour."""
    return Text(one_line(text), style=TONES.get(text, "") if column.toned else "")
