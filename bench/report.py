"""Findings as a page of Markdown. A cell is a median, with the least and the greatest over the rounds in brackets."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.findings import Findings, Growth, Start
from bench.gateways.litellm import LITELLM
from bench.gateways.relays import BARE_STARLETTE_HTTPX, DIRECT
from bench.measure import Sample
from bench.scenarios import Scenario

_NOTES = """\
Everything runs on one machine: a mock of both providers, the load client and the store on one core, the gateway on the
other. Rounds are interleaved; a cell is the median over the rounds, with the least and the greatest in brackets. Every
answer is compared word for word. CPU is user and system time of the gateway's process tree, with {connections}
connections; latency is with one connection, less that of the upstream itself in the same round. Ratios are of CPU, in
the same round.

The bare relays only pass bytes on; where the upstream is Anthropic they are asked in its own wire, since they translate
nothing. prxy checks a virtual key with a daily limit, and reserves and settles in its table on every call; the table is
kept in memory by a process that speaks DynamoDB's protocol, whose time is waited for but not counted. DynamoDB itself
takes some milliseconds for each of the two writes. LiteLLM checks one master key and counts nothing.

Other work on the machine moves answers per second and p99 by up to a factor of three, and CPU per call by about a
fifth."""


def render(findings: Findings) -> str:
    """The whole page."""
    sections = [
        f"# Benchmark\n\nMeasured {datetime.now(UTC):%Y-%m-%d} with `{findings.command}` on {_machine()}: "
        f"{findings.rounds} rounds, {findings.effort.seconds:g} s a cell. `make bench` writes this page.",
        _NOTES.format(connections=findings.effort.connections),
        *(_scenario(findings, scenario) for scenario in findings.samples),
        _memory(findings),
        _starts(findings.starts),
        _missing(findings),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _machine() -> str:
    """In words: cores, processor, system, interpreter. No name, no address."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return f"{os.cpu_count()} cores of {model}, {system}, CPython {platform.python_version()}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return "-"
    least, middle, greatest = (f"{value:.{digits}f}" for value in (min(values), median(values), max(values)))
    return middle if len(values) == 1 else f"{middle} [{least} to {greatest}]"


def _scenario(findings: Findings, scenario: Scenario) -> str:
    unit = "CPU us/word" if scenario.stream else "CPU us/call"
    header = ["gateway", unit, "x bare Starlette + httpx", "x LiteLLM", "answers/s", "added p50 ms", "added p99 ms"]
    header += ["added first word ms", "failures"] if scenario.stream else ["failures"]
    rows = [_row(findings, scenario, name) for name in findings.titles if name in findings.samples[scenario]]
    return f"## {scenario.key}: {scenario.title}\n\n{_table(header, rows)}"


def _row(findings: Findings, scenario: Scenario, name: str) -> list[str]:
    samples = findings.samples[scenario]
    own, direct = samples[name], samples.get(DIRECT.name, ())
    cpu = [value for value in map(_cpu_us(scenario), own) if value is not None]
    cells = [findings.titles[name], _spread(cpu, 1)]
    cells += [_spread(_ratios(own, samples.get(peer, ())), 2) for peer in (BARE_STARLETTE_HTTPX.name, LITELLM.name)]
    cells += [_spread([sample.per_second for sample in own], 0)]
    cells += [_spread(_added_ms(own, direct, _p50), 2), _spread(_added_ms(own, direct, _p99), 2)]
    if scenario.stream:
        cells.append(_spread(_added_ms(own, direct, _first), 2))
    return [*cells, _failures(own)]


def _cpu_us(scenario: Scenario) -> Callable[[Sample], float | None]:
    return Sample.cpu_us_per_word if scenario.stream else Sample.cpu_us


def _p50(sample: Sample) -> float:
    return sample.p50_s


def _p99(sample: Sample) -> float:
    return sample.p99_s


def _first(sample: Sample) -> float:
    return sample.first_word_s


def _ratios(own: Sequence[Sample], other: Sequence[Sample]) -> list[float]:
    pairs = zip(own, other, strict=False)
    return [mine.cpu_s / theirs.cpu_s for mine, theirs in pairs if mine.cpu_s is not None and theirs.cpu_s]


def _added_ms(own: Sequence[Sample], direct: Sequence[Sample], latency: Callable[[Sample], float]) -> list[float]:
    """Against the upstream itself in the same round; the upstream's own row has its latency whole."""
    if own is direct:
        return [latency(sample) * 1000 for sample in own]
    return [(latency(mine) - latency(floor)) * 1000 for mine, floor in zip(own, direct, strict=False)]


def _failures(own: Sequence[Sample]) -> str:
    count = sum(sample.failures for sample in own)
    reason = next((sample.reason for sample in own if sample.reason), "")
    return f"{count} ({_plain(reason)})" if count else f"0 of {sum(sample.answers for sample in own)}"


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")[:160]


def _memory(findings: Findings) -> str:
    if not findings.growths:
        return ""
    marks = max((growth.answers for growth in findings.growths.values()), key=len)
    header = ["gateway", *(f"after {mark} answers" for mark in marks), "failures"]
    rows = [_growth(findings.titles[name], growth, len(marks)) for name, growth in findings.growths.items()]
    return f"## Memory\n\nResident megabytes while answering S1, after the rounds above.\n\n{_table(header, rows)}"


def _growth(title: str, growth: Growth, width: int) -> list[str]:
    cells = [f"{size / 1e6:.1f}" for size in growth.resident_bytes]
    return [title, *cells, *["not reached in time"] * (width - len(cells)), str(growth.failures)]


def _starts(starts: Sequence[Start]) -> str:
    rows = [[start.title, start.ready_when, _spread([s * 1000 for s in start.seconds], 0)] for start in starts]
    header = ["process", "ready when", "ms"]
    return f"## Start\n\nFrom spawning the process, files in the page cache.\n\n{_table(header, rows)}" if rows else ""


def _missing(findings: Findings) -> str:
    lines = [f"- {findings.titles[name]}: {_plain(reason)}" for name, reason in findings.missing.items()]
    return "\n".join(["## Not measured", "", *lines]) if lines else ""
