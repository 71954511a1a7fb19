"""An operator adds an OpenAI-compatible provider with one environment variable."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.api.conftest import start_gateway
from tests.api.upstream import Answer, Upstream

WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "house-model",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hallo"}, "finish_reason": "stop"}],
}


def test_its_models_are_called_by_its_name(upstream: Upstream, tmp_path: Path) -> None:
    key = upstream.put("house-key", Answer(body=json.dumps(WHOLE).encode()))
    variables = {"PRXY_PROVIDERS": f"house={upstream.url}/llm/v1", "HOUSE_API_KEY": key}

    for gateway in start_gateway(variables, tmp_path):
        reply = gateway.chat({"model": "house/house-model", "messages": [{"role": "user", "content": "x"}]})

    assert reply.json()["choices"][0]["message"]["content"] == "Hallo"
    assert upstream.asked[key][0].path == "/llm/v1/chat/completions"
    assert upstream.asked[key][0].body["model"] == "house-model"


@pytest.mark.parametrize(
    "value",
    ["house", "House=http://127.0.0.1:1", "openai=http://127.0.0.1:1", "house=ftp://x", "a=http://x,a=http://y"],
)
def test_a_bad_entry_is_told_in_one_line(value: str, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("prxy")), "serve", "--port", "0"]

    env = {"PRXY_PROVIDERS": value, "PATH": ""}
    ended = subprocess.run(command, check=False, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 1
    assert ended.stderr.startswith("prxy: ")
    assert ended.stderr.count("\n") == 1
