"""One line of JSON for each thing worth telling: ids, counts and causes, never a prompt, an answer or a key."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice

import msgspec

_STANDARD = len(vars(logging.makeLogRecord({})))
"""What every record has, and first; the rest came in `extra`."""
_WRITTEN_BY_OTHERS = ("message", "asctime")
"""Notes of another formatter that had the record before."""


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = dict(islice(vars(record).items(), _STANDARD, None))
        for name in _WRITTEN_BY_OTHERS:
            told.pop(name, None)
        line = {
            "timestamp": _rfc3339(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **told,
        }
        return msgspec.json.encode(line, enc_hook=str).decode()


def _rfc3339(created: float) -> str:
    """Lambda reads the level of a line only where it has such a time: without one it takes every line for INFO."""
    second = int(created)
    return f"{_to_the_second(second)}.{int((created - second) * 1000):03d}Z"


@lru_cache(maxsize=1)
def _to_the_second(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def log_as_json(level: int = logging.INFO) -> None:
    """Send the project's own log lines to stderr as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    log = logging.getLogger("prxy")
    log.handlers, log.propagate = [handler], False
    log.setLevel(level)
