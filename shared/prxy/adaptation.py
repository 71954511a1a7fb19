"""Fit a request to what its target can do: canonical to canonical, by the model card, before any rendering.

A request that goes to a provider of its own format is left alone, but for what that wire cannot do without.
The table of efforts and budgets below is published in `docs/canonical.md`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from msgspec import structs

from prxy.aliases import aliased
from prxy.canonical.events import StreamEvent
from prxy.canonical.loss import Loss
from prxy.canonical.parts import Text
from prxy.canonical.request import (
    ChatRequest,
    Instructions,
    Message,
    OutputFormat,
    OutputKind,
    ReasoningMode,
    ReasoningOptions,
    Role,
    Sampling,
)
from prxy.canonical.stream import EventFilter
from prxy.catalog import ModelCard, Thinking
from prxy.emulation import AnswerFromTool, forced_tool

BUDGETS: Mapping[str, int] = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 32768}
"""reasoning_effort -> thinking tokens, low, medium and high as Google maps them (1K, 8K, 24K) in its
OpenAI-compatible API (https://ai.google.dev/gemini-api/docs/openai); the others are our own continuation."""
MIN_BUDGET_TOKENS = 1024
"""Smallest thinking budget that Anthropic accepts (https://docs.claude.com/en/docs/build-with-claude/extended-thinking)."""
_NOTHING_ASKED = Sampling()


class Adapted(NamedTuple):
    request: ChatRequest
    losses: tuple[Loss, ...] = ()
    filter: EventFilter | None = None
    """What the answer's events pass before any module sees them."""


Step = Callable[[ChatRequest, ModelCard], Adapted]


def adapt(
    request: ChatRequest, card: ModelCard, target_format: str, tool_names: re.Pattern[str] | None = None
) -> Adapted:
    """The request as the target can take it, what was left out, and how to read the answer.

    `tool_names`: what tools may be called on the target's wire.
    """
    across: tuple[Step, ...] = (*_ACROSS, _names(tool_names))
    steps = _EVERYWHERE if request.format == target_format else _EVERYWHERE + across
    losses: tuple[Loss, ...] = ()
    event_filter: EventFilter | None = None
    for step in steps:
        request, lost, made = step(request, card)
        losses += lost
        event_filter = _chained(made, event_filter)
    return Adapted(request, losses, event_filter)


def _chained(first: EventFilter | None, second: EventFilter | None) -> EventFilter | None:
    """The last step's filter reads the answer first."""
    return first or second if first is None or second is None else _Chain(first, second)


class _Chain:
    def __init__(self, first: EventFilter, second: EventFilter) -> None:
        self._first, self._second = first, second

    def feed(self, item: StreamEvent) -> Iterator[StreamEvent]:
        for event in self._first.feed(item):
            yield from self._second.feed(event)

    def finish(self) -> Iterator[StreamEvent]:
        for event in self._first.finish():
            yield from self._second.feed(event)
        yield from self._second.finish()


def _names(allowed: re.Pattern[str] | None) -> Step:
    """Tool names that the wire takes."""

    def step(request: ChatRequest, card: ModelCard) -> Adapted:
        renamed, restoring = aliased(request, allowed)
        return Adapted(renamed, filter=restoring)

    return step


def _output(request: ChatRequest, card: ModelCard) -> Adapted:
    """Schema or JSON output for a model that has neither."""
    output = request.output
    if output is None or output.kind is OutputKind.TEXT or card.output_schema:
        return Adapted(request)
    if output.kind is OutputKind.SCHEMA:
        return Adapted(forced_tool(request, output), filter=AnswerFromTool())
    return Adapted(request)


def _json_mode(request: ChatRequest, card: ModelCard) -> Adapted:
    if request.output is None or request.output.kind is not OutputKind.JSON or card.json_mode:
        return Adapted(request)
    words = Text(text="Answer with one JSON object and nothing else: no prose, no code fence.")
    old = request.instructions or Instructions(role=Role.SYSTEM, parts=())
    instructions = structs.replace(old, parts=(*old.parts, words))
    return Adapted(structs.replace(request, output=OutputFormat(kind=OutputKind.TEXT), instructions=instructions))


def _reasoning(request: ChatRequest, card: ModelCard) -> Adapted:
    """Say how much to think in the words that the model understands."""
    asked = request.reasoning
    if asked is None:
        return Adapted(request)
    if card.thinking is Thinking.NONE:
        lost = Loss(field="reasoning.effort", reason="the model does not reason")
        return Adapted(structs.replace(request, reasoning=None), () if _is_off(asked) else (lost,))
    match card.thinking:
        case Thinking.BUDGET:
            return _with_budget(request, asked)
        case Thinking.ADAPTIVE:
            mode = ReasoningMode.OFF if _is_off(asked) else ReasoningMode.ADAPTIVE
            fitted = structs.replace(asked, mode=mode, effort=_effort(asked), budget_tokens=None)
        case Thinking.EFFORT:
            fitted = structs.replace(asked, mode=None, effort=_effort(asked), budget_tokens=None)
    return Adapted(structs.replace(request, reasoning=fitted))


def _is_off(asked: ReasoningOptions) -> bool:
    return asked.mode is ReasoningMode.OFF or asked.effort == "none" or asked.budget_tokens == 0


def _with_budget(request: ChatRequest, asked: ReasoningOptions) -> Adapted:
    if _is_off(asked):
        off = structs.replace(asked, mode=ReasoningMode.OFF, effort=None, budget_tokens=0)
        return Adapted(structs.replace(request, reasoning=off))
    budget = asked.budget_tokens if asked.budget_tokens is not None else BUDGETS.get(asked.effort or "medium", 8192)
    cap = request.sampling.max_output_tokens
    if cap is not None and budget >= cap:
        budget = cap - 1
    if 0 <= budget < MIN_BUDGET_TOKENS:
        lost = Loss(field="reasoning.effort", reason=f"max_tokens leaves less than {MIN_BUDGET_TOKENS} for thinking")
        return Adapted(structs.replace(request, reasoning=None), (lost,))
    on = structs.replace(asked, mode=ReasoningMode.ON, effort=None, budget_tokens=budget)
    return Adapted(structs.replace(request, reasoning=on))


def _effort(asked: ReasoningOptions) -> str | None:
    """The effort that was asked for, or the one whose budget comes nearest from below."""
    if _is_off(asked):
        return "none"
    if asked.effort or asked.budget_tokens is None or asked.budget_tokens < 0:
        return asked.effort
    return "low" if asked.budget_tokens < 8192 else "medium" if asked.budget_tokens < 24576 else "high"


def _refused_knobs(request: ChatRequest, card: ModelCard) -> Adapted:
    """Leave out the knobs that this model is known to refuse."""
    sampling, losses = request.sampling, []
    refused = set(card.refuses)
    if request.reasoning is not None and request.reasoning.mode in (ReasoningMode.ON, ReasoningMode.ADAPTIVE):
        refused.update(card.refuses_thinking)
    if sampling.temperature is not None and card.temperature_or_top_p:
        refused.add("top_p")
    for name in sorted(refused):
        if getattr(sampling, name) not in (None, ()):
            losses.append(Loss(field=f"sampling.{name}", reason="the model does not accept it"))
            sampling = structs.replace(sampling, **{name: getattr(_NOTHING_ASKED, name)})
    return Adapted(structs.replace(request, sampling=sampling), tuple(losses))


def _prefill(request: ChatRequest, card: ModelCard) -> Adapted:
    """Ask a model that refuses to continue its own turn to do so from a turn of the user's."""
    last = request.messages[-1] if request.messages else None
    if card.prefill or last is None or last.role is not Role.ASSISTANT:
        return Adapted(request)
    go_on = Message(role=Role.USER, parts=(Text(text="Go on."),), at=last.at)
    return Adapted(structs.replace(request, messages=(*request.messages, go_on)))


def _output_limit(request: ChatRequest, card: ModelCard) -> Adapted:
    """The model's own maximum where the wire demands a limit and the client gave none."""
    if request.sampling.max_output_tokens is not None or not card.needs_output_limit:
        return Adapted(request)
    sampling = structs.replace(request.sampling, max_output_tokens=card.max_output_tokens)
    return Adapted(structs.replace(request, sampling=sampling))


_EVERYWHERE: tuple[Step, ...] = (_output_limit,)
_ACROSS: tuple[Step, ...] = (_reasoning, _refused_knobs, _prefill, _output, _json_mode)
