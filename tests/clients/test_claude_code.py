"""Claude Code, unmodified and headless, works with a model of OpenAI."""

from __future__ import annotations

import json
import subprocess

import pytest
from tests.clients.running import NODE_CLIENTS, Stage, run
from tests.clients.scripted import openai_call, openai_stream, openai_text

SCRIPT = NODE_CLIENTS / "node_modules" / "@anthropic-ai" / "claude-code" / "cli-wrapper.cjs"
MODEL = "openai/gpt-4o-mini"


@pytest.fixture
def claude_code(node: str, stage: Stage) -> list[str]:
    """The start of its command."""
    command = [node, str(SCRIPT)]
    if run([*command, "--version"], stage.home, {}).returncode:
        pytest.skip("Claude Code brought no binary for this machine with it.")
    return command


def ask(claude_code: list[str], stage: Stage, key: str) -> subprocess.CompletedProcess[str]:
    command = [*claude_code, "--print", "What does note.txt say?", "--model", MODEL]
    variables = {
        "ANTHROPIC_BASE_URL": stage.gateway.url,
        "ANTHROPIC_API_KEY": stage.gateway.api_key,
        "ANTHROPIC_CUSTOM_HEADERS": f"x-provider-key: {key}",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": MODEL,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
    }
    return run([*command, "--output-format", "json", "--allowed-tools", "Read"], stage.home, variables)


def test_it_reads_a_file_and_answers(claude_code: list[str], stage: Stage) -> None:
    note = stage.home / "note.txt"
    note.write_text("The kettle is blue.\n")
    call = openai_stream(openai_call("Read", {"file_path": str(note)}))
    key = stage.upstream.put("claude-code", call, openai_stream(openai_text("It says that the kettle is blue.")))

    done = ask(claude_code, stage, key)

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    result = json.loads(done.stdout)
    assert (result["is_error"], result["result"]) == (False, "It says that the kettle is blue.")
    asked = [each.body for each in stage.upstream.asked[key]]
    assert {"Read", "Bash"} <= {tool["function"]["name"] for tool in asked[0]["tools"]}
    told = next(message for message in asked[-1]["messages"] if message["role"] == "tool")
    assert told["tool_call_id"] == "call_1"
    assert "The kettle is blue." in json.dumps(told["content"])
