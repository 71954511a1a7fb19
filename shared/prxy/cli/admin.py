"""The admin API from a terminal. PRXY_URL and PRXY_ADMIN_KEY say where and as whom; on a laptop neither is needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import click

from prxy.cli.client import ask
from prxy.store import key_text
from prxy.usage_report import GROUPS

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
    """Create, list, rotate and revoke keys."""


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
    server, path, found = Server(url=url, key=key), "/v1/keys", list[Any]()
    while True:
        answer = server.ask("GET", path)
        found += answer["data"]
        if "next" not in answer:
            break
        path = f"/v1/keys?cursor={answer['next']}"
    if as_json:
        _say({"object": "list", "data": found})
        return
    for entry in found:
        limit = entry["limits"]["per_day_usd"]
        click.echo(f"{entry['id']}  {entry['status']:8}  {f'${limit}/day' if limit else '-':14}  {entry['name']}")


@keys.command()
@admin_server
@click.argument("key_id")
def revoke(url: str, key: str, key_id: str) -> None:
    """Revoke a key at once."""
    Server(url=url, key=key).ask("DELETE", f"/v1/keys/{key_id}")
    click.echo(f"{key_id} is revoked.")


@keys.command()
@admin_server
@click.argument("key_id")
@click.option("--overlap-s", type=click.IntRange(0, 7 * 86_400), default=0, help="Seconds that the old text works.")
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON.")
def rotate(url: str, key: str, key_id: str, overlap_s: int, *, as_json: bool) -> None:
    """Give a key another text, shown once; limits and spend stay."""
    made = Server(url=url, key=key).ask("POST", f"/v1/keys/{key_id}/rotate", {"overlap_s": overlap_s})
    if as_json:
        _say(made)
    else:
        click.echo(f"{made['key']}\n\nShown this once. The text before it works for {overlap_s} more seconds.")


@click.command()
@admin_server
@click.option("--from", "first", help="First day, UTC: 2026-11-01. The first of this month unless named.")
@click.option("--to", "last", help="Last day. Today unless named.")
@click.option("--by", default="day", show_default=True, type=click.Choice([*GROUPS]))
@click.option("--key-id", help="Of one key alone.")
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON.")
def usage(url: str, key: str, *, as_json: bool, **asked: str | None) -> None:
    """Show calls, tokens and spend."""
    named = {"from": asked["first"], "to": asked["last"], "group_by": asked["by"], "key_id": asked["key_id"]}
    given = {name: value for name, value in named.items() if value is not None}
    answer = _all_pages(Server(url=url, key=key), {**given, "limit": "1000"})
    if as_json:
        _say(answer)
        return
    for row in [*answer["data"], {asked["by"]: "total", **answer["totals"]}]:
        tokens = f"{row['input_tokens']:>12} in {row['output_tokens']:>12} out"
        click.echo(f"{row[asked['by']]:40} {row['calls']:>8} calls {tokens}  ${row['cost_usd']}")


def _all_pages(server: Server, asked: dict[str, str]) -> Any:
    first = page = server.ask("GET", f"/v1/usage?{urlencode(asked)}")
    while page["next"]:
        page = server.ask("GET", f"/v1/usage?{urlencode({**asked, 'cursor': page['next']})}")
        first["data"] += page["data"]
    return {**first, "next": None}


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
