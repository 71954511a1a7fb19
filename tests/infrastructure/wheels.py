"""Wheels made by a test, and an installer that knows no others: building a layer needs no registry then."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

PLATFORMS = ("manylinux2014_aarch64", "manylinux2014_x86_64")
_METADATA = "Metadata-Version: 2.1\nName: native\nVersion: 1.0\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: cp313-cp313-{platform}\n"


def write_wheels(folder: Path, more: Mapping[str, str] | None = None) -> str:
    """One package with a command and a compiled module for both platforms; gives its line of requirements."""
    folder.mkdir()
    hashes = [_write_wheel(folder, platform, more or {}) for platform in PLATFORMS]
    return " ".join(["native==1.0", *(f"--hash=sha256:{each}" for each in hashes)]) + "\n"


def _write_wheel(folder: Path, platform: str, more: Mapping[str, str]) -> str:
    about = "native-1.0.dist-info"
    files = {
        "native/__init__.py": "def main(): return {'a', 'b', 'c'}\n",
        "native/_compiled.so": platform,
        f"{about}/METADATA": _METADATA,
        f"{about}/WHEEL": _WHEEL.format(platform=platform),
        f"{about}/entry_points.txt": "[console_scripts]\nnative = native:main\n",
        **more,
    }
    path = folder / f"native-1.0-cp313-cp313-{platform}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
        wheel.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"]))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def only(folder: Path) -> dict[str, str]:
    """What makes uv look nowhere else."""
    cache = folder.parent / "uv-cache"
    return {"UV_OFFLINE": "1", "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(folder), "UV_CACHE_DIR": str(cache)}
