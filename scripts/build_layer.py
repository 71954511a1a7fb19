"""Build one Lambda layer into ARTIFACTS_DIR: `python3 scripts/build_layer.py dependencies|control|shared|streaming`.

Third-party packages come as wheels for Lambda's interpreter and architecture, by hash. Everything ships with bytecode
that is never checked against its source (PEP 552): it survives the zip, whose times are too coarse to check, and it
halves a cold start. Run with `uv` on the PATH, as `make build` does.

Two builds of the same sources with the same tools are the same bytes, names, modes and times, whatever the folder, the
umask, the locale and the clock: what differs between two builds differs for a reason.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

PYTHON = "3.13"
MAGIC = (3571).to_bytes(2, "little") + b"\r\n"
"""How bytecode of Python 3.13 begins."""
UNCHECKED = (1).to_bytes(4, "little")
PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = {"dependencies": ROOT / "requirements/dataplane.txt", "control": ROOT / "requirements/control.txt"}
SOURCES = {
    "shared": {ROOT / "shared/prxy": "python/prxy"},
    "streaming": {
        ROOT / "layers/streaming/python/prxy_streaming": "python/prxy_streaming",
        ROOT / "layers/streaming/bin": "bin",
    },
}
MIB = 1024 * 1024
MOST_BYTES = {"dependencies": 14 * MIB, "control": 20 * MIB, "shared": 6 * MIB, "streaming": MIB // 4}
"""Unzipped, bytecode included. Lambda takes 250 MB for a function and its layers; each of them makes a start longer."""
TIME_S = 315_619_200
"""1980-01-02 UTC: in no time zone before 1980, where the times of zip files begin."""
UNWANTED = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")


class BuildFailed(Exception):
    """What went wrong and how to mend it."""


def build(layer: str, target: Path, architecture: str) -> str:
    """Fill the folder and tell in a sentence how. Raises BuildFailed, and CalledProcessError where a tool fails."""
    said = fill(layer, target, architecture)
    check(target, MOST_BYTES[layer])
    settle(target)
    return f"{layer}: {said}"


def fill(layer: str, target: Path, architecture: str) -> str:
    if layer in REQUIREMENTS:
        install(REQUIREMENTS[layer], target / "python", architecture)
    for source, place in SOURCES.get(layer, {}).items():
        shutil.copytree(source, target / place, ignore=UNWANTED)
    interpreter = lambda_interpreter()
    if interpreter is None:
        return f"built without bytecode, since no Python {PYTHON} is here; a cold start takes twice as long"
    return f"built for {architecture} with {compile_all(interpreter, target)} files of bytecode"


def install(requirements: Path, target: Path, architecture: str) -> None:
    if architecture not in PLATFORMS:
        raise BuildFailed(f"ARCHITECTURE is {architecture!r}; use one of: {', '.join(PLATFORMS)}")
    platform = ["--python-platform", PLATFORMS[architecture], "--python-version", PYTHON, "--only-binary", ":all:"]
    place = ["--target", str(target), "--require-hashes", "-r", str(requirements)]
    run(uv(), "pip", "install", "--quiet", "--no-deps", "--link-mode", "copy", *platform, *place)
    shutil.rmtree(target / "bin", ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)
    for record in target.glob("*.dist-info/RECORD"):
        forget_what_is_gone(record)


def forget_what_is_gone(record: Path) -> None:
    """A command's hash is one of the path of this machine's interpreter, which its first line names."""
    with record.open(encoding="utf-8", newline="") as listed:
        rows = [row for row in csv.reader(listed) if (record.parent.parent / row[0]).exists()]
    with record.open("w", encoding="utf-8", newline="") as kept:
        csv.writer(kept, lineterminator="\n").writerows(sorted(rows))


def check(target: Path, most_bytes: int) -> None:
    """Nothing that runs by lying there, nothing of unexpected weight. Raises BuildFailed."""
    found = [path for pattern in ("*.pth", "sitecustomize*", "usercustomize*") for path in target.rglob(pattern)]
    if found:
        raise BuildFailed(f"{found[0].name} would run at every start; no package of ours may bring one")
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    if size > most_bytes:
        raise BuildFailed(f"it takes {size} bytes of the {most_bytes} that MOST_BYTES allows; find what has grown")


def settle(target: Path) -> None:
    """Modes and times that say nothing of this machine."""
    for path in [target, *target.rglob("*")]:
        runs_by_itself = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if runs_by_itself else 0o644)
        os.utime(path, (TIME_S, TIME_S))


def compile_all(interpreter: str, target: Path) -> int:
    """Compile every source, under its path in Lambda. Raises BuildFailed where the bytecode is of another Python."""
    options = ["-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", str(target), "-p", "/opt"]
    run(interpreter, "-I", "-m", "compileall", *options, str(target))
    compiled = [*target.rglob("*.pyc")]
    for path in compiled:
        head = path.read_bytes()[:8]
        if head != MAGIC + UNCHECKED:
            raise BuildFailed(f"{path} is not unchecked bytecode of Python {PYTHON}: it begins with {head.hex()}")
    return len(compiled)


def lambda_interpreter() -> str | None:
    """A Python of Lambda's version, LAMBDA_PYTHON first. pyenv is asked for itself: its shim may stand for nothing."""
    found = subprocess.run([uv(), "python", "find", "--quiet", PYTHON], capture_output=True, text=True, check=False)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [os.environ.get("LAMBDA_PYTHON", ""), found.stdout.strip()]
    candidates += map(str, sorted(pyenv.glob(f"versions/{PYTHON}*/bin/python{PYTHON}")))
    return next((path for path in candidates if path and runs(path)), None)


def runs(path: str) -> bool:
    try:
        return subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def uv() -> str:
    if (found := shutil.which("uv")) is None:
        raise BuildFailed("uv is not on the PATH; `make build` puts the project's own there")
    return found


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def main() -> int:
    layer, target = sys.argv[1], Path(os.environ["ARTIFACTS_DIR"])
    try:
        print(build(layer, target, os.environ.get("ARCHITECTURE", "arm64")))
    except (BuildFailed, subprocess.CalledProcessError) as error:
        print(f"{layer}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
