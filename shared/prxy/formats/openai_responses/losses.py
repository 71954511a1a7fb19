"""What a request of another format says that this wire has no place for."""

from __future__ import annotations

from collections.abc import Iterator

from prxy.canonical.errors import UnsupportedFeature
from prxy.canonical.loss import Loss
from prxy.canonical.parts import Opaque, Part, Reasoning, ServerToolResult, ToolResult, asks_for_cache
from prxy.canonical.request import ChatRequest, HostedTool, Message, Sampling
from prxy.formats.base import foreign_losses
from prxy.formats.losses import says_more_than_text
from prxy.formats.openai_options import detail_losses, option_losses
from prxy.formats.openai_responses.input_render import is_signed
from prxy.formats.openai_responses.words import NAME

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
    yield from option_losses(request, "Responses")
    yield from detail_losses(request, NAME, "Responses")
    yield from foreign_losses(request.extras, NAME)
    for tool in request.tools:
        if not isinstance(tool, HostedTool):
            yield from foreign_losses(tool.extras, NAME, tool.at)
    for message in (*((request.instructions,) if request.instructions else ()), *request.messages):
        if says_more_than_text(message):
            yield from _message(message)


def _sampling(sampling: Sampling) -> Iterator[Loss]:
    for name in ("top_k", "seed", "frequency_penalty", "presence_penalty"):
        if getattr(sampling, name) is not None:
            yield Loss(field=f"sampling.{name}", reason=_UNKNOWN)
    for name in ("stop", "logit_bias", "logprobs", "top_logprobs"):
        if getattr(sampling, name):
            yield Loss(field=f"sampling.{name}", reason=_UNKNOWN)


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
    if asks_for_cache(part):
        yield Loss(field=f"{at}.cache_control", reason="prompts are cached without breakpoints here")
    if isinstance(part, ToolResult):
        for inner in part.parts:
            yield from _part(inner, at)
        if part.is_error:
            yield Loss(field=f"{at}.is_error", reason="a result has no such mark here; its text is sent")
