"""The command `prxy` in front of a running gateway: tables for people, lines for pipes, JSON for programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from tests.api.conftest import Running
from tests.api.terminal import BIN, at_terminal, piped, shown_at_terminal, surroundings

from prxy.cli import prxy

ESCAPE = "\x1b"
QUIET = {"completion", "serve"}
"""Commands that print no data: a script, and one line of JSON."""


def run(gateway: Running, *args: str, given: str | None = None) -> Result:
    """In this process, piped."""
    return CliRunner().invoke(prxy, list(args), env=variables(gateway), input=given)


def answer(gateway: Running, *args: str, given: str | None = None) -> Any:
    result = run(gateway, *args, "--json", given=given)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def made(gateway: Running, *options: str) -> str:
    return str(answer(gateway, "keys", "create", "--name", "cli", *options)["id"])


def variables(gateway: Running) -> dict[str, str]:
    return {"PRXY_URL": gateway.url, "PRXY_ADMIN_KEY": gateway.admin_key, "PRXY_API_KEY": gateway.api_key}


def commands(group: click.Group = prxy, way: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for name in group.list_commands(context):
        inner = group.get_command(context, name)
        assert inner is not None
        found += commands(inner, (*way, name)) if isinstance(inner, click.Group) else [((*way, name), inner)]
    return found


def test_a_pipe_gets_tabs_and_neither_headings_nor_colours(gateway: Running, tmp_path: Path) -> None:
    key_id = made(gateway, "--per-day-usd", "5")

    done = piped("keys", "list", folder=tmp_path, **variables(gateway))

    assert f"{key_id}\tactive\t$5/day\tcli" in done.stdout.splitlines()
    assert (done.returncode, done.stderr, ESCAPE in done.stdout) == (0, "", False)


def test_a_terminal_gets_a_table_in_colours_with_whole_ids(gateway: Running, tmp_path: Path) -> None:
    key_id = made(gateway)

    status, seen = shown_at_terminal("keys", "list", folder=tmp_path, columns=80, **variables(gateway))

    assert status == 0
    assert ESCAPE in seen
    assert "─" in seen
    assert key_id in seen


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "TERM=dumb"])
def test_a_terminal_without_colours_gets_aligned_text_with_headings(
    gateway: Running, tmp_path: Path, plain: dict[str, str]
) -> None:
    key_id = made(gateway)

    status, seen = shown_at_terminal("keys", "list", folder=tmp_path, **variables(gateway), **plain)

    lines = seen.splitlines()
    assert status == 0
    assert lines[0].startswith("id            status")
    assert any(line.startswith(f"{key_id}  active") for line in lines)
    assert not {ESCAPE, "─", "\t"} & {*seen}


def test_keys_are_created_and_changed_with_everything_that_the_admin_api_takes(gateway: Running) -> None:
    limits = ["--per-day-usd", "5", "--per-month-usd", "50", "--per-request-usd", "0.5", "--rpm", "9"]
    rights = ["--concurrency", "2", "--models", "openai/*,prxy/*", "--pipeline", "exact-cache", "--mandatory", "airgap"]
    key_id = made(gateway, *limits, *rights, "--expires", "2096-01-02", "--tenant", "team")

    before = answer(gateway, "keys", "show", key_id)
    cleared = ["--clear", "per-month-usd", "--clear", "models", "--clear", "expires", "--clear", "rpm"]
    after = answer(gateway, "keys", "update", key_id, "--name", "new", "--per-day-usd", "7", "--freeze", *cleared)

    assert before["limits"] == {
        "per_request_usd": "0.5",
        "per_day_usd": "5",
        "per_month_usd": "50",
        "requests_per_minute": 9,
        "concurrency": 2,
    }
    assert (before["models"], before["mandatory"]) == (["openai/*", "prxy/*"], ["airgap"])
    assert (before["pipeline"], before["expires_at"], before["tenant"]) == ("exact-cache", 3976300800, "team")
    assert (after["name"], after["status"], after["models"], after["expires_at"]) == ("new", "frozen", None, None)
    assert (after["limits"]["per_day_usd"], after["limits"]["per_month_usd"]) == ("7", None)
    assert after["limits"]["requests_per_minute"] is None
    assert answer(gateway, "keys", "update", key_id, "--unfreeze")["status"] == "active"


def test_json_is_the_answer_of_the_admin_api(gateway: Running) -> None:
    key_id = made(gateway)

    listed, one = answer(gateway, "keys", "list"), answer(gateway, "keys", "show", key_id)

    assert listed == gateway.admin("GET", "/v1/keys").json()
    assert one == gateway.admin("GET", f"/v1/keys/{key_id}").json()
    assert answer(gateway, "models") == gateway.http.get("/v1/models", headers=_bearer(gateway)).json()
    assert answer(gateway, "pipeline") == gateway.http.get("/v1/pipeline", headers=_bearer(gateway)).json()


def _bearer(gateway: Running) -> dict[str, str]:
    return {"authorization": f"Bearer {gateway.api_key}"}


def test_a_pipe_gets_what_it_always_got_of_models_and_the_pipeline(gateway: Running) -> None:
    models, pipeline = run(gateway, "models"), run(gateway, "pipeline", "--pipe", "exact-cache")

    assert "prxy/echo" in models.stdout.splitlines()
    assert json.loads(pipeline.stdout)["active"] == [{"name": "exact-cache", "version": "1"}]


@pytest.mark.parametrize(
    ("way", "command"), commands(), ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_that_shows_something_takes_json(way: tuple[str, ...], command: click.Command) -> None:
    assert way[0] in QUIET or any("--json" in option.opts for option in command.params)


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["keys", "create", "--name", "x", "--per-day-usd", "much"], 1, ["limits.per_day_usd", "invalid_value"]),
        (["keys", "show", "000000000000"], 1, ["key_not_found", "prxy keys list"]),
        (["keys", "list", "--key", "prxy_admin_wrong"], 1, ["invalid_api_key", "PRXY_ADMIN_KEY"]),
        (["keys", "list", "--url", "http://127.0.0.1:1"], 1, ["prxy serve", "PRXY_URL"]),
        (["keys", "list", "--url", "nowhere"], 2, ["PRXY_URL"]),
        (["pipeline", "--pipe", "exact-cach"], 1, ["exact-cache", "invalid_pipeline"]),
        (["chat", "unheard-of", "hi"], 1, ["model_not_found", "prxy models"]),
        (["chat", "prxy/echo", "  "], 2, ["PROMPT"]),
        (["chat", "prxy/echo", "hi", "--provider-key", "sk-secret-canary"], 2, ["name of an environment variable"]),
        (["keys", "update", "000000000000"], 2, ["--clear"]),
        (["keys", "create", "--name", "x", "--models", ""], 2, ["--models"]),
        (["keys", "create", "--name", "x", "--expires", "soon"], 2, ["30d"]),
        (["keys", "update", "000000000000", "--rpm", "1", "--clear", "rpm"], 2, ["rpm"]),
        (["tenants", "set", "x", "--rpm", "1", "--clear", "requests-per-minute"], 2, ["requests_per_minute"]),
        (["keys", "lst"], 2, ["list"]),
        (["usage", "--by", "colour"], 2, ["tenant"]),
        (["usage", "--from", "yesterday"], 1, ["from"]),
    ],
)
def test_an_error_is_one_line_that_names_the_field_or_the_fix(
    gateway: Running, args: list[str], status: int, words: list[str]
) -> None:
    result = run(gateway, *args)

    [line] = result.stderr.splitlines()
    assert line.startswith("prxy: ")
    assert (result.exit_code, result.stdout) == (status, "")
    assert all(word in line for word in words), line
    assert "canary" not in line


@pytest.mark.parametrize(
    "command", [["models"], ["keys", "list"], ["chat", "m", "hi"], ["doctor"], ["doctor", "--json"]]
)
@pytest.mark.parametrize(
    "url",
    [
        "http://user:canary@127.0.0.1:1",
        "http://user:can/#?ary@canary@127.0.0.1:1",
        "user:canary@127.0.0.1:1",
        "http://127.0.0.1:1?key=canary",
    ],
)
def test_an_address_is_shown_without_its_secrets(gateway: Running, command: list[str], url: str) -> None:
    result = CliRunner().invoke(prxy, command, env={**variables(gateway), "PRXY_URL": url})

    assert result.exit_code in {1, 2}
    assert "127.0.0.1:1" in result.output
    assert not [part for part in ("canary", "can/", "ary@") if part in result.output]


def test_revoking_asks_at_a_terminal_and_nowhere_else(gateway: Running, tmp_path: Path) -> None:
    kept, gone = made(gateway), made(gateway)

    with at_terminal("keys", "revoke", kept, folder=tmp_path, **variables(gateway)) as terminal:
        terminal.wait_for(f"Revoke {kept} for good?")
        terminal.type("n\n")
        refused = terminal.end()
    script = run(gateway, "keys", "revoke", gone)

    assert (refused, script.exit_code, script.stdout) == (1, 0, f"{gone} is revoked.\n")
    assert answer(gateway, "keys", "show", kept)["status"] == "active"
    assert answer(gateway, "keys", "show", gone)["status"] == "revoked"


def test_provider_keys_come_from_stdin_and_are_shown_by_their_end(gateway: Running) -> None:
    stored = answer(gateway, "providers", "set", "groq", "--tenant", "cli", given="gsk-canary-wxyz\n")

    shown = run(gateway, "providers", "show", "groq", "--tenant", "cli")
    deleted = run(gateway, "providers", "delete", "groq", "--tenant", "cli")
    absent = run(gateway, "providers", "show", "groq", "--tenant", "cli")

    assert (stored["provider"], stored["tenant"], stored["last4"]) == ("groq", "cli", "wxyz")
    assert shown.stdout.split("\t")[:3] == ["groq", "cli", "…wxyz"]
    assert (deleted.exit_code, absent.exit_code) == (0, 1)
    assert run(gateway, "providers", "set", "groq", given="").exit_code == 2


def test_a_provider_key_that_is_typed_is_not_seen(gateway: Running, tmp_path: Path) -> None:
    command = ["providers", "set", "groq", "--tenant", "typed"]

    with at_terminal(*command, folder=tmp_path, **variables(gateway)) as terminal:
        terminal.wait_for("Key for groq: ")
        terminal.type("gsk-canary-1234\n")
        status = terminal.end()

    assert status == 0
    assert "canary" not in terminal.seen
    assert answer(gateway, "providers", "show", "groq", "--tenant", "typed")["last4"] == "1234"


def test_limits_of_a_tenant_that_are_not_named_stay(gateway: Running) -> None:
    answer(gateway, "tenants", "set", "cli team", "--per-month-usd", "200", "--rpm", "5")

    changed = answer(
        gateway, "tenants", "set", "cli team", "--mode", "warn", "--per-day-usd", "9", "--clear", "requests-per-minute"
    )
    answer(gateway, "tenants", "set", "cli team", "--concurrency", "4")
    now = answer(gateway, "tenants", "show", "cli team")

    assert (changed["limits"]["per_day_usd"], changed["limits"]["requests_per_minute"]) == ("9", None)
    assert (now["mode"], now["limits"]["per_month_usd"], now["limits"]["concurrency"]) == ("warn", "200", 4)
    assert now in answer(gateway, "tenants", "list")["data"]


def test_the_audit_tells_who_changed_what(gateway: Running) -> None:
    key_id = made(gateway, "--rpm", "3")

    rows = [line.split("\t") for line in run(gateway, "audit").stdout.splitlines()]
    entries = answer(gateway, "audit")["data"]

    assert [row[2:4] for row in rows if row[3] == f"key/{key_id}"] == [["key.create", f"key/{key_id}"]]
    assert [each["action"] for each in entries if each["target"] == f"key/{key_id}"] == ["key.create"]


def test_a_shell_is_offered_names_that_the_gateway_tells(gateway: Running, tmp_path: Path) -> None:
    key_id = made(gateway)
    asked = {"_PRXY_COMPLETE": "bash_complete", **variables(gateway)}

    models = piped(folder=tmp_path, COMP_WORDS="prxy chat prxy/", COMP_CWORD="2", **asked)
    keys = piped(folder=tmp_path, COMP_WORDS=f"prxy keys show {key_id[:9]}", COMP_CWORD="3", **asked)
    alone = piped(
        folder=tmp_path, COMP_WORDS="prxy chat p", COMP_CWORD="2", **{**asked, "PRXY_URL": "http://127.0.0.1:1"}
    )

    assert "plain,prxy/echo" in models.stdout.splitlines()
    assert f"plain,{key_id}" in keys.stdout
    assert (alone.returncode, alone.stdout.strip(), alone.stderr) == (0, "", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str) -> None:
    result = CliRunner().invoke(prxy, ["completion", shell])

    assert result.exit_code == 0
    assert f"_PRXY_COMPLETE={shell}_complete" in result.stdout


def imported_by(command: list[str], env: dict[str, str], folder: Path) -> str:
    """What the interpreter loaded until the first line was out."""
    traced = [sys.executable, "-X", "importtime", str(BIN), *command]
    with (folder / "imports").open("w+") as imports:
        with subprocess.Popen(
            traced, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=imports, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            process.terminate()
            process.wait(20)
        imports.seek(0)
        return imports.read()


@pytest.mark.parametrize(
    ("command", "loaded"),
    [(["serve", "--port", "0"], "prxy.local.server"), (["models", "--json"], "prxy.cli.showing")],
    ids=["serve", "--json"],
)
def test_neither_serving_nor_json_loads_what_draws_tables(
    gateway: Running, tmp_path: Path, command: list[str], loaded: str
) -> None:
    found = imported_by(command, surroundings(variables(gateway)), tmp_path)

    assert loaded in found
    assert "rich.console" not in found
