"""What `sam build` puts into our own layers. Those of third parties need a registry and are built by `make build`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.exchanges import ROOT

BIN = Path(sys.executable).parent
UNCHECKED_3_13 = (3571).to_bytes(2, "little") + b"\r\n" + (1).to_bytes(4, "little")
SOURCES = {"shared": [("shared/prxy", "python/prxy")], "streaming": [("layers/streaming", ".")]}


def build(layer: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ARTIFACTS_DIR": str(folder), "PATH": f"{BIN}:{os.environ['PATH']}", **variables}
    command = ["make", "--makefile", "layers/Makefile", f"build-{layer.capitalize()}Layer"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)


def files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)) for path in found}


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("layer", SOURCES)
def test_a_layer_holds_its_sources_and_bytecode_for_lambda_and_nothing_else(layer: str, tmp_path: Path) -> None:
    done = build(layer, tmp_path)

    assert done.returncode == 0, done.stderr
    expected = {str(Path(place) / name) for source, place in SOURCES[layer] for name in files(ROOT / source)}
    assert files(tmp_path) == expected
    compiled = [*tmp_path.rglob("*.pyc")]
    assert all(path.read_bytes().startswith(UNCHECKED_3_13) for path in compiled)
    assert bool(compiled) is ("files of bytecode" in done.stdout)


def test_the_wrapper_can_be_executed_where_it_lands(tmp_path: Path) -> None:
    build("streaming", tmp_path)

    assert os.access(tmp_path / "bin" / "stream-wrapper", os.X_OK)


def test_two_builds_of_a_layer_are_the_same_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"

    build("streaming", one)
    build("streaming", other)

    assert contents(one) == contents(other)


def test_an_architecture_that_lambda_has_not_is_refused(tmp_path: Path) -> None:
    done = build("dependencies", tmp_path, ARCHITECTURE="sparc")

    assert done.returncode != 0
    assert "ARCHITECTURE is 'sparc'; use one of: arm64, x86_64" in done.stderr
