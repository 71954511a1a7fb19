"""`generationConfig`, both ways. https://ai.google.dev/api/generate-content#generationconfig (as of 2026-11)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prxy.canonical.loss import Loss
from prxy.canonical.parts import Wire
from prxy.canonical.request import (
    ChatRequest,
    OutputFormat,
    OutputKind,
    ReasoningMode,
    ReasoningOptions,
    Sampling,
)
from prxy.formats.base import make_extras, own_fields, spelt
from prxy.formats.gemini_generate.names import NAME, Names
from prxy.formats.gemini_generate.schema import from_dialect

FIELDS: Mapping[str, str] = {
    "model": "model",
    "sampling.max_output_tokens": "generationConfig.maxOutputTokens",
    "sampling.temperature": "generationConfig.temperature",
    "sampling.top_p": "generationConfig.topP",
    "sampling.top_k": "generationConfig.topK",
    "sampling.stop": "generationConfig.stopSequences",
    "sampling.seed": "generationConfig.seed",
    "sampling.n": "generationConfig.candidateCount",
    "sampling.frequency_penalty": "generationConfig.frequencyPenalty",
    "sampling.presence_penalty": "generationConfig.presencePenalty",
    "sampling.logprobs": "generationConfig.responseLogprobs",
    "sampling.top_logprobs": "generationConfig.logprobs",
    "reasoning": "generationConfig.thinkingConfig",
    "reasoning.mode": "generationConfig.thinkingConfig",
    "reasoning.effort": "generationConfig.thinkingConfig.thinkingLevel",
    "reasoning.budget_tokens": "generationConfig.thinkingConfig.thinkingBudget",
    "reasoning.include": "generationConfig.thinkingConfig.includeThoughts",
    "output": "generationConfig.responseMimeType",
    "output.schema": "generationConfig.responseSchema",
    "tools": "tools",
    "tool_choice": "toolConfig.functionCallingConfig",
    "instructions": "systemInstruction",
    "messages": "contents",
}
"""Canonical knob -> the client's own field."""

MAX_STOP_SEQUENCES = 5
"""https://ai.google.dev/api/generate-content#generationconfig, on `stopSequences` (as of 2026-11)"""
_LEVELS = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "xhigh"}
_JSON, _TEXT = "application/json", "text/plain"


def parse_sampling(config: Names) -> Sampling:
    return Sampling(
        max_output_tokens=config.integer("maxOutputTokens"),
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=config.integer("topK"),
        stop=_parse_stop(config),
        seed=config.integer("seed", least=-(2**31), most=2**32),
        n=config.integer("candidateCount"),
        frequency_penalty=config.number("frequencyPenalty"),
        presence_penalty=config.number("presencePenalty"),
        logprobs=config.boolean("responseLogprobs"),
        top_logprobs=config.integer("logprobs"),
    )


def _parse_stop(config: Names) -> tuple[str, ...]:
    words = config.array("stopSequences") or []
    if not all(isinstance(word, str) for word in words):
        config.fail("stopSequences", "must be a list of strings.", "invalid_type")
    return tuple(words)


def parse_reasoning(config: Names) -> ReasoningOptions | None:
    thinking = config.inner("thinkingConfig")
    if thinking is None:
        return None
    budget = thinking.integer("thinkingBudget", least=-1)
    level, include = thinking.string("thinkingLevel"), thinking.boolean("includeThoughts")
    effort = level.lower() if level and level.lower() in _LEVELS else None
    unknown = {"thinkingLevel": level} if level and effort is None else {}
    return ReasoningOptions(
        mode=_mode(budget, effort),
        effort=effort,
        budget_tokens=budget,
        include=include,
        extras=make_extras(NAME, thinking.rest() | unknown, *_thinking_marks(budget, level if effort else None)),
    )


def _thinking_marks(budget: int | None, level: str | None) -> list[str]:
    """Which of the two ways of asking for thought the client used: the other may be filled in later."""
    return [*(["budget"] if budget is not None else []), *([f"level:{level}"] if level else [])]


def _mode(budget: int | None, effort: str | None) -> ReasoningMode | None:
    match budget:
        case None:
            return ReasoningMode.ADAPTIVE if effort else None
        case 0:
            return ReasoningMode.OFF
        case -1:
            return ReasoningMode.ADAPTIVE
        case _:
            return ReasoningMode.ON


