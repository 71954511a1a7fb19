"""What wires refuse in a request of another format that know functions only, one answer, and JSON by a schema only."""

from __future__ import annotations

from typing import TypeVar, assert_never

from msgspec import structs

from prxy.canonical.errors import InvalidRequest, UnsupportedFeature
from prxy.canonical.parts import Opaque, ServerToolCall, ServerToolResult, Text, Wire
from prxy.canonical.request import (
    ChatRequest,
    FreeformTool,
    FunctionTool,
    HostedTool,
    Instructions,
    OutputFormat,
    OutputKind,
    ReasoningMode,
    ReasoningOptions,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
)
from prxy.formats.calls import is_safe_name
from prxy.formats.places import PartFault

_Own = TypeVar("_Own", bound=ServerToolCall | ServerToolResult | Opaque)

FORCED = frozenset({ToolMode.REQUIRED, ToolMode.NAMED, ToolMode.ALLOWED_REQUIRED})
_NARROWED = frozenset({ToolMode.ALLOWED, ToolMode.ALLOWED_REQUIRED})


def own_part(part: _Own, format_: str) -> _Own:
    """Raises PartFault for a part of any other format."""
    if part.format == format_:
        return part
    raise PartFault(
        part,
        "is something only another vendor's API understands; use text, images, documents, tool calls and tool results.",
    )


def instruction_texts(instructions: Instructions) -> tuple[Text, ...]:
    """The texts that are not blank. Raises PartFault for what is no text."""
    for part in instructions.parts:
        if not isinstance(part, Text):
            raise PartFault(part, "is not text; the model takes only text as its instructions.")
    return tuple(part for part in instructions.parts if isinstance(part, Text) and part.text.strip())


def offered_tools(request: ChatRequest) -> tuple[Tool, ...]:
    """The tools that the choice leaves to the model: the others are not offered where no choice can be narrowed."""
    choice = request.tool_choice
    if choice is None or choice.mode not in _NARROWED:
        return request.tools
    return tuple(tool for tool in request.tools if isinstance(tool, FunctionTool) and tool.name in choice.names)


def check_tool(tool: Tool, format_: str, max_name_chars: int) -> None:
    """Raises UnsupportedFeature for what is neither a function nor a tool of this format."""
    match tool:
        case FunctionTool(name=name):
            if is_safe_name(name, max_name_chars):
                return
            problem = f"is named '{name[:64]}'; use 1 to {max_name_chars} letters, digits, '_' and '-'."
        case HostedTool(format=name):
            if name == format_:
                return
            problem = "is run by another vendor; offer a function in its place."
        case FreeformTool():
            problem = "takes free text; the model takes only tools with a JSON Schema. Make it a function."
        case _:
            assert_never(tool)
    at = tool.at or "tools"
    raise UnsupportedFeature(f"The tool '{at}' {problem}", code="unsupported_parameter", param=at)


def typed_schema(parameters: Wire | None) -> Wire:
    """The schema of a function, which says that it is one of an object."""
    schema = parameters or {"properties": {}}
    return schema if "type" in schema else {"type": "object", **schema}


def check_choice(choice: ToolChoice | None, tools: tuple[Tool, ...]) -> None:
    """Raises InvalidRequest for a call that must be made and cannot."""
    if choice is not None and choice.mode in FORCED and not tools:
        raise InvalidRequest(
            "'tool_choice' asks for a tool call but offers no such tool in 'tools'.", param="tool_choice"
        )


def is_thinking(reasoning: ReasoningOptions | None) -> bool:
    return reasoning is not None and reasoning.mode in (ReasoningMode.ON, ReasoningMode.ADAPTIVE)


def fit_sampling(sampling: Sampling) -> Sampling:
    """Temperature is 1 at most, and no stop sequence is blank. Raises UnsupportedFeature for several answers."""
    if sampling.n is not None and sampling.n > 1:
        raise UnsupportedFeature(
            f"'sampling.n' is {sampling.n}; the model gives one answer to a call. Leave it out, or call again.",
            code="unsupported_parameter",
            param="sampling.n",
        )
    return structs.replace(
        sampling,
        temperature=None if sampling.temperature is None else min(sampling.temperature, 1),
        stop=tuple(sequence for sequence in sampling.stop if sequence.strip()),
    )


def answer_schema(output: OutputFormat | None) -> Wire | None:
    """The schema that holds the answer, None for plain text. Raises UnsupportedFeature for JSON without one."""
    if output is None or output.kind is OutputKind.TEXT:
        return None
    if output.kind is OutputKind.JSON or output.schema is None:
        raise UnsupportedFeature(
            "'output' asks for JSON, to which the model cannot be held without a schema. Give a JSON Schema.",
            code="unsupported_parameter",
            param="output",
        )
    return output.schema
