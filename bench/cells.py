"""Markdown: tables, and cells that tell a median with the least and the greatest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from bench.measure import Sample


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return "-"
    least, middle, greatest = (f"{value:.{digits}f}" for value in (min(values), median(values), max(values)))
    return middle if len(values) == 1 else f"{middle} [{least} to {greatest}]"


def plain(text: str) -> str:
    """What may stand in a cell of whatever somebody else has said."""
    return text.replace("|", "/").replace("\n", " ")[:160]


def ratios(own: Sequence[Sample], other: Sequence[Sample]) -> list[float]:
    """Of CPU, in the same round."""
    pairs = zip(own, other, strict=False)
    return [mine.cpu_s / theirs.cpu_s for mine, theirs in pairs if mine.cpu_s is not None and theirs.cpu_s]


def added_ms(own: Sequence[Sample], direct: Sequence[Sample], latency: Callable[[Sample], float]) -> list[float]:
    """Against the upstream itself in the same round; the upstream's own row has its latency whole."""
    if own is direct:
        return [latency(sample) * 1000 for sample in own]
    return [(latency(mine) - latency(floor)) * 1000 for mine, floor in zip(own, direct, strict=False)]


def p50(sample: Sample) -> float:
    return sample.p50_s


def p99(sample: Sample) -> float:
    return sample.p99_s


def first_word(sample: Sample) -> float:
    return sample.first_word_s
