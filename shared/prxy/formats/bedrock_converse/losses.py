"""What `fitting` leaves out of a request of another format, in the order of the request."""

from __future__ import annotations

from collections.abc import Iterator

from prxy.canonical.loss import Loss
from prxy.canonical.parts import (
    Media,
    Opaque,
    Part,
    Reasoning,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
    asks_for_cache,
)
from prxy.canonical.request import ChatRequest, FunctionTool, Message, Sampling, ToolMode
from prxy.formats.base import foreign_losses
from prxy.formats.bedrock_converse.conversation import is_signed
from prxy.formats.bedrock_converse.fitting import BETA, betas_of
from prxy.formats.bedrock_converse.vendors import Vendor, is_off, vendor_of
from prxy.formats.bedrock_converse.words import NAME
from prxy.formats.fitting import is_thinking
from prxy.formats.losses import UNKNOWN, detail_losses, sampling_losses, says_more_than_text

_NO_CACHE = "the model takes no breakpoint here; it is left out"


def losses_of(request: ChatRequest) -> Iterator[Loss]:
    vendor = vendor_of(request.model)
    for message in (*((request.instructions,) if request.instructions else ()), *request.messages):
        if says_more_than_text(message):
            yield from _message(message, vendor)
    yield from _tools(request, vendor)
    yield from foreign_losses(request.extras, NAME)
    yield from detail_losses(request, NAME)
    yield from _sampling(request.sampling, vendor)
    yield from _thinking(request, vendor)
    for field in ("user", "metadata", "service_tier", "cache_key"):
        if getattr(request, field):
            yield Loss(field=field, reason=UNKNOWN)
    for beta in betas_of(request):
        if beta not in vendor.betas:
            yield Loss(field=BETA, reason=f"the model does not take '{beta[:64]}' here")


def _message(message: Message, vendor: Vendor) -> Iterator[Loss]:
    if message.name is not None:
        yield Loss(field=f"{message.at}.name", reason="the provider knows no names of participants")
    yield from foreign_losses(message.extras, NAME, message.at)
    for part in message.parts:
        caches = vendor.caches_results if isinstance(part, ToolResult) else vendor.caches_prompts
        yield from _part(part, message.at, caches=caches)
    if any(isinstance(part, Reasoning) and not is_signed(part, vendor) for part in message.parts):
        yield Loss(field=f"{message.at}.reasoning", reason="the provider refuses thoughts that it did not sign")


def _part(part: Part, at: str, *, caches: bool) -> Iterator[Loss]:
    if not isinstance(part, ServerToolResult | Opaque):
        yield from foreign_losses(part.extras, NAME, at)
    if isinstance(part, Text | Media | ToolCall | ToolResult) and asks_for_cache(part) and not caches:
        yield Loss(field=f"{at}.cache_control", reason=_NO_CACHE)
    if isinstance(part, ToolResult):
        for inner in part.parts:
            yield from _part(inner, at, caches=caches)


def _tools(request: ChatRequest, vendor: Vendor) -> Iterator[Loss]:
    for tool in request.tools:
        if not isinstance(tool, FunctionTool):
            continue
        yield from foreign_losses(tool.extras, NAME, tool.at)
        if tool.strict and not vendor.strict_tools:
            yield Loss(field=f"{tool.at}.strict", reason="the model is not held to the schemas of tools")
        if asks_for_cache(tool) and not vendor.caches_tools:
            yield Loss(field=f"{tool.at}.cache_control", reason=_NO_CACHE)
    may_call = request.tools and not (request.tool_choice and request.tool_choice.mode is ToolMode.NONE)
    if request.parallel_tool_calls is False and may_call and not vendor.one_call_at_a_time:
        yield Loss(field="parallel_tool_calls", reason="the model cannot be held to one call at a time")


def _sampling(sampling: Sampling, vendor: Vendor) -> Iterator[Loss]:
    if sampling.seed is not None:
        yield Loss(field="sampling.seed", reason=UNKNOWN)
    if sampling.top_k is not None and not vendor.top_k:
        yield Loss(field="sampling.top_k", reason="the model has no such setting here")
    yield from sampling_losses(sampling)


def _thinking(request: ChatRequest, vendor: Vendor) -> Iterator[Loss]:
    options = request.reasoning
    if options is None:
        return
    if vendor.think is None:
        if not is_off(options):
            yield Loss(field="reasoning.effort", reason="the model has no such setting here")
        return
    loss = vendor.think(options, request.sampling).loss
    if loss is not None:
        yield Loss(field="reasoning.effort", reason=loss)
    if is_thinking(options) and vendor.default_sampling_while_thinking:
        for name in ("temperature", "top_p", "top_k"):
            if getattr(request.sampling, name) not in (None, 1):
                yield Loss(field=f"sampling.{name}", reason="the model does not take it while it thinks")
