"""What `sam build` puts into the layers. Third parties are stood in for by a wheel of the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.exchanges import ROOT
from tests.infrastructure.wheels import only, write_wheels

BIN = Path(sys.executable).parent
UNCHECKED_3_13 = (3571).to_bytes(2, "little") + b"\r\n" + (1).to_bytes(4, "little")
SOURCES = {"shared": [("shared/prxy", "python/prxy")], "streaming": [("layers/streaming", ".")]}
IS_LAMBDAS = sys.version_info[:2] == (3, 13)


def build(
    layer: str, folder: Path, *, root: Path = ROOT, umask: int = 0o022, **variables: str
) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"SOURCE_DATE_EPOCH", "LC_ALL"}}
    environment = {**kept, "ARTIFACTS_DIR": str(folder), "PATH": f"{BIN}:{os.environ['PATH']}", **variables}
    command = ["make", "--makefile", "layers/Makefile", f"build-{layer.capitalize()}Layer"]
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=120, umask=umask
    )


def make_tree(folder: Path, requirements: str = "") -> Path:
    """The project elsewhere, as far as layers are made of it, with modes and times of its own."""
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in ("layers", "scripts", "shared"):
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted, copy_function=shutil.copyfile)
    (folder / "layers/streaming/bin/stream-wrapper").chmod(0o700)
    (folder / "requirements").mkdir()
    (folder / "requirements/dataplane.txt").write_text(requirements, encoding="utf-8")
    return folder


def files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)) for path in found}


def everything(folder: Path) -> Mapping[str, tuple[int, float, bytes]]:
    """Path -> mode, time and content of all that is there, folders included."""
    paths = {str(path.relative_to(folder)): path for path in [folder, *folder.rglob("*")]}
    return {
        name: (path.stat().st_mode, path.stat().st_mtime, b"" if path.is_dir() else path.read_bytes())
        for name, path in paths.items()
    }


@pytest.mark.parametrize("layer", SOURCES)
def test_a_layer_holds_its_sources_and_bytecode_for_lambda_and_nothing_else(layer: str, tmp_path: Path) -> None:
    done = build(layer, tmp_path)

    assert done.returncode == 0, done.stderr
    expected = {str(Path(place) / name) for source, place in SOURCES[layer] for name in files(ROOT / source)}
    assert files(tmp_path) == expected
    compiled = [*tmp_path.rglob("*.pyc")]
    assert all(path.read_bytes().startswith(UNCHECKED_3_13) for path in compiled)
    assert bool(compiled) is ("files of bytecode" in done.stdout)


@pytest.mark.parametrize(
    ("architecture", "platform"), [("arm64", "manylinux2014_aarch64"), ("x86_64", "manylinux2014_x86_64")]
)
def test_third_parties_come_for_lambdas_interpreter_and_architecture_without_their_commands(
    architecture: str, platform: str, tmp_path: Path
) -> None:
    tree = make_tree(tmp_path / "tree", write_wheels(tmp_path / "wheels"))

    done = build("dependencies", tmp_path / "layer", root=tree, ARCHITECTURE=architecture, **only(tmp_path / "wheels"))

    assert done.returncode == 0, done.stderr
    python = tmp_path / "layer" / "python"
    assert (python / "native/_compiled.so").read_text(encoding="utf-8") == platform
    assert {path.name for path in python.iterdir()} == {"native", "native-1.0.dist-info"}
    assert "bin/native" not in (python / "native-1.0.dist-info/RECORD").read_text(encoding="utf-8")
    assert all(path.read_bytes().startswith(UNCHECKED_3_13) for path in python.rglob("*.pyc"))


@pytest.mark.parametrize(
    ("more", "hashes_of", "says"),
    [
        ({"native/extra.py": ""}, "others", "Hash mismatch"),
        ({"start.pth": "import native\n"}, "its own", "start.pth would run at every start"),
        ({"native/data.bin": "x" * 27 * 1024 * 1024}, "its own", "that MOST_BYTES allows"),
    ],
    ids=["unknown-hash", "runs-by-itself", "too-large"],
)
def test_a_package_that_nobody_has_agreed_to_is_refused(
    more: Mapping[str, str], hashes_of: str, says: str, tmp_path: Path
) -> None:
    lines = {"others": write_wheels(tmp_path / "others"), "its own": write_wheels(tmp_path / "wheels", more)}
    tree = make_tree(tmp_path / "tree", lines[hashes_of])

    done = build("dependencies", tmp_path / "layer", root=tree, **only(tmp_path / "wheels"))

    assert done.returncode != 0
    assert says in done.stderr


def test_the_wrapper_can_be_executed_by_anyone_where_it_lands(tmp_path: Path) -> None:
    build("streaming", tmp_path, umask=0o077)

    assert (tmp_path / "bin" / "stream-wrapper").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("layer", ["dependencies", *SOURCES])
def test_two_builds_of_a_layer_are_the_same_bytes_modes_and_times_wherever_they_are_made(
    layer: str, tmp_path: Path
) -> None:
    wheels = tmp_path / "wheels"
    line = write_wheels(wheels)
    one, other = tmp_path / "one", tmp_path / "elsewhere" / "other"
    here, there = make_tree(tmp_path / "here", line), make_tree(tmp_path / "there" / "deeper", line)
    circumstances = {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "7", "PYTHONOPTIMIZE": "2"}

    first = build(layer, one, root=here, SOURCE_DATE_EPOCH="1700000000", LC_ALL="C.UTF-8", **only(wheels))
    second = build(layer, other, root=there, umask=0o077, **circumstances, **only(wheels))

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert everything(one) == everything(other)
    assert len(everything(one)) > 4


@pytest.mark.skipif(IS_LAMBDAS, reason="It needs an interpreter that is not Lambda's to run in.")
def test_bytecode_of_another_python_is_refused(tmp_path: Path) -> None:
    done = build("streaming", tmp_path, LAMBDA_PYTHON=sys.executable)

    assert done.returncode != 0
    assert "is not unchecked bytecode of Python 3.13" in done.stderr


@pytest.mark.skipif(IS_LAMBDAS, reason="It needs an interpreter that is not Lambda's to run in.")
def test_where_lambdas_python_is_missing_the_build_says_so_and_ships_sources_alone(tmp_path: Path) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    found = {"python3": sys.executable, "uv": str(BIN / "uv"), "make": shutil.which("make"), "sh": shutil.which("sh")}
    for name, path in found.items():
        (commands / name).symlink_to(str(path))
    nowhere = {name: str(tmp_path / "none") for name in ("HOME", "PYENV_ROOT", "UV_PYTHON_INSTALL_DIR", "VIRTUAL_ENV")}
    tree = make_tree(tmp_path / "tree")

    done = build("streaming", tmp_path / "layer", root=tree, PATH=str(commands), LAMBDA_PYTHON="", **nowhere)

    assert done.returncode == 0, done.stderr
    assert "built without bytecode, since no Python 3.13 is here" in done.stdout
    assert not [*tmp_path.glob("layer/**/*.pyc")]


def test_an_architecture_that_lambda_has_not_is_refused(tmp_path: Path) -> None:
    done = build("dependencies", tmp_path, ARCHITECTURE="sparc")

    assert done.returncode != 0
    assert "ARCHITECTURE is 'sparc'; use one of: arm64, x86_64" in done.stderr
