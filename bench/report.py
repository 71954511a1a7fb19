"""Findings as a page of Markdown. A cell is a median, with the least and the greatest over the rounds in brackets."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.bars import BARS
from bench.cells import added_ms, first_word, p50, p99, plain, ratios, spread, table
from bench.findings import Findings, Growth
from bench.gateways.bare_asgi import BARE_ASGI
from bench.gateways.direct import DIRECT
from bench.gateways.litellm import LITELLM
from bench.gateways.portkey import PORTKEY
from bench.measure import Sample
from bench.scenarios import Asking, Scenario

_PEERS = {
    f"x {name}": gateway for name, gateway in (("bare ASGI", BARE_ASGI), ("Portkey", PORTKEY), ("LiteLLM", LITELLM))
}
_NOTES = """\
Everything runs on one machine: a mock of both providers, the load client and the store on one core, the gateway on the
other. Rounds are interleaved; a cell is the median over the rounds, with the least and the greatest in brackets. Every
answer is compared word for word. CPU is user and system time of the gateway's process tree, with {connections}
connections; latency is with one connection, less that of the upstream itself in the same round. Ratios are of CPU, in
the same round.

The bare ASGI relay passes bytes on to OpenAI; towards Anthropic it translates with plain dicts and checks nothing, the
least that a gateway has to do. The relay over FastAPI and httpx passes bytes on, asked in the upstream's own wire. prxy
checks a virtual key with a daily limit, and reserves and settles in its table on every call; the table is kept in
memory by a process that speaks DynamoDB's protocol, whose time is waited for but not counted. DynamoDB itself takes
some milliseconds for each of the two writes. LiteLLM checks one master key and counts nothing. Portkey passes the
provider's key on; Node compiles what is hot first, so it gets 8 s of load before each scenario, the others 2 s.

Other work on the machine moves answers per second and p99 by up to a factor of three, and CPU per call by about a
fifth."""
_UNENFORCED = """\
The relays know no keys and answer every call: they are here for the ratio. Not here: {missing}."""
_MEMORY_NOTE = """\
Resident megabytes while answering S1, after the rounds above. The keys of prxy are in its table before it starts, as in
the cloud; the first call to the admin API of the same process would load FastAPI, which takes some 38 MB more."""
_STARTS_NOTE = """\
Seconds from spawning a gateway to its first right answer to S1; files in the page cache, bytecode written."""
_INVOKED_NOTE = """\
Cold: from spawning the process, with an event waiting, to the first byte of the right answer. Warm: medians of one
invocation after another. The chat function checks a key, reserves and settles; the relay passes bytes on. awslambdaric
cannot stream."""
_IMPORTS_NOTE = """\
Each in an interpreter of its own, with all that it imports in turn. `prxy.wiring` is the data plane,
`prxy.local.server` what `prxy serve` loads; `prxy.api.control.app` is loaded by the first call to the admin API,
`moto.dynamodb.models` where no other table is named."""


def render(findings: Findings) -> str:
    """The whole page."""
    sections = [
        f"# Benchmark\n\nMeasured {datetime.now(UTC):%Y-%m-%d} with `{findings.command}` on {_machine()}: "
        f"{findings.rounds} rounds, {findings.effort.seconds:g} s a cell. `make bench` writes this page.",
        table(["figure", "bar", "measured", "met"], (bar.row(findings) for bar in BARS)),
        _NOTES.format(connections=findings.effort.connections),
        *(_scenario(findings, scenario) for scenario in findings.samples),
        _memory(findings),
        _starts(findings),
        _invoked(findings),
        _imports(findings),
        _missing(findings),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _machine() -> str:
    """In words: cores, processor, system, interpreter. No name, no address."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return f"{os.cpu_count()} cores of {model}, {system}, CPython {platform.python_version()}"


def _section(title: str, note: str, shown: str) -> str:
    return "\n\n".join(part for part in (f"## {title}", note, shown) if part)


