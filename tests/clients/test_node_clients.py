"""Clients from npm, unmodified, talk to models of another vendor than their own."""

from __future__ import annotations

import json

import pytest
from tests.clients.running import NODE_CLIENTS, Stage, steps
from tests.clients.scripted import CONVERSATIONS, MODELS, PATHS, answered

CASES = [
    ("openai.mjs", "", "anthropic"),
    ("responses.mjs", "", "anthropic"),
    ("anthropic.mjs", "", "openai"),
    ("vercel.mjs", "chat", "anthropic"),
    ("vercel.mjs", "responses", "anthropic"),
    ("vercel.mjs", "messages", "openai"),
]
"""Script, door, vendor that answers."""


@pytest.mark.parametrize(("script", "door", "vendor"), CASES)
def test_it_speaks_streams_calls_a_tool_and_parses(
    node: str, stage: Stage, script: str, door: str, vendor: str
) -> None:
    key = stage.upstream.put(f"{script}-{door}", *CONVERSATIONS[vendor])
    variables = {"PROVIDER_KEY": key, "MODEL": MODELS[vendor], "DOOR": door}

    done = steps([node, str(NODE_CLIENTS / script)], stage, variables)

    answered(done)
    assert stage.paths_asked(key) == {PATHS[vendor]}
    assert "Oslo: 4 degrees" in json.dumps(stage.upstream.asked[key][3].body["messages"])


def test_the_lock_is_hashed_and_says_nowhere_whence_its_packages_came() -> None:
    lock = json.loads((NODE_CLIENTS / "package-lock.json").read_text())

    packages = [package for path, package in lock["packages"].items() if path]

    assert all("integrity" in package for package in packages)
    assert not any("resolved" in package for package in packages)
