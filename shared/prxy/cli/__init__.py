"""The `prxy` command. A new command is one function here or one group beside it."""

from __future__ import annotations

import sys

import click

from prxy import __version__
from prxy.cli.admin import keys, models, pipeline, usage
from prxy.settings import ConfigurationError

DEFAULT_PORT = 3099


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="prxy")
def prxy() -> None:
    """An LLM gateway: one key, every model, budgets that hold."""


@prxy.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
def serve(host: str, port: int) -> None:
    """Serve the gateway here, over an embedded DynamoDB unless AWS_ENDPOINT_URL_DYNAMODB names another."""
    from prxy.local.server import serve_here  # noqa: PLC0415  # the other commands need no server

    serve_here(host, port)


for command in (keys, models, pipeline, usage):
    prxy.add_command(command)


def main() -> None:
    """Entry point: errors of configuration are one line, not a stack."""
    try:
        prxy()
    except ConfigurationError as error:
        sys.exit(f"prxy: {error}")
