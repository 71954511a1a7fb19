"""What the log says of an exception that nobody expected."""

from __future__ import annotations

import logging
import traceback

_log = logging.getLogger(__name__)


def log_defect(error: BaseException, request_id: str) -> None:
    """Kinds and places only: the text of an exception, and of what caused it, may hold a prompt or a key."""
    _log.error("defect in %s: %s", request_id, " caused by ".join(_kinds_and_places(error)))


def _kinds_and_places(error: BaseException) -> list[str]:
    told: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        frames = traceback.extract_tb(cause.__traceback__)
        places = " > ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
        told.append(f"{type(cause).__name__} at {places}")
        cause = cause.__cause__ or cause.__context__
    return told
