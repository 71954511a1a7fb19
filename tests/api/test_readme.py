"""The README's commands, run as printed; only the port differs."""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from prxy.providers import PROVIDERS

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
README = (ROOT / "README.md").read_text()
PRINTED_PORT = "3099"
START_S, RUN_S = 60, 60


@dataclass(frozen=True, slots=True)
class Local:
    """A gateway as `make run` starts it, and the folder with its keys."""

    folder: Path
    port: int


def clean_environment() -> dict[str, str]:
    """No provider key: the README promises that none is needed."""
    return {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": os.environ["HOME"], "NO_PROXY": "127.0.0.1"}


def wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    end = time.monotonic() + START_S
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(end - time.monotonic(), 0)):
            line = process.stdout.readline()
            if line.startswith(b'{"ready"'):
                return
            assert line, "the gateway ended before it was ready"
    pytest.fail(f"not ready in {START_S} s")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    folder = tmp_path_factory.mktemp("readme")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(BIN / "prxy"), "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            wait_until_ready(process)
            yield Local(folder, port)
        finally:
            process.terminate()


def blocks(section: str) -> list[str]:
    """The fenced commands under a heading, as shell."""
    text = README.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = re.findall(r"```(sh|python)\n(.*?)```", text, re.DOTALL)
    return [body if language == "sh" else f"python3 - <<'END'\n{body}END\n" for language, body in found]


EXPORTS = blocks("First call")[0]


def output_of(command: str, local: Local) -> str:
    """What a command prints in a shell that has made the README's exports."""
    script = f"set -e\n{EXPORTS}\n{command}".replace(PRINTED_PORT, str(local.port))
    run = subprocess.run(
        ["bash", "-c", script],
        cwd=local.folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_first_call_answers_with_the_words_of_the_user(local: Local) -> None:
    _, whole = blocks("First call")

    answer = json.loads(output_of(whole, local))

    assert "Good morning" in answer["choices"][0]["message"]["content"]


def test_the_sdk_example_prints_the_answer(local: Local) -> None:
    (example,) = blocks("From an SDK")

    assert "Good morning" in output_of(example, local)


def test_the_second_call_of_the_pipeline_example_comes_from_the_cache(local: Local) -> None:
    (example,) = blocks("Pipelines")

    headers = output_of(example, local).lower()

    assert headers.count("x-prxy-cache: exact-cache") == 1
    assert headers.rstrip().endswith("x-prxy-cost-usd: 0")


def test_the_limits_example_creates_a_key_with_those_limits(local: Local) -> None:
    create, *_ = blocks("Limits")

    made = json.loads(output_of(create, local))

    assert made["key"].startswith("prxy_live_")
    assert float(made["limits"]["per_day_usd"]) == 5.0
    assert made["limits"]["concurrency"] == 8


def test_the_list_example_shows_keys_without_secrets(local: Local) -> None:
    create, show, _ = blocks("Limits")

    printed = output_of(f"{create}{show}", local)

    made, shown = (json.loads(line) for line in printed.replace("}{", "}\n{").splitlines())
    assert made["id"] in {key["id"] for key in shown["data"]}
    assert made["key"] not in json.dumps(shown)


def test_the_tenant_example_sets_a_budget(local: Local) -> None:
    *_, put = blocks("Limits")

    made = json.loads(output_of(put, local))

    assert (made["id"], made["mode"], made["limits"]["per_month_usd"]) == ("default", "hard_fail", "200")


def test_the_readme_names_every_provider_and_no_other() -> None:
    section = README.partition("\n## With a provider\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", section.partition("that has a key:")[2].partition(". ")[0].partition(".\n")[0]))

    assert named == set(PROVIDERS) - {"prxy"}


def test_the_gate_runs_the_test_command_of_the_readme() -> None:
    (command,) = blocks("Test")

    assert command in (ROOT / ".ci" / "run").read_text()
