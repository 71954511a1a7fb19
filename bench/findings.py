"""What a run of the benchmark has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.measure import Effort, Sample
from bench.scenarios import Scenario

Samples = Mapping[str, Sequence[Sample]]
"""Of one scenario: gateway name -> one sample a round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Resident bytes after so many answers."""

    answers: Sequence[int]
    resident_bytes: Sequence[int]
    failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Seconds from spawning a process until it was ready, once a start."""

    title: str
    ready_when: str
    seconds: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    command: str
    rounds: int
    effort: Effort
    titles: Mapping[str, str]
    """Gateway name -> how the tables call it, in their order."""
    samples: Mapping[Scenario, Samples]
    growths: Mapping[str, Growth]
    starts: Sequence[Start]
    missing: Mapping[str, str] = field(default_factory=dict)
    """Gateway name -> why it was not measured."""
