"""The groups of `prxy`: what each command is, is imported when it is named; what goes wrong is one line."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from prxy.settings import ConfigurationError


class Commands(click.Group):
    """A command of it is `module:name`, so that serving loads nothing of what only terminals need."""

    def __init__(self, *args: Any, places: Mapping[str, str] | None = None, **given: Any) -> None:
        super().__init__(*args, **given)
        self._places = places or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._places})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self._places.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, _, name = place.partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found

    def main(self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **given: Any) -> Any:  # type: ignore[override]  # everything but args by keyword
        """As click does, but an error is one line on stderr. 0: done. 1: refused or failed. 2: a wrong command line."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **given)
        if isinstance(sys.stdout, io.TextIOWrapper):  # an answer may have been paid for before it is printed
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            outcome = super().main(args, standalone_mode=False, **given)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            _say(f"{error.format_message()}{_advice(error)}")
            sys.exit(error.exit_code)
        except ConfigurationError as error:
            _say(str(error))
            sys.exit(1)
        except click.Abort:
            _say("stopped.")
            sys.exit(1)
        sys.exit(outcome if isinstance(outcome, int) else 0)


def _advice(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f" See `{context.command_path} --help`." if context else ""


def _say(text: str) -> None:
    click.echo(f"prxy: {one_line(text)}", err=True)


def one_line(text: str) -> str:
    """Without what would break the line, or move a terminal's cursor."""
    return " ".join(visible(text).split())


def visible(text: str) -> str:
    """Text of somebody else for a terminal: no control character but the line break and the tab is left."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)
