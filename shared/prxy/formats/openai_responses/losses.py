"""What a request of another format says that this wire has no place for."""

from __future__ import annotations

from collections.abc import Iterator

from prxy.canonical.errors import UnsupportedFeature
from prxy.canonical.loss import Loss
from prxy.canonical.parts import Opaque, Part, Reasoning, ServerToolResult, ToolResult
from prxy.canonical.request import ChatRequest, HostedTool, Message, Sampling
from prxy.formats.base import foreign_losses
from prxy.formats.openai_responses.input_render import is_signed
from prxy.formats.openai_responses.words import NAME

SHARED_TIERS = ("auto", "default")
"""Service tiers that mean the same to every vendor: nothing in particular."""

_UNKNOWN = "Responses has no such setting"


def refuse_what_changes_the_answer(request: ChatRequest) -> None:
    """Raises UnsupportedFeature."""
    choices = request.sampling.n
    if choices is not None and choices > 1:
        raise UnsupportedFeature(
            f"'n' is {choices}; the model gives one answer to a call. Leave it out, or call again for more.",
            code="unsupported_parameter",
            param="sampling.n",
        )


def losses_of(request: ChatRequest) -> Iterator[Loss]:
    yield from _sampling(request.sampling)
    yield from _options(request)
    yield from foreign_losses(request.extras, NAME)
    for tool in request.tools:
        if not isinstance(tool, HostedTool):
            yield from foreign_losses(tool.extras, NAME, tool.at)
    for message in (*((request.instructions,) if request.instructions else ()), *request.messages):
        yield from _message(message)


def _sampling(sampling: Sampling) -> Iterator[Loss]:
    for name in ("top_k", "seed", "frequency_penalty", "presence_penalty"):
        if getattr(sampling, name) is not None:
            yield Loss(field=f"sampling.{name}", reason=_UNKNOWN)
    for name in ("stop", "logit_bias", "logprobs", "top_logprobs"):
        if getattr(sampling, name):
            yield Loss(field=f"sampling.{name}", reason=_UNKNOWN)


def _options(request: ChatRequest) -> Iterator[Loss]:
    reasoning = request.reasoning
    if reasoning is not None and reasoning.budget_tokens is not None and reasoning.effort is None:
        yield Loss(field="reasoning.budget_tokens", reason="Responses has levels of effort and no budget")
    if request.metadata is not None:
        yield Loss(field="metadata", reason="it means something else to OpenAI, which stores it")
    if request.service_tier is not None and request.service_tier not in SHARED_TIERS:
        yield Loss(field="service_tier", reason="the tiers of two vendors differ; the default applies")
    details = {
        "output": request.output if request.output and request.output.schema is None else None,
        "tool_choice": request.tool_choice,
        "reasoning": reasoning,
    }
    for field, knob in details.items():
        for loss in foreign_losses(knob.extras if knob else None, NAME):
            yield Loss(field=field, reason=f"of its details, {loss.field} has no place in Responses")


def _message(message: Message) -> Iterator[Loss]:
    if message.name is not None:
        yield Loss(field=f"{message.at}.name", reason="Responses has no names of participants")
    yield from foreign_losses(message.extras, NAME, message.at)
    for part in message.parts:
        yield from _part(part, message.at)
    if any(isinstance(part, Reasoning) and part.text and not is_signed(part) for part in message.parts):
        yield Loss(field=f"{message.at}.reasoning", reason="OpenAI takes back only thoughts that it encrypted itself")


def _part(part: Part, at: str) -> Iterator[Loss]:
    if not isinstance(part, ServerToolResult | Opaque):
        yield from foreign_losses(part.extras, NAME, at)
    if getattr(part, "cache", None) is not None:
        yield Loss(field=f"{at}.cache_control", reason="prompts are cached without breakpoints here")
    if isinstance(part, ToolResult):
        for inner in part.parts:
            yield from _part(inner, at)
        if part.is_error:
            yield Loss(field=f"{at}.is_error", reason="a result has no such mark here; its text is sent")
