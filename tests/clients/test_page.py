"""docs/clients.md, as printed: what a shell, Python and Node make of it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.api.conftest import Running, provider_variables, start_gateway
from tests.api.upstream import Upstream
from tests.clients.running import NODE_CLIENTS, run
from tests.clients.scripted import CONVERSATIONS, openai_text, openai_whole
from tests.pages import ROOT, blocks

PAGE = "docs/clients.md"
KEYS = {"openai": "page-openai", "anthropic": "page-anthropic"}
"""Vendor -> the operator's key, by which the scripted provider picks its answers."""
COST = r"0\.0\d*"


@pytest.fixture(scope="module")
def page(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    keys = {f"{vendor.upper()}_API_KEY": key for vendor, key in KEYS.items()}
    yield from start_gateway({**provider_variables(upstream.url), **keys}, tmp_path_factory.mktemp("page"))


@pytest.fixture
def variables(page: Running, upstream: Upstream) -> dict[str, str]:
    """What the page has set; both vendors are ready to be asked once whole and once streamed."""
    for vendor, key in KEYS.items():
        upstream.put(key, *CONVERSATIONS[vendor][:2])
    return {"PRXY_URL": page.url, "PRXY_KEY": page.api_key}


def shell(script: str, folder: Path, variables: Mapping[str, str]) -> str:
    done = run(["bash", "-euo", "pipefail", "-c", script], folder, variables)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def example(heading: str, language: str, program: str, folder: Path, variables: Mapping[str, str]) -> str:
    """What the example of a section prints, after the section's exports."""
    (text,) = blocks(PAGE, heading, language)
    file = folder / ("example.py" if language == "python" else "example.mjs")
    file.write_text(text)
    (folder / "node_modules").symlink_to(NODE_CLIENTS / "node_modules")
    exports = [each for each in blocks(PAGE, heading, "sh", language) if each.startswith("export ")]
    return shell("\n".join([*exports, f"{program} {file}"]), folder, variables)


def test_curl_streams_and_tells_the_cost_before_the_end(variables: dict[str, str], tmp_path: Path) -> None:
    streamed, *_ = blocks(PAGE, "curl", "sh")

    lines = shell(streamed, tmp_path, variables).split()

    assert "cost_usd=" in " ".join(lines)
    assert lines[-2:] == ["data:", "[DONE]"]


def test_curl_is_answered_by_a_call_of_its_tool(variables: dict[str, str], tmp_path: Path) -> None:
    with_tool = blocks(PAGE, "curl", "sh")[1]

    answer = json.loads(shell(with_tool, tmp_path, variables))

    assert answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "get_weather"


def test_curl_brings_a_provider_key_of_its_own(variables: dict[str, str], upstream: Upstream, tmp_path: Path) -> None:
    own = upstream.put("sk-of-the-caller", openai_whole(openai_text("Good day.")))

    printed = shell(blocks(PAGE, "curl", "sh")[2], tmp_path, {**variables, "OPENAI_API_KEY": own})

    assert json.loads(printed)["choices"][0]["message"]["content"] == "Good day."
    assert len(upstream.asked[own]) == 1
    assert upstream.asked[KEYS["openai"]] == []


def test_curl_names_modules_and_sees_the_second_answer_come_from_the_cache(
    variables: dict[str, str], tmp_path: Path
) -> None:
    with_modules = blocks(PAGE, "curl", "sh")[3]

    first, second = (shell(with_modules, tmp_path, variables) for _ in range(2))

    assert "x-prxy-cache" not in first
    assert "x-prxy-cache: exact-cache" in second


def test_curl_repeats_itself_and_is_replayed_once(variables: dict[str, str], tmp_path: Path) -> None:
    repeated = blocks(PAGE, "curl", "sh")[4]

    printed = shell(repeated, tmp_path, variables)

    assert printed.count("HTTP/1.1 200") == 2
    assert printed.count("x-prxy-replayed: true") == 1


@pytest.mark.parametrize("heading", ["OpenAI SDK", "Anthropic SDK", "Google Gen AI SDK"])
def test_the_python_sdks_answer_stream_and_tell_the_cost(
    heading: str, variables: dict[str, str], tmp_path: Path
) -> None:
    printed = example(heading, "python", sys.executable, tmp_path, variables)

    assert re.fullmatch(rf"Good day\. {COST}\nOne two three\.\n?", printed), printed


@pytest.mark.parametrize("heading", ["OpenAI SDK", "Anthropic SDK"])
def test_the_node_sdks_answer_stream_and_tell_the_cost(
    heading: str, node: str, variables: dict[str, str], tmp_path: Path
) -> None:
    printed = example(heading, "js", node, tmp_path, variables)

    assert re.fullmatch(rf"Good day\. {COST}\nOne two three\.\n?", printed), printed


def test_langchain_answers_streams_and_tells_the_cost(
    client_python: str, variables: dict[str, str], tmp_path: Path
) -> None:
    printed = example("LangChain", "python", client_python, tmp_path, {**variables, "LANGSMITH_TRACING": "false"})

    assert re.fullmatch(rf"Good day\. {COST}\nOne two three\.\nGood day\.\n", printed), printed


def test_the_ai_sdk_answers_streams_and_tells_the_cost(node: str, variables: dict[str, str], tmp_path: Path) -> None:
    printed = example("Vercel AI SDK", "js", node, tmp_path, variables)

    assert re.fullmatch(rf"Good day\. {COST}\nOne two three\.Good day\.\n", printed), printed


def test_the_page_names_the_versions_that_are_run_here() -> None:
    table = (ROOT / PAGE).read_text().partition("| client |")[2].partition("\n\n")[0].splitlines()
    node = json.loads((NODE_CLIENTS / "package.json").read_text())["dependencies"]
    pinned = {
        "OpenAI SDK": [locked("dev", "openai"), node["openai"]],
        "Anthropic SDK": [locked("dev", "anthropic"), node["@anthropic-ai/sdk"]],
        "Google Gen AI SDK": [locked("dev", "google-genai")],
        "LangChain": [locked("clients", "langchain-openai"), locked("clients", "langchain-anthropic")],
        "Vercel AI SDK": [node["ai"]],
        "LiteLLM": [locked("clients", "litellm")],
        "Claude Code": [node["@anthropic-ai/claude-code"]],
        "Codex": [node["@openai/codex"]],
    }

    rows = {client: next(row.split("|")[-2] for row in table if client in row) for client in pinned}

    told = {client: re.findall(r"\d+\.\d+", row) for client, row in rows.items()}
    assert told == {client: [".".join(each.split(".")[:2]) for each in versions] for client, versions in pinned.items()}


def locked(requirements: str, package: str) -> str:
    """The version of a package that requirements/<name>.txt pins."""
    found = re.search(rf"^{package}==([\d.]+)", (ROOT / f"requirements/{requirements}.txt").read_text(), re.MULTILINE)
    assert found, package
    return found[1]
