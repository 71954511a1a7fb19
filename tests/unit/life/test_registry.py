"""Members of a package, imported when they are asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prxy.registry import Registry

PACKAGE = "members_of_a_test"


@pytest.fixture
def fruits(tmp_path: Path) -> Iterator[Registry[str]]:
    """Two members, one of which cannot be imported."""
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "pear.py").write_text("FRUIT = 'sweet'\n")
    (folder / "thistle.py").write_text("raise ValueError('no fruit')\n")
    sys.path.insert(0, str(tmp_path))
    yield Registry(PACKAGE, {"a-pear": "pear.FRUIT", "a-thistle": "thistle.FRUIT"})
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_names_are_known_without_importing_anything(fruits: Registry[str]) -> None:
    assert list(fruits) == ["a-pear", "a-thistle"]
    assert len(fruits) == 2
    assert "a-pear" in fruits
    assert "a-nettle" not in fruits
    assert PACKAGE not in sys.modules


def test_a_member_is_imported_when_it_is_asked_for(fruits: Registry[str]) -> None:
    assert fruits["a-pear"] == "sweet"
    assert f"{PACKAGE}.thistle" not in sys.modules


def test_what_fails_in_a_member_fails_for_whoever_asks_for_it(fruits: Registry[str]) -> None:
    with pytest.raises(ValueError, match="no fruit"):
        fruits["a-thistle"]


def test_an_unknown_name_is_a_key_error(fruits: Registry[str]) -> None:
    with pytest.raises(KeyError):
        fruits["a-nettle"]