def _scenario(findings: Findings, scenario: Scenario) -> str:
    unit = "CPU us/word" if scenario.stream else "CPU us/call"
    header = ["gateway", unit, *_PEERS, "answers/s", "added p50 ms", "added p99 ms"]
    header += ["added first word ms", "failures"] if scenario.stream else ["failures"]
    rows = [_row(findings, scenario, name) for name in findings.titles if name in findings.samples[scenario]]
    return _section(f"{scenario.key}: {scenario.title}", _about(findings, scenario), table(header, rows))


def _about(findings: Findings, scenario: Scenario) -> str:
    if scenario.asking is Asking.ONE:
        return ""
    unenforced = [
        f"{findings.titles[each.name]} ({each.unenforced})"
        for each in (PORTKEY, LITELLM)
        if each.name in findings.titles
    ]
    return _UNENFORCED.format(missing="; ".join(unenforced) or "nobody")


def _row(findings: Findings, scenario: Scenario, name: str) -> list[str]:
    samples = findings.samples[scenario]
    own, direct = samples[name], samples.get(DIRECT.name, ())
    cpu = [value for value in map(_cpu_us(scenario), own) if value is not None]
    cells = [findings.titles[name], spread(cpu, 1)]
    cells += [spread(ratios(own, samples.get(peer.name, ())), 2) for peer in _PEERS.values()]
    cells += [spread([sample.per_second for sample in own], 0)]
    cells += [spread(added_ms(own, direct, p50), 2), spread(added_ms(own, direct, p99), 2)]
    if scenario.stream:
        cells.append(spread(added_ms(own, direct, first_word), 2))
    return [*cells, _failures(own)]


def _cpu_us(scenario: Scenario) -> Callable[[Sample], float | None]:
    return Sample.cpu_us_per_word if scenario.stream else Sample.cpu_us


def _failures(own: Sequence[Sample]) -> str:
    count = sum(sample.failures for sample in own)
    reason = next((sample.reason for sample in own if sample.reason), "")
    return f"{count} ({plain(reason)})" if count else f"0 of {sum(sample.answers for sample in own)}"


def _memory(findings: Findings) -> str:
    if not findings.growths:
        return ""
    marks = max((growth.answers for growth in findings.growths.values()), key=len)
    header = ["gateway", *(f"after {mark:,} answers" for mark in marks), "failures"]
    rows = [_growth(findings.titles[name], growth, len(marks)) for name, growth in findings.growths.items()]
    return _section("Memory", _MEMORY_NOTE, table(header, rows))


def _growth(title: str, growth: Growth, width: int) -> list[str]:
    cells = [f"{size / 1e6:.1f}" for size in growth.resident_bytes]
    return [title, *cells, *["not reached in time"] * (width - len(cells)), str(growth.failures)]


def _starts(findings: Findings) -> str:
    rows = [[start.title, spread(start.seconds, 2)] for start in findings.starts]
    return _section("Start", _STARTS_NOTE, table(["gateway", "seconds"], rows)) if rows else ""


def _invoked(findings: Findings) -> str:
    header = ["function", "cold ms", "warm first byte ms", "warm whole ms", "warm CPU ms", "resident MB"]
    rows = [
        [
            each.title,
            spread([seconds * 1000 for seconds in each.cold_s], 0),
            *(f"{seconds * 1000:.2f}" for seconds in (each.first_s, each.whole_s, each.cpu_s)),
            f"{each.resident_bytes / 1e6:.1f}",
        ]
        for each in findings.invoked
    ]
    return _section("Behind the double of Lambda", _INVOKED_NOTE, table(header, rows)) if rows else ""


def _imports(findings: Findings) -> str:
    header = ["import", "ms", "CPU ms", "modules", "MB"]
    rows = [
        [
            f"`{each.module}`",
            *(spread([seconds * 1000 for seconds in taken], 0) for taken in (each.wall_s, each.cpu_s)),
            str(each.modules),
            f"{each.resident_bytes / 1e6:.1f}",
        ]
        for each in findings.imports
    ]
    return _section("Imports", _IMPORTS_NOTE, table(header, rows)) if rows else ""


def _missing(findings: Findings) -> str:
    lines = [f"- {findings.titles.get(name, name)}: {plain(reason)}" for name, reason in findings.missing.items()]
    return "\n".join(["## Not measured", "", *lines]) if lines else ""
