"""What the models behind the wire take beside it, by their ids: the knobs in `additionalModelRequestFields` and more.

Converse passes those fields on as they are, so each vendor has its own. The first row whose pattern matches holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from msgspec import Struct, structs

from prxy.canonical.parts import Wire
from prxy.canonical.request import ReasoningMode, ReasoningOptions, Sampling
from prxy.globs import matches

_REGION = re.compile(r"^(?:global|us|us-gov|eu|apac|au|jp|ca|in|sa)\.")
"""The geography of an inference profile (`us.`, `apac.`, `global.`) before the vendor's name."""


class Thought(Struct, frozen=True, kw_only=True):
    """How a wish to think is said to a model."""

    fields: Wire
    loss: str | None = None
    """What of it could not be said."""


class Vendor(Struct, frozen=True, kw_only=True):
    """The defaults are what is safe to say to a model that nobody described."""

    models: tuple[str, ...] = ("*",)
    top_k: tuple[str, ...] = ()
    """Path of the knob; empty: there is none."""
    think: Callable[[ReasoningOptions, Sampling], Thought] | None = None
    signatures: frozenset[str] = frozenset()
    """Other formats whose signed thoughts the model takes: the same model signs them elsewhere."""
    one_call_at_a_time: bool = False
    """Whether parallel calls can be forbidden, in Anthropic's words."""
    caches_prompts: bool = False
    caches_results: bool = False
    """Takes a breakpoint right behind the result of a tool."""
    caches_tools: bool = False
    strict_tools: bool = False
    default_sampling_while_thinking: bool = False
    """Temperature, top_p and top_k are refused while the model thinks."""
    betas: frozenset[str] = frozenset()
    """Values of `anthropic-beta` that it takes."""


def vendor_of(model: str) -> Vendor:
    """The row of a model id, with or without a geography before it."""
    name = _REGION.sub("", model.lower())
    return next(row for row in VENDORS if any(matches(name, pattern) for pattern in row.models))


def is_off(options: ReasoningOptions) -> bool:
    return options.mode is ReasoningMode.OFF or options.effort == "none"


def _level(options: ReasoningOptions) -> str:
    """The effort that was asked for, or the one that a budget comes to."""
    budget = options.budget_tokens
    if options.effort is not None or budget is None or budget < 0:
        return options.effort or "medium"
    return "low" if budget < 8192 else "medium" if budget < 24576 else "high"


_THREE: Mapping[str, str] = {"minimal": "low", "xhigh": "high", "max": "high"}


def _claude(options: ReasoningOptions, sampling: Sampling) -> Thought:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html (as of 2026-11)"""
    budget = options.budget_tokens or 0
    effort = {"minimal": "low"}.get(options.effort or "", options.effort)
    told: Wire = {} if effort is None else {"output_config": {"effort": effort}}
    match options.mode:
        case ReasoningMode.OFF:
            return Thought(fields={"thinking": {"type": "disabled"}})
        case ReasoningMode.ON | None if budget > 0:
            return Thought(fields={"thinking": {"type": "enabled", "budget_tokens": budget}})
        case ReasoningMode.ON | ReasoningMode.ADAPTIVE:
            shown = {"display": "summarized"} if options.include else {}
            return Thought(fields={"thinking": {"type": "adaptive", **shown}, **told})
        case None:
            return Thought(fields=told)


def _gpt_oss(options: ReasoningOptions, sampling: Sampling) -> Thought:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html (as of 2026-11)"""
    if is_off(options):
        return Thought(fields={"reasoning_effort": "low"}, loss="the model always reasons; it is asked for little")
    level = _level(options)
    return Thought(fields={"reasoning_effort": _THREE.get(level, level)})


def _gpt(options: ReasoningOptions, sampling: Sampling) -> Thought:
    """GPT-5 and later take the Responses API's field: https://github.com/stdapi-ai/stdapi.ai/issues/283 (2026-09)."""
    level = "none" if is_off(options) else _level(options)
    return Thought(fields={"reasoning": {"effort": {"minimal": "low"}.get(level, level)}})


def _nova(options: ReasoningOptions, sampling: Sampling) -> Thought:
    """https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html (as of 2026-11)

    At high effort the model takes no token limit, temperature or top_p.
    """
    if is_off(options):
        return Thought(fields={"reasoningConfig": {"type": "disabled"}})
    level = _level(options)
    level = _THREE.get(level, level)
    loss = None
    limits = (sampling.max_output_tokens, sampling.temperature, sampling.top_p)
    if level == "high" and any(limit is not None for limit in limits):
        level, loss = (
            "medium",
            "high effort goes with no token limit, temperature or top_p; medium is asked for",
        )
    return Thought(fields={"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}}, loss=loss)


_CLAUDE = Vendor(
    models=("anthropic.*",),
    top_k=("top_k",),
    think=_claude,
    # https://docs.claude.com/en/docs/build-with-claude/extended-thinking: signatures hold on all platforms
    signatures=frozenset({"anthropic_messages"}),
    one_call_at_a_time=True,
    caches_prompts=True,
    caches_results=True,
    caches_tools=True,
    strict_tools=True,
    default_sampling_while_thinking=True,
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
    betas=frozenset(
        "computer-use-2024-10-22 computer-use-2025-01-24 computer-use-2025-11-24 token-efficient-tools-2025-02-19 "
        "interleaved-thinking-2025-05-14 output-128k-2025-02-19 dev-full-thinking-2025-05-14 context-1m-2025-08-07 "
        "context-management-2025-06-27 effort-2025-11-24 tool-search-tool-2025-10-19 tool-examples-2025-10-29".split()
    ),
)
_CLAUDE_BEFORE_4_5 = structs.replace(
    _CLAUDE,
    models=tuple(
        "anthropic.claude-3* anthropic.claude-v* anthropic.claude-instant* anthropic.claude-opus-4-1* "
        "anthropic.claude-opus-4-2025* anthropic.claude-sonnet-4-2025*".split()
    ),
    strict_tools=False,
)

VENDORS: tuple[Vendor, ...] = (
    _CLAUDE_BEFORE_4_5,
    _CLAUDE,
    # https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html (as of 2026-11)
    Vendor(models=("amazon.nova-2-*",), top_k=("inferenceConfig", "topK"), think=_nova, caches_prompts=True),
    Vendor(models=("amazon.nova-*",), top_k=("inferenceConfig", "topK"), caches_prompts=True),
    Vendor(models=("openai.gpt-oss-*",), think=_gpt_oss, strict_tools=True),
    Vendor(models=("openai.gpt-*",), think=_gpt, strict_tools=True),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-chat-completion.html (as of 2026-11)
    Vendor(models=("mistral.*",), top_k=("top_k",), strict_tools=True),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-command-r-plus.html (as of 2026-11)
    Vendor(models=("cohere.*",), top_k=("k",)),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html (as of 2026-11)
    Vendor(models=("qwen.*", "deepseek.v3*", "google.*", "minimax.*", "moonshot*.*", "nvidia.*"), strict_tools=True),
    Vendor(),
)
