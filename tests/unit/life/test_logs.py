"""Log lines hold what was told with them, as JSON."""

from __future__ import annotations

import json
import logging

from prxy.logs import JsonLines


def test_what_is_told_with_an_event_stands_in_its_line() -> None:
    record = logging.makeLogRecord({"name": "prxy.money", "levelname": "ERROR", "msg": "settle_failed", "rid": "r1"})
    record.actual_nano = 450_000

    line = json.loads(JsonLines().format(record))

    assert (line["event"], line["level"], line["rid"], line["actual_nano"]) == ("settle_failed", "error", "r1", 450_000)
