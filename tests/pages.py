"""The documents, read the way a test needs them: the fenced blocks below a heading, as printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    language: str
    text: str


def blocks(page: str, heading: str, *languages: str) -> list[str]:
    """The texts of the blocks below a heading of the second level, in those languages. Fails where there is none."""
    below = (ROOT / page).read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = [text for language, text in all_blocks(below) if language in languages]
    assert found, f"{page} has no such block below '{heading}'"
    return found


def all_blocks(text: str) -> list[Block]:
    return [Block(*found) for found in _BLOCK.findall(text)]
