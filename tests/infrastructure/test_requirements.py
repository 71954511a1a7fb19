"""The locks: complete, hashed, of one mind, and free of where they were made."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "requirements"
LOCKS = sorted(FOLDER.glob("*.txt"))
OURS = ("dev", "run", "dataplane", "control", "catalog")
"""From the widest to the narrowest; the locks of the peers, the clients and the SAM tools go their own ways."""


def wanted(source: Path) -> set[str]:
    """Names of the packages that a `.in` file asks for."""
    lines = (line for line in source.read_text().splitlines() if line and not line.startswith("#"))
    return {re.split(r"[\[<>=;# ]", line, maxsplit=1)[0].lower() for line in lines}


def locked(name: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", (FOLDER / f"{name}.txt").read_text(), re.MULTILINE)
    return dict(found)


@pytest.mark.parametrize("source", sorted(FOLDER.glob("*.in")), ids=lambda path: path.name)
def test_every_wanted_package_is_locked(source: Path) -> None:
    assert wanted(source) <= set(locked(source.stem))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_has_a_hash_for_every_package(lock: Path) -> None:
    packages = re.split(r"^(?=\S)", lock.read_text(), flags=re.MULTILINE)[1:]

    assert packages
    assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_index_and_no_path(lock: Path) -> None:
    assert re.findall(r"https?:|file:|--\w+-(?:url|links)|^-|/", lock.read_text(), re.MULTILINE) == []


@pytest.mark.parametrize(("wider", "narrower"), tuple(pairwise(OURS)))
def test_the_locks_of_the_gateway_agree_on_versions(wider: str, narrower: str) -> None:
    broad, narrow = locked(wider), locked(narrower)

    differing = {name for name in broad.keys() & narrow.keys() if broad[name] != narrow[name]}

    assert differing == set()
