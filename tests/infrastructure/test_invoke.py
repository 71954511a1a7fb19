"""`make invoke`: every function has an event, and runs with it under Lambda's own emulator."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from scripts.invoke import CannotInvoke, emulator, function_of, readable
from tests.exchanges import ROOT

EVENTS = sorted((ROOT / "events").glob("*.json"))


@pytest.fixture(scope="module", autouse=True)
def present() -> None:
    try:
        emulator()
    except CannotInvoke:
        pytest.skip("The SAM tools are not here: `make .venv-sam/bin/sam` installs them, and with them the emulator.")


def invoked(name: str) -> str:
    command = [sys.executable, "-m", "scripts.invoke", f"events/{name}.json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_function_has_an_event() -> None:
    assert {path.name.partition(".")[0] for path in EVENTS} == {
        path.parent.name for path in ROOT.glob("functions/*/app.py")
    }


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_an_event_is_for_a_route_of_its_function_and_holds_no_key(path: Path) -> None:
    event = json.loads(path.read_text())

    assert function_of(path).folder.name == path.name.partition(".")[0]
    assert "prxy_live_" not in path.read_text()
    assert "prxy_admin_" not in path.read_text()
    assert "httpMethod" in event or event["source"] == "aws.events"


def test_make_hands_the_event_over() -> None:
    command = ["make", "--dry-run", "invoke", "EVENT=events/health.json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)

    assert "-m scripts.invoke events/health.json\n" in done.stdout


def test_a_function_that_streams_answers_its_event() -> None:
    head, _, stream = invoked("chat_completions.stream").partition("\n\n")

    assert head.startswith("200\n")
    assert "content-type: text/event-stream" in head
    assert stream.rstrip().endswith("data: [DONE]")


def test_a_function_on_the_stock_runtime_answers_its_event() -> None:
    head, _, body = invoked("keys").partition("\n\n")

    assert head.startswith("201\n")
    assert json.loads(body)["name"] == "night-batch"


def test_what_runs_by_the_clock_answers_its_event() -> None:
    assert json.loads(invoked("housekeeping")) == {"forfeited": 0}


def test_an_event_of_no_function_is_refused_with_the_names_of_those_that_are() -> None:
    with pytest.raises(CannotInvoke, match=r"In events/: audit\.json, chat_completions\.json"):
        function_of(ROOT / "events" / "nothing.json")


def test_a_function_that_fails_is_told_of() -> None:
    with pytest.raises(CannotInvoke, match="the function failed with KeyError: 'x'"):
        readable(b'{"errorType": "KeyError", "errorMessage": "\'x\'"}')
