"""A request of another format, made into one that this wire allows: knobs, tools and instructions.

What is left out without harm is told by `losses`; what cannot be left out is refused here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from msgspec import structs

from prxy.canonical.errors import InvalidRequest, UnsupportedFeature
from prxy.canonical.parts import Text, ToolCall, Wire
from prxy.canonical.request import (
    ChatRequest,
    FreeformTool,
    FunctionTool,
    HostedTool,
    Instructions,
    Message,
    OutputFormat,
    OutputKind,
    ReasoningMode,
    ReasoningOptions,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
)
from prxy.canonical.stream import merge
from prxy.formats.base import make_extras
from prxy.formats.bedrock_converse.conversation import arrange, without_tool_blocks
from prxy.formats.bedrock_converse.vendors import Vendor, vendor_of
from prxy.formats.bedrock_converse.words import ADDITIONAL, NAME, TOOL_NAMES, safe_name
from prxy.formats.places import PartFault

_FORCED = frozenset({ToolMode.REQUIRED, ToolMode.NAMED, ToolMode.ALLOWED_REQUIRED})
_NARROWED = frozenset({ToolMode.ALLOWED, ToolMode.ALLOWED_REQUIRED})
_ANTHROPIC_CHOICES = {ToolMode.REQUIRED: "any", ToolMode.ALLOWED_REQUIRED: "any", ToolMode.NAMED: "tool"}
BETA = "anthropic-beta"
USED_BEFORE = "Used earlier in this conversation; not available any more."


def fit(request: ChatRequest) -> ChatRequest:
    """Raises InvalidRequest, UnsupportedFeature and PartFault."""
    vendor = vendor_of(request.model)
    forbidden = request.tool_choice is not None and request.tool_choice.mode is ToolMode.NONE
    messages = without_tool_blocks(request.messages) if forbidden else request.messages
    turns = arrange(messages, vendor)
    tools = () if forbidden else _tools(request, vendor) or tuple(_used_before(turns))
    choice = _tool_choice(request.tool_choice, request.tools)
    additional = _additional(request, vendor, choice)
    return structs.replace(
        request,
        instructions=_instructions(request.instructions, vendor),
        messages=turns,
        tools=tools,
        tool_choice=choice,
        sampling=_sampling(request.sampling, is_thinking(request.reasoning) and vendor.default_sampling_while_thinking),
        reasoning=None,
        output=_output(request.output),
        service_tier=None,
        extras=make_extras(NAME, {ADDITIONAL: additional} if additional else {}),
    )


def _instructions(instructions: Instructions | None, vendor: Vendor) -> Instructions | None:
    if instructions is None:
        return None
    for part in instructions.parts:
        if not isinstance(part, Text):
            raise PartFault(part, "is not text; the model takes only text as its instructions.")
    texts = tuple(
        Text(text=part.text, cache=part.cache if vendor.caches_prompts else None)
        for part in instructions.parts
        if isinstance(part, Text) and part.text.strip()
    )
    return structs.replace(instructions, parts=texts, extras=None) if texts else None


def _tools(request: ChatRequest, vendor: Vendor) -> tuple[Tool, ...]:
    choice, offered = request.tool_choice, request.tools
    if choice is not None and choice.mode in _NARROWED:
        offered = tuple(tool for tool in offered if isinstance(tool, FunctionTool) and tool.name in choice.names)
    return tuple(_tool(tool, vendor) for tool in offered)


def _tool(tool: Tool, vendor: Vendor) -> Tool:
    problem = _fault(tool)
    if problem is not None:
        at = tool.at or "tools"
        raise UnsupportedFeature(f"The tool '{at}' {problem}", code="unsupported_parameter", param=at)
    if not isinstance(tool, FunctionTool):
        return tool
    schema = tool.parameters or {"properties": {}}
    return structs.replace(
        tool,
        description=tool.description or None,
        parameters=schema if "type" in schema else {"type": "object", **schema},
        strict=True if tool.strict and vendor.strict_tools else None,
        cache=tool.cache if vendor.caches_tools else None,
    )


def _fault(tool: Tool) -> str | None:
    match tool:
        case FunctionTool(name=name):
            safe = TOOL_NAMES.fullmatch(name)
            return None if safe else f"is named '{name[:64]}'; use 1 to 64 letters, digits, '_' and '-'."
        case HostedTool(format=name):
            return None if name == NAME else "is run by another vendor; offer a function in its place."
        case FreeformTool():
            return "takes free text; the model takes only tools with a JSON Schema. Make it a function."
        case _:
            assert_never(tool)


def _used_before(turns: Iterable[Message]) -> Iterator[FunctionTool]:
    """The tools of earlier calls: the provider refuses a conversation with tool blocks that offers no tool."""
    names = {safe_name(part.name): None for turn in turns for part in turn.parts if isinstance(part, ToolCall)}
    for name in names:
        yield FunctionTool(name=name, description=USED_BEFORE, parameters={"type": "object", "properties": {}})


def _tool_choice(choice: ToolChoice | None, tools: tuple[Tool, ...]) -> ToolChoice | None:
    """Without tools there is nothing to choose from; the wire has no word for none, so there the tools are left out."""
    if choice is None or choice.mode is ToolMode.NONE:
        return None
    if not tools and choice.mode in _FORCED:
        raise InvalidRequest(
            "'tool_choice' asks for a tool call but offers no such tool in 'tools'.", param="tool_choice"
        )
    return choice if tools else None


def is_thinking(reasoning: ReasoningOptions | None) -> bool:
    return reasoning is not None and reasoning.mode in (ReasoningMode.ON, ReasoningMode.ADAPTIVE)


def _sampling(sampling: Sampling, only_defaults: bool) -> Sampling:
    if sampling.n is not None and sampling.n > 1:
        raise UnsupportedFeature(
            f"'sampling.n' is {sampling.n}; the model gives one answer to a call. Leave it out, or call again.",
            code="unsupported_parameter",
            param="sampling.n",
        )
    return structs.replace(
        sampling,
        temperature=None if only_defaults or sampling.temperature is None else min(sampling.temperature, 1),
        top_p=None if only_defaults else sampling.top_p,
        stop=tuple(sequence for sequence in sampling.stop if sequence.strip()),
    )


def _output(output: OutputFormat | None) -> OutputFormat | None:
    if output is None or output.kind is OutputKind.TEXT:
        return None
    if output.kind is OutputKind.JSON or output.schema is None:
        raise UnsupportedFeature(
            "'output' asks for JSON, to which the model cannot be held without a schema. Give a JSON Schema.",
            code="unsupported_parameter",
            param="output",
        )
    return structs.replace(output, extras=None)


def _additional(request: ChatRequest, vendor: Vendor, choice: ToolChoice | None) -> Wire:
    """The knobs that the wire has no word for, in the words of the model's own vendor."""
    fields: Wire = {}
    thinking = is_thinking(request.reasoning) and vendor.default_sampling_while_thinking
    if request.reasoning is not None and vendor.think is not None:
        fields = vendor.think(request.reasoning, request.sampling).fields
    if request.sampling.top_k is not None and vendor.top_k and not thinking:
        fields = merge(fields, _nested(vendor.top_k, request.sampling.top_k))
    if request.parallel_tool_calls is False and vendor.one_call_at_a_time and request.tools:
        fields = merge(fields, {"tool_choice": _one_at_a_time(choice)})
    if betas := [beta for beta in betas_of(request) if beta in vendor.betas]:
        fields = merge(fields, {"anthropic_beta": betas})
    return fields


def _nested(path: tuple[str, ...], value: int) -> Wire:
    inner: Wire = {path[-1]: value}
    for name in reversed(path[:-1]):
        inner = {name: inner}
    return inner


def _one_at_a_time(choice: ToolChoice | None) -> Wire:
    word = "auto" if choice is None else _ANTHROPIC_CHOICES.get(choice.mode, "auto")
    named = {"name": choice.names[0]} if choice is not None and word == "tool" else {}
    return {"type": word, **named, "disable_parallel_tool_use": True}


def betas_of(request: ChatRequest) -> list[str]:
    """What the client's `anthropic-beta` header asks for."""
    return [beta for one in request.headers.get(BETA, "").split(",") if (beta := one.strip())]
