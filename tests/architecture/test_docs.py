"""The documents: what they link to, the commands and the variables that they name, all of it exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.pages import PAGES, ROOT, all_blocks

from prxy.cli import prxy
from prxy.settings import VARIABLES

OF_COMMANDS_AND_EXAMPLES = {
    "PRXY_URL": "where the command line and the examples find the gateway",
    "PRXY_ADMIN_KEY": "as whom the admin commands and examples ask",
    "PRXY_API_KEY": "as whom the other commands ask",
    "PRXY_KEY": "as whom the examples ask",
    "PRXY_KEY_ID": "which key the examples of docs/api.md read and change",
    "PRXY_MODEL": "which model `prxy chat` asks",
}
"""Variables that the gateway itself does not read."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(page: Path) -> set[str]:
    """What `#` may name: headings the way GitHub writes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@each_page
def test_every_link_to_a_heading_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text())

    assert [(file, name) for file, name in links if name not in anchors(page.parent / file if file else page)] == []


def commands(text: str) -> Iterator[list[str]]:
    """The words behind `prxy` wherever it is a command: in code between backticks, or in a block of shell."""
    lines = [code for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)]
    lines += [line for block in all_blocks(text) if block.language == "sh" for line in block.text.splitlines()]
    for line in lines:
        found = re.match(r"\s*(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?prxy (.+)", line)
        if found:
            yield shlex.split(found[1], comments=True)


def unknown(words: list[str]) -> str | None:
    """What of a command the command line does not have: a command of it, or an option. `COMMAND` stands for any."""
    command: click.Command = prxy
    context = click.Context(prxy, info_name="prxy")
    for word in words:
        name = word.partition("=")[0]
        if name.startswith("-"):
            options = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {
                "--help",
                "-h",
            }
            if name not in options:
                return f"{command.name} {name}"
        elif isinstance(command, click.Group):
            inner = command.get_command(context, word)
            if word == "COMMAND":
                return None
            if inner is None:
                return f"{command.name} {word}"
            command, context = inner, click.Context(inner, info_name=word, parent=context)
    return None


@each_page
def test_every_command_exists(page: Path) -> None:
    assert [wrong for words in commands(page.read_text()) if (wrong := unknown(words))] == []


@pytest.mark.parametrize("words", ["keys mint", "keys create --colour red", "brew", "serve --prot 1"])
def test_a_command_that_is_not_there_is_found(words: str) -> None:
    assert unknown(words.split())


@each_page
def test_every_variable_of_prxys_own_exists(page: Path) -> None:
    named = set(re.findall(r"\bPRXY_[A-Z0-9_]*[A-Z0-9]\b", page.read_text()))

    assert named - {*VARIABLES, *OF_COMMANDS_AND_EXAMPLES} == set()
