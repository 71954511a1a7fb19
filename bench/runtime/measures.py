"""What is measured, side by side: rounds of one side and the other take turns, a ratio is that of one round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.gateways.base import Place
from bench.runtime.functions import (
    Function,
    OneWord,
    chat,
    environment,
    make_event,
    word_behind_adapter,
    word_in_process,
)

MIB = 1024 * 1024
_WARM = 100
_WORD = make_event({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How? " * 200}]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Of one side: the median of the times to the first byte, the mean of the CPU of a whole invocation."""

    first_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    ours: Sequence[Round]
    adapter: Sequence[Round]


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Of the chat function: after the warm-up, and after so many invocations more."""

    invocations: int
    resident_bytes: tuple[int, int]
    descriptors: tuple[int, int]


def _round(word: OneWord, invocations: int) -> Round:
    before = word.cpu_s()
    firsts = [word.wire.ask(_WORD) for _ in range(invocations)]
    return Round(first_s=median(firsts), cpu_s=(word.cpu_s() - before) / invocations)


def sides(place: Place, rounds: int, invocations: int) -> Sides:
    env = environment(place, "bench.runtime.apps.handler")
    with word_in_process(env) as ours, word_behind_adapter(env) as adapter:
        for word in (ours, adapter):
            _round(word, _WARM)
        turns = [(_round(ours, invocations), _round(adapter, invocations)) for _ in range(rounds)]
    return Sides(ours=[mine for mine, _ in turns], adapter=[other for _, other in turns])


async def growth(place: Place, invocations: int) -> Growth:
    """Raises ValueError where an answer is not a stream that came to its end."""
    async with chat(place) as (function, question):
        await _ask_often(function, question, _WARM)
        before = function.resident_bytes(), function.descriptors()
        await _ask_often(function, question, invocations)
        after = function.resident_bytes(), function.descriptors()
    resident, descriptors = zip(before, after, strict=True)
    return Growth(invocations=invocations, resident_bytes=resident, descriptors=descriptors)


async def _ask_often(function: Function, question: bytes, times: int) -> None:
    for _ in range(times):
        answer = await function.ask(question)
        if not answer.rstrip().endswith(b"data: [DONE]"):
            raise ValueError(f"the chat function answered {answer[:300]!r}")
