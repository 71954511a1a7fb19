"""Checkov over the stack by default and with every option on. Each exception has a reason, and is needed."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from tests.exchanges import ROOT
from tests.infrastructure.conftest import EVERYTHING, MakeStack

CHECKOV = ROOT / "build" / "checkov-venv" / "bin" / "checkov"
EXCEPTION = re.compile(r"  - (CKV\w+) # \S.{20,}")


def exceptions() -> set[str]:
    """Raises AssertionError for one without a reason."""
    _, _, lines = (ROOT / ".checkov.yaml").read_text(encoding="utf-8").partition("skip-check:\n")
    found = [EXCEPTION.fullmatch(line) for line in lines.splitlines()]
    assert all(found), "each exception is `  - CKV_AWS_1 # why`"
    return {one[1] for one in found if one}


def test_every_exception_has_a_reason() -> None:
    assert exceptions()


@pytest.fixture(scope="module")
def failed(make_stack: MakeStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Check -> resources that fail it, nothing being excepted."""
    if not CHECKOV.exists():
        pytest.skip("Checkov is not here: `make checkov` installs it (about 200 MB).")
    folder: Path = tmp_path_factory.mktemp("stacks")
    for name, parameters in (("default", {}), ("everything", EVERYTHING)):
        (folder / f"{name}.json").write_text(json.dumps(make_stack(**parameters).template))
    command = [str(CHECKOV), "--framework", "cloudformation", "--skip-download", "--output", "json", "-d", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    report = json.loads(done.stdout)
    assert report["summary"]["passed"] > 100, done.stderr
    assert report["summary"]["parsing_errors"] == 0
    found: dict[str, set[str]] = {}
    for one in report["results"]["failed_checks"]:
        found.setdefault(one["check_id"], set()).add(one["resource"])
    return found


def test_checkov_finds_nothing_but_the_exceptions(failed: dict[str, set[str]]) -> None:
    assert {check: names for check, names in failed.items() if check not in exceptions()} == {}


def test_every_exception_is_needed(failed: dict[str, set[str]]) -> None:
    assert exceptions() - set(failed) == set()
