"""Claude Code, unmodified and headless, works with a model of OpenAI, set up as docs/clients.md prints it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess

import pytest
from tests.clients.running import NODE_CLIENTS, Stage, run
from tests.clients.scripted import openai_call, openai_stream, openai_text
from tests.pages import blocks

SCRIPT = NODE_CLIENTS / "node_modules" / "@anthropic-ai" / "claude-code" / "cli-wrapper.cjs"


ASK = ["--print", "What does note.txt say?", "--output-format", "json", "--allowed-tools", "Read"]


@pytest.fixture
def claude_code(node: str, stage: Stage) -> Stage:
    """The stage, where `claude` is a command that asks one question."""
    command = [node, str(SCRIPT)]
    if run([*command, "--version"], stage.home, {}).returncode:
        pytest.skip("Claude Code brought no binary for this machine with it.")
    file = stage.home / "bin" / "claude"
    file.parent.mkdir()
    file.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@" {shlex.join(ASK)}\n')
    file.chmod(0o700)
    return stage


def ask(stage: Stage, key: str) -> subprocess.CompletedProcess[str]:
    (printed,) = blocks("docs/clients.md", "Claude Code", "sh")
    variables = {
        "PATH": f"{stage.home}/bin{os.pathsep}{os.environ['PATH']}",
        "PRXY_URL": stage.gateway.url,
        "PRXY_KEY": stage.gateway.api_key,
        "ANTHROPIC_CUSTOM_HEADERS": f"x-provider-key: {key}",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
    }
    return run(["bash", "-euc", printed], stage.home, variables)


def test_it_reads_a_file_and_answers(claude_code: Stage) -> None:
    stage = claude_code
    note = stage.home / "note.txt"
    note.write_text("The kettle is blue.\n")
    call = openai_stream(openai_call("Read", {"file_path": str(note)}))
    key = stage.upstream.put("claude-code", call, openai_stream(openai_text("It says that the kettle is blue.")))

    done = ask(stage, key)

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    result = json.loads(done.stdout)
    assert (result["is_error"], result["result"]) == (False, "It says that the kettle is blue.")
    asked = [each.body for each in stage.upstream.asked[key]]
    assert {"Read", "Bash"} <= {tool["function"]["name"] for tool in asked[0]["tools"]}
    told = next(message for message in asked[-1]["messages"] if message["role"] == "tool")
    assert told["tool_call_id"] == "call_1"
    assert "The kettle is blue." in json.dumps(told["content"])
