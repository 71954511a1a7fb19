"""Functions and files stay small enough to be read in one sitting."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.exchanges import ROOT

FOLDERS = ("shared", "layers", "functions")
LONGEST_FUNCTION = 40
LONGEST_FILE = 300
WALL = 400

OVER_THE_SOFT_LIMIT: Mapping[str, str] = {
    "shared/prxy/canonical/errors.py": "one tree, read as a table; half of its lines are class heads",
    "shared/prxy/store/ports.py": "what the gateway needs remembered, one port below the other",
    "shared/prxy/store/records.py": "rows as values, one below the other",
    "shared/prxy/store/schema.py": "one table, drawn once; no name of it is built anywhere else",
}
"""Path of a file of 301 to 400 lines -> why it is one file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    path: Path
    name: str
    line: int
    length: int
    """From the signature to the last line."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.name} has {self.length} lines"


def sources() -> list[Path]:
    found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if not {"build", ".aws-sam", "__pycache__"} & {*path.parts})


def functions() -> Iterator[Function]:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                yield Function(path=path.relative_to(ROOT), name=node.name, line=node.lineno, length=length)


def means() -> str:
    """Mean length of the functions of each package, longest first."""
    lengths: dict[Path, list[int]] = defaultdict(list)
    for function in functions():
        lengths[function.path.parent].append(function.length)
    mean = {package: sum(found) / len(found) for package, found in lengths.items()}
    return "\n".join(f"{mean[package]:5.1f} {package}" for package in sorted(mean, key=lambda one: -mean[one]))


def file_lengths() -> dict[str, int]:
    return {str(path.relative_to(ROOT)): len(path.read_bytes().splitlines()) for path in sources()}


def test_no_function_is_longer_than_forty_lines() -> None:
    long = [str(function) for function in functions() if function.length > LONGEST_FUNCTION]

    assert not long, "\n".join([*long, "Mean length per package:", means()])


def test_no_file_is_longer_than_the_wall() -> None:
    assert not {path: lines for path, lines in file_lengths().items() if lines > WALL}


def test_a_file_over_the_soft_limit_is_on_the_list_with_its_reason() -> None:
    over = {path for path, lines in file_lengths().items() if lines > LONGEST_FILE}

    assert over == set(OVER_THE_SOFT_LIMIT)
    assert all(OVER_THE_SOFT_LIMIT.values())
