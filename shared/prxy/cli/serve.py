"""`prxy serve`."""

from __future__ import annotations

import gc

import click

DEFAULT_PORT = 3099


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
def serve(host: str, port: int) -> None:
    """Serve the gateway here, over an embedded DynamoDB unless AWS_ENDPOINT_URL_DYNAMODB names another.

    One line of JSON on stdout says when it answers, where, and with which keys.
    """
    gc.disable()  # what an import makes stays: looking for garbage among it takes a fifth of the start
    from prxy.local.server import serve_here  # noqa: PLC0415  # `prxy --help` needs no server

    gc.freeze()
    gc.enable()
    serve_here(host, port)
