"""`prxy models` and `prxy pipeline`: what a call of the key would meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from prxy.cli.options import Server, key_server
from prxy.cli.showing import Column, Table, View, as_json, shown

MODELS = (
    Column(title="model", whole=True),
    *(
        Column(title=title, right=True, piped=False)
        for title in ("context", "most output", "USD/M in", "USD/M cached", "USD/M out")
    ),
)
PIPELINE = (Column(title="module"), Column(title="version"), Column(title="from"))


@click.command()
@key_server
@shown
def models(server: Server) -> View:
    """List the models that can be called. In a pipe: their names alone."""
    answer = server.ask("GET", "/v1/models")
    rows = [_row(entry) for entry in answer["data"]]
    empty = "No model can be called: set a provider's key and start the gateway again."
    return View(document=answer, tables=(Table(columns=MODELS, rows=rows, empty=empty),))


def _row(entry: Mapping[str, Any]) -> Sequence[str]:
    prices = entry["usd_per_million_tokens"] or {}
    facts = [entry["context_window"], entry["max_output_tokens"]]
    facts += [prices.get(name) for name in ("input", "cached_input", "output")]
    return (entry["id"], *("-" if fact is None else str(fact) for fact in facts))


@click.command()
@key_server
@click.option("--pipe", help="As a call with this x-prxy-pipe would run.")
@shown
def pipeline(server: Server, pipe: str | None) -> View:
    """Show the modules that a call runs. In a pipe: JSON, with or without --json."""
    answer = server.ask("GET", "/v1/pipeline", headers=None if pipe is None else {"x-prxy-pipe": pipe})
    return View(document=answer, tables=(_active(answer),), piped=as_json(answer))


def _active(answer: Mapping[str, Any]) -> Table:
    configured = set(answer["configured"])
    rows = [
        (each["name"], str(each["version"]), "configured" if each["name"] in configured else "x-prxy-pipe")
        for each in answer["active"]
    ]
    empty = "No module runs; PRXY_PIPE, the key's `pipeline` or x-prxy-pipe name some."
    return Table(columns=PIPELINE, rows=rows, empty=empty)
