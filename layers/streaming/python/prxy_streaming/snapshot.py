"""SnapStart: hooks on both sides of the snapshot.

`snapshot_restore_py` is part of the managed Python images only
(https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html, 2026-11), hence the late import.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

Hook = tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]


class BeforeSnapshotError(Exception):
    """A hook failed, so there is no snapshot to start from."""


class AfterRestoreError(Exception):
    """A hook failed, so this copy of the snapshot cannot serve."""


def run_before_snapshot() -> None:
    """Last registered, first run. Raises BeforeSnapshotError."""
    _run(reversed(importlib.import_module("snapshot_restore_py").get_before_snapshot()), BeforeSnapshotError)


def run_after_restore() -> None:
    """Raises AfterRestoreError."""
    _run(importlib.import_module("snapshot_restore_py").get_after_restore(), AfterRestoreError)


def _run(hooks: Iterable[Hook], failed: type[Exception]) -> None:
    for hook, args, kwargs in hooks:
        try:
            hook(*args, **kwargs)
        except Exception as error:
            raise failed(f"{type(error).__name__}: {error}") from error
