"""The run: start every gateway once, measure scenario by scenario in interleaved rounds, stop everything."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.findings import Findings, Growth, Invoked, Samples
from bench.gateways.base import LOAD_CORE, Gateway, Place, Started, module_command
from bench.imports import imports
from bench.lambda_double import invoked
from bench.measure import Effort, Sample, load, measure
from bench.memory import grow
from bench.processes import Command, NotAvailable, Running, free_port
from bench.progress import say
from bench.scenarios import SCENARIOS, Asking, Scenario
from bench.starts import starts

_CONNECTIONS_TO_WARM = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was asked for on the command line."""

    command: str
    scenarios: Sequence[Scenario]
    gateways: Sequence[Gateway]
    rounds: int
    effort: Effort
    most_warm_s: float
    memory_marks: Sequence[int]
    start_rounds: int
    invocations: int
    """Of each function while it is warm; 0: functions and imports are left out."""


def run(choice: Choice) -> Findings:
    with tempfile.TemporaryDirectory() as folder, upstream(Path(folder)) as place:
        with ExitStack() as stack:
            up, missing = _start_all(choice.gateways, place, stack)
            samples = {scenario: _scenario(scenario, up, choice) for scenario in choice.scenarios}
            growths = _growths(up, choice.memory_marks)
        say(f"starts, {choice.start_rounds} rounds")
        started = starts([gateway for gateway, own in up.items() if own.process], place, choice.start_rounds)
        functions = _functions(place, choice, missing)
        say("imports")
        return Findings(
            command=choice.command,
            rounds=choice.rounds,
            effort=choice.effort,
            titles={gateway.name: gateway.title for gateway in choice.gateways},
            samples=samples,
            growths=growths,
            starts=started,
            invoked=functions,
            imports=imports(choice.start_rounds if choice.invocations else 0),
            missing=missing,
        )


@contextmanager
def upstream(folder: Path) -> Iterator[Place]:
    port = free_port()
    place = Place(upstream_port=port, folder=folder)
    command = Command(arguments=module_command("bench.upstream", port), env=place.environment())
    running = Running(command, port, core=LOAD_CORE, patience_s=10)
    try:
        yield place
    finally:
        running.stop()


def _start_all(
    gateways: Sequence[Gateway], place: Place, stack: ExitStack
) -> tuple[dict[Gateway, Started], dict[str, str]]:
    """Who answers, stopped when the stack is left, and why the others do not."""
    up: dict[Gateway, Started] = {}
    missing: dict[str, str] = {}
    for gateway in gateways:
        say(f"start {gateway.title}")
        folder = place.folder / gateway.name
        folder.mkdir()
        try:
            up[gateway] = started = gateway.start(replace(place, folder=folder))
            stack.callback(started.stop)
        except NotAvailable as error:
            missing[gateway.name] = str(error)
            say(f"  {error}")
    return up, missing


def _scenario(scenario: Scenario, up: Mapping[Gateway, Started], choice: Choice) -> Samples:
    asked = {each: own for each, own in up.items() if scenario.asking is Asking.ONE or not each.unenforced}
    samples: dict[str, list[Sample]] = {gateway.name: [] for gateway in asked}
    for gateway, started in asked.items():
        seconds = min(gateway.warm_s, choice.most_warm_s)
        load(gateway, started, scenario, Effort(seconds=seconds, connections=_CONNECTIONS_TO_WARM))
    for number in range(choice.rounds):
        for gateway, started in asked.items():
            sample = measure(gateway, started, scenario, choice.effort)
            samples[gateway.name].append(sample)
            say(f"{scenario.key} round {number + 1} of {choice.rounds}, {gateway.name}: {_line(sample)}")
    return samples


def _line(sample: Sample) -> str:
    cpu = "" if sample.cpu_s is None else f"{sample.cpu_s * 1e6:.0f} us CPU, "
    trouble = f", {sample.failures} failures: {sample.reason}" if sample.failures else ""
    return f"{cpu}{sample.per_second:.0f} answers/s, p50 {sample.p50_s * 1000:.2f} ms{trouble}"


def _growths(up: Mapping[Gateway, Started], marks: Sequence[int]) -> dict[str, Growth]:
    growths: dict[str, Growth] = {}
    for gateway, started in up.items():
        if started.process is not None and marks:
            say(f"memory of {gateway.title}")
            growths[gateway.name] = grow(gateway, started, started.process, SCENARIOS[0], marks)
    return growths


def _functions(place: Place, choice: Choice, missing: dict[str, str]) -> Sequence[Invoked]:
    if not choice.invocations:
        return ()
    try:
        return invoked(place, choice.start_rounds, choice.invocations)
    except NotAvailable as error:
        missing["functions"] = str(error)
        return ()
