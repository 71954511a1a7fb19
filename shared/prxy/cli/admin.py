"""The admin API from a terminal. PRXY_URL and PRXY_ADMIN_KEY say where and as whom; on a laptop neither is needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from prxy.cli.client import ask
from prxy.store import key_text

LOCAL_URL = "http://127.0.0.1:3099"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    url: str
    key: str

    def ask(self, method: str, path: str, body: object = None) -> Any:
        return ask(method, self.url.rstrip("/") + path, self.key, body)


def _server(variable: str, kept_as: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Options that name a gateway and a key; the key of a laptop is found in `.prxy/local.json`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        url = click.option("--url", envvar="PRXY_URL", default=LOCAL_URL, show_default=True, help="The gateway.")
        key = click.option("--key", envvar=variable, default=lambda: _kept(kept_as), help=f"Or {variable}.")
        return url(key(command))

    return decorate


def _kept(name: str) -> str:
    from prxy.local.keys import kept_keys  # noqa: PLC0415  # only where no key was named

    text = kept_keys().get(name)
    if text is None:
        raise click.UsageError("No key: give --key, or start the local gateway once with `prxy serve`.")
    return text


admin_server = _server("PRXY_ADMIN_KEY", "admin_key")
key_server = _server("PRXY_API_KEY", "api_key")


def _say(answer: Any) -> None:
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


@click.group()
def keys() -> None:
    """Create, list and revoke keys."""


@keys.command()
@click.option("--admin", is_flag=True, help="A key for the admin API.")
def generate(*, admin: bool) -> None:
    """Make a key text offline, for PRXY_LOCAL_API_KEY or PRXY_LOCAL_ADMIN_KEY."""
    click.echo(key_text.generate(admin=admin).text)


@keys.command()
@admin_server
@click.option("--name", required=True, help="What the key is for.")
@click.option("--tenant", default="default", show_default=True)
@click.option("--per-day-usd", help="Most that the key may spend in a UTC day.")
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON.")
def create(url: str, key: str, name: str, tenant: str, per_day_usd: str | None, as_json: bool) -> None:  # noqa: PLR0913, PLR0917  # one parameter for each option
    """Create a key; its text is shown once."""
    body: dict[str, Any] = {"name": name, "tenant": tenant}
    if per_day_usd is not None:
        body["limits"] = {"per_day_usd": per_day_usd}
    made = Server(url=url, key=key).ask("POST", "/v1/keys", body)
    if as_json:
        _say(made)
    else:
        click.echo(f"{made['key']}\n\nShown this once. Its id is {made['id']}.")


@keys.command("list")
@admin_server
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON.")
def list_keys(url: str, key: str, *, as_json: bool) -> None:
    """List all keys."""
    answer = Server(url=url, key=key).ask("GET", "/v1/keys")
    if as_json:
        _say(answer)
        return
    for entry in answer["data"]:
        limit = entry["limits"]["per_day_usd"]
        click.echo(f"{entry['id']}  {entry['status']:8}  {f'${limit}/day' if limit else '-':14}  {entry['name']}")


@keys.command()
@admin_server
@click.argument("key_id")
def revoke(url: str, key: str, key_id: str) -> None:
    """Revoke a key at once."""
    Server(url=url, key=key).ask("DELETE", f"/v1/keys/{key_id}")
    click.echo(f"{key_id} is revoked.")


@click.command()
@key_server
def models(url: str, key: str) -> None:
    """List the models that can be called."""
    for entry in Server(url=url, key=key).ask("GET", "/v1/models")["data"]:
        click.echo(entry["id"])


@click.command()
@key_server
def pipeline(url: str, key: str) -> None:
    """Show the modules that a call runs."""
    _say(Server(url=url, key=key).ask("GET", "/v1/pipeline"))