def parse_output(config: Names) -> OutputFormat | None:
    mime = config.string("responseMimeType")
    dialect, schema = config.object("responseSchema"), config.object("responseJsonSchema")
    if schema is None and dialect is not None:
        schema = from_dialect(dialect)
        fields: Wire = {"responseSchema": dialect} if schema != dialect else {}
        marks = ["schema:responseSchema"]
    else:
        fields, marks = ({"responseSchema": dialect} if dialect is not None else {}), []
    if mime is None and schema is None:
        return None
    kind = OutputKind.SCHEMA if schema is not None else OutputKind.JSON if mime == _JSON else OutputKind.TEXT
    if mime != _mime(kind):
        marks.append(f"mime:{mime or ''}")
    return OutputFormat(kind=kind, schema=schema, extras=make_extras(NAME, fields, *marks))


def _mime(kind: OutputKind) -> str:
    return _TEXT if kind is OutputKind.TEXT else _JSON


def render_config(request: ChatRequest) -> tuple[Wire, list[Loss]]:
    """The knobs of a request, without the fields that only this wire knows."""
    own = request.format == NAME
    wire: Wire = {}
    for knob, path in FIELDS.items():
        if knob.startswith("sampling.") and knob != "sampling.stop":
            wire[path.removeprefix("generationConfig.")] = getattr(request.sampling, knob.removeprefix("sampling."))
    stop = list(request.sampling.stop) if own else [word for word in request.sampling.stop if word][:MAX_STOP_SEQUENCES]
    wire["stopSequences"] = stop or None
    if request.output is not None and (own or request.output.kind is not OutputKind.TEXT):
        wire |= _render_output(request.output)
    if request.reasoning is not None and (thinking := _render_thinking(request.reasoning, own=own)) is not None:
        wire["thinkingConfig"] = thinking
    return {name: value for name, value in wire.items() if value is not None}, list(_losses(request))


def _render_output(output: OutputFormat) -> Wire:
    marks = output.extras.spelling if output.extras is not None and output.extras.format == NAME else frozenset()
    mime = next((mark.removeprefix("mime:") for mark in marks if mark.startswith("mime:")), _mime(output.kind))
    wire: Wire = {"responseMimeType": mime} if mime else {}
    original = own_fields(output.extras, NAME).get("responseSchema")
    if output.schema is None:
        return wire
    if "schema:responseSchema" not in marks:
        return wire | {"responseJsonSchema": output.schema, "responseSchema": original}
    same = original is not None and from_dialect(original) == output.schema
    return wire | {"responseSchema": original if same else output.schema}


def _render_thinking(options: ReasoningOptions, *, own: bool) -> Wire | None:
    wire: Wire = dict(own_fields(options.extras, NAME))
    off = options.mode is ReasoningMode.OFF or options.effort == "none"
    level = _own_level(options)
    if off or (options.budget_tokens is not None and (level is None or spelt(options.extras, NAME, "budget"))):
        wire["thinkingBudget"] = 0 if off else options.budget_tokens
    if level is not None:
        wire["thinkingLevel"] = level
    elif options.effort in _LEVELS and not wire:
        wire["thinkingLevel"] = _LEVELS[options.effort]
    elif options.mode in (ReasoningMode.ON, ReasoningMode.ADAPTIVE) and not wire:
        wire["thinkingBudget"] = -1
    if options.include is not None and (own or (options.include and not off)):
        wire["includeThoughts"] = options.include
    return wire if wire or own else None


def _own_level(options: ReasoningOptions) -> str | None:
    """The level in the client's own letters, while it still says what the options say."""
    marks = options.extras.spelling if options.extras is not None and options.extras.format == NAME else frozenset()
    words = (mark.removeprefix("level:") for mark in marks if mark.startswith("level:"))
    return next((word for word in words if word.lower() == options.effort), None)


def _losses(request: ChatRequest) -> Iterator[Loss]:
    if request.sampling.logit_bias:
        yield Loss(field="sampling.logit_bias", reason="Gemini has no logit bias")
    if request.format != NAME and len([word for word in request.sampling.stop if word]) > MAX_STOP_SEQUENCES:
        yield Loss(
            field="sampling.stop", reason=f"Gemini takes {MAX_STOP_SEQUENCES} stop sequences; the first are sent"
        )
    if request.reasoning is not None and request.reasoning.effort == "max":
        yield Loss(field="reasoning.effort", reason="Gemini's highest level is xhigh, which is sent")
    for knob in ("user", "metadata", "service_tier", "cache_key"):
        if getattr(request, knob):
            yield Loss(field=knob, reason="Gemini has no such field")
    if request.parallel_tool_calls is False:
        yield Loss(field="parallel_tool_calls", reason="Gemini decides itself how many calls it makes")
