"""Whether a gateway's memory stays flat: resident bytes after many answers."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench.findings import Growth
from bench.gateways.base import Gateway, Started
from bench.measure import Effort, load
from bench.processes import Running
from bench.scenarios import Scenario

_PATIENCE_S = 400.0


def grow(gateway: Gateway, started: Started, process: Running, scenario: Scenario, marks: Sequence[int]) -> Growth:
    """Ask until each mark is reached, or until the patience for all of them is spent."""
    reached, sizes, failures = 0, [], 0
    end = time.perf_counter() + _PATIENCE_S
    for mark in marks:
        seconds = max(end - time.perf_counter(), 0.1)
        result = load(gateway, started, scenario, Effort(seconds=seconds, connections=16, limit=mark - reached))
        reached, failures = reached + result.answers, failures + result.failures
        if reached < mark:
            break
        sizes.append(process.resident_bytes())
    return Growth(answers=marks, resident_bytes=sizes, failures=failures)
