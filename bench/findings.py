"""What a run of the benchmark has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.imports import Import
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
    """Seconds from spawning a gateway to its first right answer, once a start."""

    name: str
    title: str
    seconds: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoked:
    """A function behind the double of Lambda. Of warm calls: `first_s` and `whole_s` are medians, `cpu_s` a mean."""

    title: str
    cold_s: Sequence[float]
    """From spawning the process to the first byte of its answer, once a start."""
    first_s: float
    whole_s: float
    cpu_s: float
    resident_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    command: str
    rounds: int
    effort: Effort
    titles: Mapping[str, str]
    """Gateway name -> how the tables call it, in their order."""
    samples: Mapping[Scenario, Samples] = field(default_factory=dict)
    growths: Mapping[str, Growth] = field(default_factory=dict)
    starts: Sequence[Start] = ()
    invoked: Sequence[Invoked] = ()
    imports: Sequence[Import] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    """What -> why it was not measured."""
