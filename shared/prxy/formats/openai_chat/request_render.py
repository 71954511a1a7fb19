"""Request for a provider: canonical -> wire. https://platform.openai.com/docs/api-reference/chat (as of 2026-11)"""

from __future__ import annotations

from collections.abc import Iterator

from prxy.canonical.loss import Loss
from prxy.canonical.parts import Json, Part, ToolResult, Wire, asks_for_cache
from prxy.canonical.request import ChatRequest, HostedTool, Message, Sampling
from prxy.formats.base import Rendered, foreign_losses, own_fields, spelt
from prxy.formats.losses import says_more_than_text
from prxy.formats.openai_chat.message_render import OPENAI, VENDORS, Dialect, render_messages
from prxy.formats.openai_chat.request_parse import LIMITS
from prxy.formats.openai_chat.tools import render_output, render_tool, render_tool_choice
from prxy.formats.openai_chat.words import NAME
from prxy.formats.openai_options import SHARED_TIERS, detail_losses, option_losses
from prxy.formats.places import locating


@locating
def render_request(request: ChatRequest) -> Rendered:
    """For OpenAI itself. Raises UnsupportedFeature."""
    return _render(request, OPENAI)


@locating
def render_compatible_request(request: ChatRequest) -> Rendered:
    """For vendors that follow OpenAI's wire from some way behind. Raises UnsupportedFeature."""
    return _render(request, VENDORS)


def _render(request: ChatRequest, dialect: Dialect) -> Rendered:
    body: Wire = {
        **own_fields(request.extras, NAME),
        "model": request.model,
        "messages": render_messages(request, dialect),
        **_given(_sampling(request, dialect)),
        **_given(_tools(request)),
        **_given(_rest(request)),
        **_stream(request),
    }
    losses = () if request.format == NAME else tuple(_losses(request))
    return Rendered(body=body, losses=losses)


def _given(knobs: Wire) -> Wire:
    return {name: value for name, value in knobs.items() if value is not None}


def _sampling(request: ChatRequest, dialect: Dialect) -> Wire:
    knobs = request.sampling
    limit = next((word for word in LIMITS if spelt(request.extras, NAME, word)), dialect.limit)
    return {
        limit: knobs.max_output_tokens,
        "temperature": knobs.temperature,
        "top_p": knobs.top_p,
        "stop": _stop(request, knobs),
        "seed": knobs.seed,
        "n": knobs.n,
        "frequency_penalty": knobs.frequency_penalty,
        "presence_penalty": knobs.presence_penalty,
        "logit_bias": knobs.logit_bias,
        "logprobs": knobs.logprobs,
        "top_logprobs": knobs.top_logprobs,
    }


def _stop(request: ChatRequest, knobs: Sampling) -> Json:
    match knobs.stop:
        case []:
            return [] if spelt(request.extras, NAME, "stop:empty") else None
        case [word] if spelt(request.extras, NAME, "stop:string"):
            return word
        case words:
            return list(words)


def _tools(request: ChatRequest) -> Wire:
    """Tools and what goes with them; OpenAI refuses a choice, and parallel_tool_calls, where there are no tools."""
    if not request.tools and request.format != NAME:
        return {}
    choice = request.tool_choice
    return {
        "tools": [render_tool(tool) for tool in request.tools] or None,
        "tool_choice": None if choice is None else render_tool_choice(choice, request.tools),
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _rest(request: ChatRequest) -> Wire:
    own = request.format == NAME
    return {
        "reasoning_effort": None if request.reasoning is None else request.reasoning.effort,
        "response_format": None if request.output is None else render_output(request.output),
        "user": request.user,
        "metadata": request.metadata if own else None,
        "service_tier": request.service_tier if own or request.service_tier in SHARED_TIERS else None,
        "prompt_cache_key": request.cache_key,
    }


def _stream(request: ChatRequest) -> Wire:
    """A stream is always asked for its usage: the gateway needs it even when the client does not."""
    if not request.stream:
        return {"stream": False} if spelt(request.extras, NAME, "stream:false") else {}
    options = own_fields(request.extras, NAME).get("stream_options", {})
    return {"stream": True, "stream_options": {**options, "include_usage": True}}


def _losses(request: ChatRequest) -> Iterator[Loss]:
    """What a request of another format says that this wire has no place for."""
    if request.sampling.top_k is not None:
        yield Loss(field="sampling.top_k", reason="Chat Completions has no top_k; the model's default applies")
    yield from option_losses(request, "Chat Completions")
    yield from foreign_losses(request.extras, NAME)
    for tool in request.tools:
        if not isinstance(tool, HostedTool):
            yield from foreign_losses(tool.extras, NAME, tool.at)
    yield from detail_losses(request, NAME, "Chat Completions")
    for message in (*([request.instructions] if request.instructions else []), *request.messages):
        if says_more_than_text(message):
            yield from _message_losses(message)


def _message_losses(message: Message) -> Iterator[Loss]:
    yield from foreign_losses(message.extras, NAME, message.at)
    for part in message.parts:
        yield from _part_losses(part, message.at)
        if isinstance(part, ToolResult):
            for inner in part.parts:
                yield from _part_losses(inner, message.at)
            if part.is_error:
                yield Loss(field=f"{message.at}.is_error", reason="a tool message has no such mark; its text is sent")


def _part_losses(part: Part, at: str) -> Iterator[Loss]:
    yield from foreign_losses(getattr(part, "extras", None), NAME, at)
    if asks_for_cache(part):
        yield Loss(field=f"{at}.cache_control", reason="prompts are cached without breakpoints here")
