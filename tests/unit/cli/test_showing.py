"""Tables: what is in a cell stays in its cell, and says nothing about how it is drawn."""

from __future__ import annotations

import pytest

from prxy.cli import boxes
from prxy.cli.commands import one_line
from prxy.cli.showing import Column, Table, piped_lines

COLUMNS = (Column(title="id"), Column(title="hidden", piped=False), Column(title="name"))


def test_a_line_of_a_pipe_has_one_tab_between_two_columns() -> None:
    table = Table(columns=COLUMNS, rows=[("1", "x", "a\tb\nc"), ("2", "y", "\x1b[31mred")])

    lines = [*piped_lines(table)]

    assert lines == ["1\ta b c", "2\t\N{REPLACEMENT CHARACTER}[31mred"]


def test_a_table_for_terminals_alone_is_not_written_into_a_pipe() -> None:
    assert [*piped_lines(Table(columns=COLUMNS, rows=[("1", "x", "n")], piped=False))] == []


@pytest.mark.parametrize("cell", ["[bold red]x[/]", "[link=https://x.test]x[/link]", ":smile:"])
def test_what_a_cell_says_is_no_markup(cell: str, capsys: pytest.CaptureFixture[str]) -> None:
    boxes.draw([Table(columns=(Column(title="name"),), rows=[(cell,)])])

    assert cell in capsys.readouterr().out


def test_text_of_many_lines_becomes_one_without_control_characters() -> None:
    line = one_line("  one\n\ttwo\x00  three ")

    assert line == "one two\N{REPLACEMENT CHARACTER} three"
