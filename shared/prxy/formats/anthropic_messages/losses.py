"""What `fitting` leaves out of a request of another format, in the order of the request."""

from __future__ import annotations

from collections.abc import Iterator

from prxy.canonical.loss import Loss
from prxy.canonical.parts import Opaque, Part, Reasoning, ServerToolResult, ToolResult
from prxy.canonical.request import ChatRequest, FunctionTool, Message, Sampling
from prxy.formats.anthropic_messages.conversation import is_signed
from prxy.formats.anthropic_messages.fitting import without_what_thinking_forbids
from prxy.formats.anthropic_messages.words import NAME
from prxy.formats.base import foreign_losses
from prxy.formats.fitting import is_thinking
from prxy.formats.losses import UNKNOWN, detail_losses, sampling_losses, says_more_than_text

_THINKING = "the provider does not take it while the model thinks"


def losses_of(request: ChatRequest) -> Iterator[Loss]:
    for message in (*((request.instructions,) if request.instructions else ()), *request.messages):
        if says_more_than_text(message):
            yield from _message(message)
    yield from _options(request)
    yield from _sampling(request.sampling)
    if is_thinking(request.reasoning):
        yield from _forbidden_while_thinking(request.sampling)
    for field in ("metadata", "service_tier", "cache_key"):
        if getattr(request, field):
            yield Loss(field=field, reason=UNKNOWN)


def _options(request: ChatRequest) -> Iterator[Loss]:
    for tool in request.tools:
        if isinstance(tool, FunctionTool) and tool.extras is not None:
            yield from foreign_losses(tool.extras, NAME, tool.at)
    yield from foreign_losses(request.extras, NAME)
    yield from detail_losses(request, NAME)


def _message(message: Message) -> Iterator[Loss]:
    if message.name is not None:
        yield Loss(field=f"{message.at}.name", reason="the provider knows no names of participants")
    yield from foreign_losses(message.extras, NAME, message.at)
    for part in message.parts:
        yield from _part(part, message.at)
    if any(isinstance(part, Reasoning) and not is_signed(part) for part in message.parts):
        yield Loss(field=f"{message.at}.reasoning", reason="the provider refuses thoughts that it did not sign")


def _part(part: Part, at: str) -> Iterator[Loss]:
    if not isinstance(part, ServerToolResult | Opaque):
        yield from foreign_losses(part.extras, NAME, at)
    if isinstance(part, ToolResult):
        for inner in part.parts:
            yield from _part(inner, at)


def _sampling(sampling: Sampling) -> Iterator[Loss]:
    if sampling.seed is not None:
        yield Loss(field="sampling.seed", reason=UNKNOWN)
    yield from sampling_losses(sampling)


def _forbidden_while_thinking(sampling: Sampling) -> Iterator[Loss]:
    allowed = without_what_thinking_forbids(sampling)
    if sampling.temperature is not None and sampling.temperature < 1:
        yield Loss(field="sampling.temperature", reason=_THINKING)
    for name in ("top_k", "top_p"):
        if getattr(sampling, name) != getattr(allowed, name):
            yield Loss(field=f"sampling.{name}", reason=_THINKING)
