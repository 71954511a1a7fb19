"""One line of JSON for each thing worth telling: ids, counts and causes, never a prompt, an answer or a key."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import msgspec

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest came in `extra`."""


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line = {
            "timestamp": _rfc3339(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **told,
        }
        return msgspec.json.encode(line, enc_hook=str).decode()


def _rfc3339(created: float) -> str:
    """Lambda reads the level of a line only where it has such a time: without one it takes every line for INFO."""
    return datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def log_as_json(level: int = logging.INFO) -> None:
    """Send the project's own log lines to stderr as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    log = logging.getLogger("prxy")
    log.handlers, log.propagate = [handler], False
    log.setLevel(level)
