"""What the figures have to be. Ratios are of CPU to the bare ASGI relay, in the same round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from bench.cells import added_ms, first_word, p50, ratios, spread
from bench.findings import Findings
from bench.gateways.bare_asgi import BARE_ASGI
from bench.gateways.direct import DIRECT
from bench.gateways.portkey import PORTKEY
from bench.gateways.prxy import PRXY
from bench.lambda_double import BARE, CHAT, USUAL
from bench.measure import Sample
from bench.scenarios import BY_KEY

Values = Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    title: str
    most: float
    of: Callable[[Findings], Values]
    """Empty where it was not measured. The median is compared."""
    unit: str = ""
    digits: int = 2

    def row(self, findings: Findings) -> list[str]:
        values = self.of(findings)
        if not values:
            return [self.title, f"<= {self.most:g}{self.unit}", "not measured", "-"]
        verdict = "yes" if median(values) <= self.most else "**no**"
        return [self.title, f"<= {self.most:g}{self.unit}", spread(values, self.digits) + self.unit, verdict]


def _samples(findings: Findings, scenario: str, gateway: str) -> Sequence[Sample]:
    return findings.samples.get(BY_KEY[scenario], {}).get(gateway, ())


def _to_floor(scenario: str, findings: Findings) -> Values:
    return ratios(_samples(findings, scenario, PRXY.name), _samples(findings, scenario, BARE_ASGI.name))


def _added(scenario: str, gateway: str, latency: Callable[[Sample], float], findings: Findings) -> list[float]:
    return added_ms(_samples(findings, scenario, gateway), _samples(findings, scenario, DIRECT.name), latency)


def _to_portkey(scenario: str, findings: Findings) -> Values:
    own, other = (_added(scenario, name, p50, findings) for name in (PRXY.name, PORTKEY.name))
    return [mine / theirs for mine, theirs in zip(own, other, strict=False) if theirs > 0]


def _start_s(gateway: str, findings: Findings) -> Values:
    return next((each.seconds for each in findings.starts if each.name == gateway), ())


def _start_ratio(findings: Findings) -> Values:
    own, other = _start_s(PRXY.name, findings), _start_s(PORTKEY.name, findings)
    return [mine / theirs for mine, theirs in zip(own, other, strict=False)]


def _cold_ratio(other: str, findings: Findings) -> Values:
    cold = {each.title: each.cold_s for each in findings.invoked}
    return [mine / theirs for mine, theirs in zip(cold.get(CHAT, ()), cold.get(other, ()), strict=False)]


def _warm_cpu_ms(findings: Findings) -> Values:
    return [each.cpu_s * 1000 for each in findings.invoked if each.title == CHAT]


def _resident_mb(findings: Findings) -> list[float]:
    """After each mark, where the last one was reached."""
    growth = findings.growths.get(PRXY.name)
    if growth is None or len(growth.resident_bytes) < len(growth.answers):
        return []
    return [size / 1e6 for size in growth.resident_bytes]


BARS = (
    *(
        Bar(title=f"{key}, CPU of a call, x bare ASGI", most=most, of=partial(_to_floor, key))
        for key, most in (("S1", 6), ("S2", 7), ("S5", 3))
    ),
    *(
        Bar(title=f"{key}, CPU of a word, back to back, x bare ASGI", most=3, of=partial(_to_floor, key))
        for key in ("S3", "S4")
    ),
    *(
        Bar(title=f"{key}, CPU of a word, 4 ms apart, x bare ASGI", most=1.8, of=partial(_to_floor, key))
        for key in ("S3p", "S4p")
    ),
    *(
        Bar(title=f"{key}, added p50 with one connection, x Portkey", most=0.6, of=partial(_to_portkey, key))
        for key in ("S1", "S2", "S5")
    ),
    *(
        Bar(title=f"{key}, first word later by", most=1, unit=" ms", of=partial(_added, key, PRXY.name, first_word))
        for key in ("S3p", "S4p")
    ),
    Bar(title="spawn to first right answer", most=0.4, unit=" s", of=partial(_start_s, PRXY.name)),
    Bar(title="spawn to first right answer, x Portkey", most=1, of=_start_ratio),
    Bar(
        title="chat function, cold, x awslambdaric + Mangum + FastAPI + httpx",
        most=0.35,
        of=partial(_cold_ratio, USUAL),
    ),
    Bar(title="chat function, cold, x bare Starlette + httpx", most=1.5, of=partial(_cold_ratio, BARE)),
    Bar(title="chat function, warm, CPU of a call", most=1, unit=" ms", of=_warm_cpu_ms),
    Bar(title="resident after the last answers", most=64, unit=" MB", digits=1, of=lambda f: _resident_mb(f)[-1:]),
    Bar(
        title="resident, growth from the first mark to the last",
        most=1,
        unit=" MB",
        digits=1,
        of=lambda f: [sizes[-1] - sizes[0]] if (sizes := _resident_mb(f)) else [],
    ),
)
