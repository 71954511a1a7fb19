"""Codex, unmodified and headless, works with a model of Anthropic, set up as docs/clients.md prints it."""

from __future__ import annotations

import json
import subprocess

import pytest
from tests.clients.running import NODE_CLIENTS, Stage, run
from tests.clients.scripted import claude_call, claude_stream, claude_text
from tests.pages import blocks

SCRIPT = NODE_CLIENTS / "node_modules" / "@openai" / "codex" / "bin" / "codex.js"
(CONFIG,) = blocks("docs/clients.md", "Codex", "toml")
PRINTED_URL = "http://127.0.0.1:3099"
FIRST = "check_for_update_on_startup = false\n"
LAST = """http_headers = {{ "x-provider-key" = "{key}" }}
request_max_retries = 0
stream_max_retries = 0

[analytics]
enabled = false
"""


@pytest.fixture
def codex(node: str, stage: Stage) -> list[str]:
    """The start of its command."""
    command = [node, str(SCRIPT)]
    if run([*command, "--version"], stage.home, {}).returncode:
        pytest.skip("Codex brought no binary for this machine with it.")
    return command


def ask(codex: list[str], stage: Stage, key: str) -> subprocess.CompletedProcess[str]:
    """Without its sandbox, which not every machine allows; the only command it runs is ours."""
    assert PRINTED_URL in CONFIG
    config = CONFIG.replace(PRINTED_URL, stage.gateway.url)
    (stage.home / "config.toml").write_text(FIRST + config + LAST.format(key=key))
    command = [*codex, "exec", "--json", "--skip-git-repo-check", "--sandbox", "danger-full-access"]
    variables = {"CODEX_HOME": str(stage.home), "PRXY_KEY": stage.gateway.api_key}
    return run([*command, "What does note.txt say?"], stage.home, variables)


def test_it_runs_a_command_and_answers(codex: list[str], stage: Stage) -> None:
    (stage.home / "note.txt").write_text("The kettle is blue.\n")
    call = claude_stream(claude_call("exec_command", {"cmd": "cat note.txt"}))
    key = stage.upstream.put("codex", call, claude_stream(claude_text("It says that the kettle is blue.")))

    done = ask(codex, stage, key)

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    items = [line["item"] for line in map(json.loads, done.stdout.splitlines()) if line["type"] == "item.completed"]
    assert items[-1]["text"] == "It says that the kettle is blue."
    told = stage.upstream.asked[key][-1].body["messages"][-1]["content"][-1]
    assert (told["type"], told["tool_use_id"]) == ("tool_result", "toolu_1")
    assert "The kettle is blue." in json.dumps(told["content"])
