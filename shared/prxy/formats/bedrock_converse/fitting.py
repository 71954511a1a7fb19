"""A request of another format, made into one that this wire allows: knobs, tools and instructions.

What is left out without harm is told by `losses`; what cannot be left out is refused here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import structs

from prxy.canonical.parts import Text, ToolCall, Wire
from prxy.canonical.request import (
    ChatRequest,
    FunctionTool,
    Instructions,
    Message,
    OutputFormat,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
)
from prxy.canonical.stream import merge
from prxy.formats.base import make_extras
from prxy.formats.bedrock_converse.conversation import arrange, without_tool_blocks
from prxy.formats.bedrock_converse.vendors import Vendor, vendor_of
from prxy.formats.bedrock_converse.words import ADDITIONAL, MAX_NAME_CHARS, NAME
from prxy.formats.calls import safe_name
from prxy.formats.fitting import (
    answer_schema,
    check_choice,
    check_tool,
    fit_sampling,
    instruction_texts,
    is_thinking,
    offered_tools,
    typed_schema,
)

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
    texts = tuple(
        Text(text=part.text, cache=part.cache if vendor.caches_prompts else None)
        for part in instruction_texts(instructions)
    )
    return structs.replace(instructions, parts=texts, extras=None) if texts else None


def _tools(request: ChatRequest, vendor: Vendor) -> tuple[Tool, ...]:
    return tuple(_tool(tool, vendor) for tool in offered_tools(request))


def _tool(tool: Tool, vendor: Vendor) -> Tool:
    check_tool(tool, NAME, MAX_NAME_CHARS)
    if not isinstance(tool, FunctionTool):
        return tool
    return structs.replace(
        tool,
        description=tool.description or None,
        parameters=typed_schema(tool.parameters),
        strict=True if tool.strict and vendor.strict_tools else None,
        cache=tool.cache if vendor.caches_tools else None,
    )


def _used_before(turns: Iterable[Message]) -> Iterator[FunctionTool]:
    """The tools of earlier calls: the provider refuses a conversation with tool blocks that offers no tool."""
    made = [part for turn in turns for part in turn.parts if isinstance(part, ToolCall)]
    for name in {safe_name(call.name, MAX_NAME_CHARS): None for call in made}:
        yield FunctionTool(name=name, description=USED_BEFORE, parameters={"type": "object", "properties": {}})


def _tool_choice(choice: ToolChoice | None, tools: tuple[Tool, ...]) -> ToolChoice | None:
    """Without tools there is nothing to choose from; the wire has no word for none, so there the tools are left out."""
    check_choice(choice, tools)
    return choice if tools and choice is not None and choice.mode is not ToolMode.NONE else None


def _sampling(sampling: Sampling, only_defaults: bool) -> Sampling:
    fitted = fit_sampling(sampling)
    return structs.replace(fitted, temperature=None, top_p=None) if only_defaults else fitted


def _output(output: OutputFormat | None) -> OutputFormat | None:
    if output is None or answer_schema(output) is None:
        return None
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
