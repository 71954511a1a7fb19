"""In which order candidates are asked. Chance comes in as a function, so an order can be told beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from prxy.modules.router.candidates import Candidate
from prxy.store.ports import Lesson

TRY_NEW = 0.1
"""Share of the calls that go to a model whose latency is not known, where there is one."""

Random = Callable[[], float]


def by_price(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Unknown prices last."""
    return sorted(candidates, key=lambda each: each.price_pico)


def by_latency(
    candidates: Sequence[Candidate], latency_s: Callable[[Candidate], float | None], random: Random
) -> list[Candidate]:
    """Shortest first, and behind them, cheapest first, those not known; now and then one of these comes before all."""
    known = {each.target: seconds for each in candidates if (seconds := latency_s(each)) is not None}
    measured = sorted((each for each in candidates if each.target in known), key=lambda each: known[each.target])
    new = by_price([each for each in candidates if each.target not in known])
    if measured and new and random() < TRY_NEW:
        return _first(_any_of(new, random), [*measured, *new])
    return [*measured, *new]


def by_weight(candidates: Sequence[Candidate], weights: Mapping[str, float], random: Random) -> list[Candidate]:
    """Drawn one after the other, each in proportion to its weight by target; those without one follow as listed."""
    left = [each for each in candidates if weights.get(each.target, 0.0) > 0]
    ordered: list[Candidate] = []
    while left:
        drawn = _drawn(left, weights, random)
        ordered.append(drawn)
        left.remove(drawn)
    return ordered + [each for each in candidates if weights.get(each.target, 0.0) <= 0]


def by_reward(
    candidates: Sequence[Candidate], lessons: Mapping[str, Lesson], exploration: float, random: Random
) -> list[Candidate]:
    """Best mean reward first, then whoever was tried less, then cheapest; in a share of the calls any of them first."""

    def rank(each: Candidate) -> tuple[float, int, float]:
        lesson = lessons[each.target]
        return -lesson.mean_milli, lesson.count, each.price_pico

    ordered = sorted(candidates, key=rank)
    return _first(_any_of(ordered, random), ordered) if random() < exploration else ordered


def _first(chosen: Candidate, ordered: Sequence[Candidate]) -> list[Candidate]:
    return [chosen, *(each for each in ordered if each is not chosen)]


def _any_of(candidates: Sequence[Candidate], random: Random) -> Candidate:
    return candidates[int(random() * len(candidates))]


def _drawn(candidates: Sequence[Candidate], weights: Mapping[str, float], random: Random) -> Candidate:
    mark = random() * sum(weights[each.target] for each in candidates)
    for each in candidates:
        mark -= weights[each.target]
        if mark < 0:
            return each
    return candidates[-1]
