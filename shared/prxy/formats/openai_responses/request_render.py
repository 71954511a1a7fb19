"""Request for a provider: canonical -> wire.

https://platform.openai.com/docs/api-reference/responses/create (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Mapping

from prxy.canonical.parts import Wire
from prxy.canonical.request import ChatRequest, ReasoningMode, ReasoningOptions
from prxy.formats.base import Rendered, own_fields, spelt
from prxy.formats.openai_options import SHARED_TIERS
from prxy.formats.openai_responses.input_render import render_input
from prxy.formats.openai_responses.losses import losses_of, refuse_what_changes_the_answer
from prxy.formats.openai_responses.output import render_output, render_reasoning_options
from prxy.formats.openai_responses.tools import render_tool, render_tool_choice
from prxy.formats.openai_responses.words import DEFAULTS, NAME

ENCRYPTED = "reasoning.encrypted_content"


def render_request(request: ChatRequest) -> Rendered:
    """Raises UnsupportedFeature. Nothing of a request of another format is stored at OpenAI."""
    own = request.format == NAME
    if not own:
        refuse_what_changes_the_answer(request)
    body: Wire = {
        **own_fields(request.extras, NAME),
        "model": request.model,
        **render_input(request),
        **_given(_sampling(request)),
        **_given(_tools(request, own=own)),
        **_given(_rest(request, own=own)),
        **(_spellings(request) if own else _statelessness(request)),
        **({"stream": True} if request.stream else {}),
    }
    return Rendered(body=body, losses=() if own else tuple(losses_of(request)))


def _given(knobs: Mapping[str, object]) -> Wire:
    return {name: value for name, value in knobs.items() if value is not None}


def _sampling(request: ChatRequest) -> Wire:
    knobs = request.sampling
    return {
        "max_output_tokens": knobs.max_output_tokens,
        "temperature": knobs.temperature,
        "top_p": knobs.top_p,
        "top_logprobs": knobs.top_logprobs if request.format == NAME else None,
    }


def _tools(request: ChatRequest, *, own: bool) -> Wire:
    """Tools and what goes with them; OpenAI refuses a choice where there are no tools."""
    if not request.tools and not own:
        return {}
    choice = request.tool_choice
    return {
        "tools": [render_tool(tool, own=own) for tool in request.tools] or None,
        "tool_choice": None if choice is None else render_tool_choice(choice, request.tools),
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _rest(request: ChatRequest, *, own: bool) -> Wire:
    return {
        "reasoning": None if request.reasoning is None else _reasoning(request.reasoning, own=own),
        "text": _text(request),
        "user": request.user,
        "metadata": request.metadata if own else None,
        "service_tier": request.service_tier if own or request.service_tier in SHARED_TIERS else None,
        "prompt_cache_key": request.cache_key,
    }


def _reasoning(options: ReasoningOptions, *, own: bool) -> Wire | None:
    rendered = render_reasoning_options(options)
    return rendered if rendered or own else None


def _text(request: ChatRequest) -> Wire | None:
    form = {} if request.output is None else {"format": render_output(request.output)}
    text = {**own_fields(request.extras, NAME).get("text", {}), **form}
    return text if text or spelt(request.extras, NAME, "text:empty") else None


def _spellings(request: ChatRequest) -> Wire:
    wire = {name: value for name, value in DEFAULTS.items() if spelt(request.extras, NAME, f"{name}:default")}
    return {**wire, **({"stream": False} if spelt(request.extras, NAME, "stream:false") else {})}


def _statelessness(request: ChatRequest) -> Wire:
    """What was thought comes back encrypted, to be replayed, since nothing is stored."""
    return {"store": False, **({"include": [ENCRYPTED]} if _is_thinking(request.reasoning) else {})}


def _is_thinking(options: ReasoningOptions | None) -> bool:
    return options is not None and options.mode is not ReasoningMode.OFF and options.effort != "none"
