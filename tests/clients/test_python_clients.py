"""Clients from PyPI, unmodified, talk to models of another vendor than their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.clients.running import Stage, steps
from tests.clients.scripted import CONVERSATIONS, MODELS, PATHS, answered

SCRIPTS = Path(__file__).parent / "python"
CASES = [
    ("with_litellm.py", {"chat": "anthropic", "messages": "openai"}),
    ("with_langchain.py", {"chat": "anthropic", "responses": "anthropic", "messages": "openai"}),
]
"""Script, and at each door the vendor that answers. The doors share a process, for these clients start slowly."""
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LANGSMITH_TRACING": "false"}


@pytest.mark.parametrize(("script", "vendors"), CASES, ids=[script for script, _ in CASES])
def test_it_speaks_streams_calls_a_tool_and_parses(
    client_python: str, stage: Stage, script: str, vendors: Mapping[str, str]
) -> None:
    keys = {door: stage.upstream.put(f"{script}-{door}", *CONVERSATIONS[vendor]) for door, vendor in vendors.items()}
    doors = {door: {"model": MODELS[vendors[door]], "provider_key": key} for door, key in keys.items()}

    done = steps([client_python, str(SCRIPTS / script)], stage, {**QUIET, "DOORS": json.dumps(doors)})

    for door, key in keys.items():
        answered(done, f"{door} ")
        assert stage.paths_asked(key) == {PATHS[vendors[door]]}
        assert "Oslo: 4 degrees" in json.dumps(stage.upstream.asked[key][3].body["messages"])
