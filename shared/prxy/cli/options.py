"""Options that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import click

from prxy.cli.client import ask

LOCAL_URL = "http://127.0.0.1:3099"
ADMIN_VARIABLE, KEY_VARIABLES = "PRXY_ADMIN_KEY", ("PRXY_API_KEY", "PRXY_KEY")

Command = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    url: str
    key: str

    def ask(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        """Raises NoAnswer and Refused."""
        return ask(method, self.at(path), self.key, body, headers)

    def at(self, path: str) -> str:
        return self.url.rstrip("/") + path

    def all_pages(self, path: str) -> list[Any]:
        """Every entry of a list that comes in pages."""
        separator = "&" if "?" in path else "?"
        answer = self.ask("GET", path)
        found: list[Any] = answer["data"]
        while "next" in answer:
            answer = self.ask("GET", f"{path}{separator}cursor={answer['next']}")
            found += answer["data"]
        return found


url_option = click.option("--url", envvar="PRXY_URL", default=LOCAL_URL, show_default=True, help="The gateway.")


def _server(variables: tuple[str, ...], kept_as: str) -> Callable[[Command], Command]:
    """Gives a command `server`: an address and a key; the key of a laptop is found in `.prxy/local.json`."""

    def decorate(command: Command) -> Command:
        @url_option
        @click.option("--key", envvar=variables, default=lambda: _needed(kept_as), help=f"Or {variables[0]}.")
        @wraps(command)
        def run(*args: Any, url: str, key: str, **given: Any) -> Any:
            return command(*args, server=Server(url=url, key=key), **given)

        return run

    return decorate


def kept_key(name: str) -> str | None:
    """`api_key` or `admin_key`, as `prxy serve` kept it in this folder."""
    from prxy.local.keys import kept_keys  # noqa: PLC0415  # only where no key was named

    return kept_keys().get(name)


def _needed(name: str) -> str:
    text = kept_key(name)
    if text is None:
        raise click.UsageError("No key: give --key, or start the local gateway once with `prxy serve`.")
    return text


admin_server = _server((ADMIN_VARIABLE,), "admin_key")
key_server = _server(KEY_VARIABLES, "api_key")

tenant_option = click.option("--tenant", default="default", show_default=True, help="Whose it is.")


def confirmed(question: str) -> Callable[[Command], Command]:
    """Asks on a terminal before a command is run; `--yes`, or a script, does not ask. `{}` stands for its argument."""

    def decorate(command: Command) -> Command:
        @click.option("--yes", "-y", is_flag=True, help="Do not ask.")
        @wraps(command)
        def run(*args: Any, yes: bool, **given: Any) -> Any:
            if not yes and is_conversation():
                name = given.get("key_id") or given.get("name")
                click.confirm(question.format(name), abort=True, err=True)
            return command(*args, **given)

        return run

    return decorate


def is_conversation() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def utc(epoch_s: float | None) -> str:
    """`2026-11-23 14:05`; empty for no time at all."""
    return "" if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M")
