"""What a command shows: tables for people, lines for pipes, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TextIO

import click

from prxy.cli.commands import one_line
from prxy.settings import wants_plain_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    title: str
    right: bool = False
    whole: bool = False
    """Never broken over lines: ids, which people copy."""
    toned: bool = False
    """Its words have colours."""
    piped: bool = True
    """Whether it stands in a line of a pipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    title: str = ""
    piped: bool = True
    """Whether it is written into a pipe."""
    empty: str = ""
    """Said on a terminal in place of a table without rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    document: Any
    """What `--json` prints."""
    tables: Sequence[Table] = field(default_factory=tuple)
    text: str = ""
    """Printed before the tables, in a pipe too."""
    piped: str = ""
    """What a pipe gets in place of the tables."""
    failed: bool = False
    """Exit status 1."""


def shown(command: Callable[..., View]) -> Callable[..., None]:
    """Gives a command `--json`, and shows what it returns."""

    @click.option("--json", "wants_json", is_flag=True, help="The whole answer as JSON.")
    @wraps(command)
    def run(*args: Any, wants_json: bool, **given: Any) -> None:
        view = command(*args, **given)
        if wants_json:
            click.echo(as_json(view.document))
        else:
            _show(view)
        if view.failed:
            click.get_current_context().exit(1)

    return run


def as_json(document: object) -> str:
    """In ASCII where stdout takes little more: what replaces a letter there would be no JSON."""
    return json.dumps(document, indent=2, ensure_ascii=not sys.stdout.encoding.lower().startswith("utf"))


def is_fancy(stream: TextIO) -> bool:
    """Whether colours and lines are welcome there."""
    return stream.isatty() and not wants_plain_text()


def _show(view: View) -> None:
    if view.text:
        click.echo(view.text, color=is_fancy(sys.stdout))
    if not sys.stdout.isatty():
        lines = [view.piped] if view.piped else [line for table in view.tables for line in piped_lines(table)]
        _say(lines)
    elif is_fancy(sys.stdout):
        _draw(view.tables)
    else:
        _say(line for table in view.tables for line in _aligned(table))


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _draw(tables: Sequence[Table]) -> None:
    if tables:
        from prxy.cli.boxes import draw  # noqa: PLC0415  # nobody else pays for rich

        draw(tables)


def piped_lines(table: Table) -> Iterator[str]:
    """One line for each row, its columns between tabs."""
    if table.piped:
        kept = [at for at, column in enumerate(table.columns) if column.piped]
        yield from ("\t".join(one_line(row[at]) for at in kept) for row in table.rows)


def _aligned(table: Table) -> Iterator[str]:
    if not table.rows:
        yield from filter(None, [table.empty])
        return
    cells = [[column.title for column in table.columns], *([one_line(cell) for cell in row] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if table.title:
        yield f"{table.title}:"
    for row in cells:
        padded = [
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(row, widths, table.columns, strict=True)
        ]
        yield "  ".join(padded).rstrip()
