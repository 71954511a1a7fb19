"""docs/cli.md, from the commands themselves."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator

import click

from prxy.cli import prxy

HEAD = """\
# The command `prxy`

Written by `scripts/write_docs.py` from the commands themselves; change those, then run `make docs`. In a terminal
`prxy COMMAND --help` says the same.

{epilog}

```sh
prxy serve                                              # a gateway on this machine
prxy doctor                                             # what would keep it from working
prxy chat prxy/echo "Good morning"                      # a streamed answer, and what it cost
git diff | prxy chat gpt-4o-mini --system "Review this" # the prompt from a pipe
prxy keys create --name night-batch --per-day-usd 5     # its text is shown once
prxy keys update ID --rpm 60 --clear per-month-usd      # what is not named stays
prxy providers set openai < key.txt                     # a tenant's own provider key, never on a command line
prxy usage --by model --json                            # for programs
prxy deploy-info --stack prxy                           # what stands in AWS
```

Of options that every command has, `-h` shows help. Commands that ask the gateway take `--url` and `--key`; those that
show something take `--json`. Both are left out below.
"""
COMMON = {"help", "url", "key", "wants_json"}


def render() -> str:
    root = click.Context(prxy, info_name="prxy")
    epilog = inspect.cleandoc(prxy.epilog or "")
    return "\n".join([HEAD.format(epilog=epilog), *_sections(prxy, root)]).rstrip() + "\n"


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield _section(command, context)
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from _sections(inner, click.Context(inner, info_name=name, parent=context))


def _section(command: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    texts = [inspect.cleandoc(command.help or ""), _epilog(command)]
    rows = [_row(each) for each in command.params if isinstance(each, click.Option) and each.name not in COMMON]
    table = ["| option | default | meaning |", "| --- | --- | --- |", *rows] if rows else []
    parts = [f"## {context.command_path}", f"```\n{usage}\n```", *filter(None, texts), "\n".join(table)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _epilog(command: click.Command) -> str:
    """A paragraph that click leaves as it is, is one of code."""
    text, _, code = inspect.cleandoc(command.epilog or "").partition("\n\b\n")
    return textwrap.fill(text, 120) + (f"\n\n```\n{inspect.cleandoc(code)}\n```" if code else "")


def _row(option: click.Option) -> str:
    flags = ", ".join(f"`{flag}`" for flag in [*option.opts, *option.secondary_opts])
    kind = "" if option.is_flag else f" {_kind(option)}"
    default = "" if option.default in (None, (), False) or not option.show_default else f"`{option.default}`"
    return f"| {flags}{kind} | {default} | {option.help or ''} |".replace("  ", " ")


def _kind(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    match option.type:
        case click.Choice(choices=choices):
            return " or ".join(f"`{each}`" for each in choices)
        case kind:
            return kind.name.upper().removesuffix(" RANGE")
