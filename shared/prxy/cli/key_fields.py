"""Options that say what a key may do, and the body that the admin API takes for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, NoReturn

import click

from prxy.cli.options import Command

LIMITS = {
    "per_request_usd": "Most that one call may cost at worst, in USD.",
    "per_day_usd": "Most that the key may spend in a UTC day.",
    "per_month_usd": "Most that the key may spend in a UTC month.",
    "requests_per_minute": "Most calls in a minute.",
    "concurrency": "Most calls at the same time; 32 unless named.",
}
"""Limit -> its meaning. In dollars where the name says so, else a number."""

CLEARED = {
    **{name.replace("_", "-"): ("limits", name) for name in LIMITS},
    **{name: (name,) for name in ("pipeline", "models", "modules", "mandatory", "metadata")},
    "rpm": ("limits", "requests_per_minute"),
    "expires": ("expires_at",),
}
"""Word of `--clear` -> where the admin API has it."""

_FLAGS = {"requests_per_minute": ("--rpm", "--requests-per-minute")}
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class _Moment(click.ParamType[int]):
    """A day, a time, or how long from now -> epoch seconds."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if re.fullmatch(r"\d{9,13}", value):
            return int(value)
        if span := re.fullmatch(r"\+?(\d{1,5})([mhdw])", value):
            return int((datetime.now(UTC) + timedelta(**{_UNITS[span[2]]: int(span[1])})).timestamp())
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            self._refuse(value, param, ctx)
        return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp())

    def _refuse(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> NoReturn:
        self.fail(f"'{value}' is no time; use 30d, 12h, 2026-12-31 or 2026-12-31T18:00 (UTC).", param, ctx)


def limit_options(command: Command) -> Command:
    """Gives a command `limits`: those that were named."""

    @wraps(command)
    def run(*args: Any, **given: Any) -> Any:
        named = {name: given.pop(name) for name in LIMITS}
        return command(*args, limits={name: value for name, value in named.items() if value is not None}, **given)

    made: Command = run
    for name in reversed(LIMITS):
        made = _limit(name)(made)
    return made


def _limit(name: str) -> Callable[[Command], Command]:
    flags = _FLAGS.get(name, (f"--{name.replace('_', '-')}",))
    kind = click.STRING if name.endswith("_usd") else click.IntRange(min=1)
    return click.option(*flags, name, type=kind, metavar="USD" if name.endswith("_usd") else "N", help=LIMITS[name])


def key_options(command: Command) -> Command:
    """Gives a command `fields`: the part of a body that says what a key may do."""

    @limit_options
    @click.option("--models", multiple=True, metavar="PATTERN", help="Models it may call, as openai/gpt-*. Repeatable.")
    @click.option("--pipeline", help="Its modules, as in x-prxy-pipe.")
    @click.option("--mandatory", multiple=True, metavar="MODULE", help="Runs whatever the header says. Repeatable.")
    @click.option("--expires", type=_Moment(), metavar="WHEN", help="30d, 12h, 2026-12-31 or 2026-12-31T18:00 (UTC).")
    @wraps(command)
    def run(*args: Any, limits: Mapping[str, object], **given: Any) -> Any:
        named = {
            "limits": limits,
            "models": _listed("--models", given.pop("models")),
            "mandatory": _listed("--mandatory", given.pop("mandatory")),
            "pipeline": given.pop("pipeline"),
            "expires_at": given.pop("expires"),
        }
        return command(*args, fields={name: value for name, value in named.items() if value not in (None, {})}, **given)

    return run


def _listed(option: str, values: Sequence[str]) -> list[str] | None:
    """What was named. An empty name is refused: a variable that holds nothing must not lift a restriction."""
    names = [each.strip() for value in values for each in value.split(",")]
    if not all(names):
        raise click.UsageError(f"{option} has an empty name; leave the option away, or name something.")
    return names or None


def cleared(fields: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The fields, with null where one is to be cleared. Raises UsageError where one is set as well."""
    body = {**fields, "limits": dict(fields.get("limits", {}))}
    for name in names:
        *way, last = CLEARED[name]
        holder = body["limits"] if way else body
        if holder.get(last) is not None:
            raise click.UsageError(f"{name} is set and cleared; name it once.")
        holder[last] = None
    if not body["limits"]:
        del body["limits"]
    return body


_WORDS = f"Takes it away: {', '.join(sorted(CLEARED))}. Repeatable."
clear_option = click.option("--clear", multiple=True, metavar="FIELD", type=click.Choice(sorted(CLEARED)), help=_WORDS)
