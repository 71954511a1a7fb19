"""ChatRequest -> a body for the provider.

A request of this format is said as it came. One of another is first fitted to what the wire allows, by `fitting`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from prxy.canonical.errors import UnsupportedFeature
from prxy.canonical.parts import Json, Wire
from prxy.canonical.request import (
    ChatRequest,
    FreeformTool,
    FunctionTool,
    HostedTool,
    Message,
    OutputFormat,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
)
from prxy.formats.base import Rendered, encode_json, own_fields
from prxy.formats.bedrock_converse.block_render import cache_block, render_content
from prxy.formats.bedrock_converse.fitting import fit
from prxy.formats.bedrock_converse.losses import losses_of
from prxy.formats.bedrock_converse.words import NAME
from prxy.formats.places import locating


@locating
def render_request(request: ChatRequest) -> Rendered:
    """Request -> body and losses; model and method stand in the path.

    Raises UnsupportedFeature and InvalidRequest, naming the part or the field.
    """
    if request.format == NAME:
        return Rendered(body=_body(request))
    return Rendered(body=_body(fit(request)), losses=tuple(losses_of(request)))


def _body(request: ChatRequest) -> Wire:
    own = dict(own_fields(request.extras, NAME))
    tier = {} if request.service_tier is None else {"type": request.service_tier}
    said: Wire = {
        "system": None if request.instructions is None else render_content(request.instructions.parts),
        "messages": [_message(message) for message in request.messages],
        "inferenceConfig": _inner(own, "inferenceConfig", _sampling(request.sampling)),
        "toolConfig": _inner(own, "toolConfig", _tool_config(request)),
        "outputConfig": _inner(own, "outputConfig", _output_config(request)),
        "serviceTier": _inner(own, "serviceTier", tier),
    }
    return {**own, **{name: value for name, value in said.items() if value is not None}}


def _inner(own: Mapping[str, Json], name: str, said: Wire) -> Wire | None:
    """An object of the body with its unknown fields; None where it is not there."""
    return {**own.get(name, {}), **said} if said or name in own else None


def _message(message: Message) -> Wire:
    return {**own_fields(message.extras, NAME), "role": message.role.value, "content": render_content(message.parts)}


def _sampling(sampling: Sampling) -> Wire:
    knobs: Wire = {
        "maxTokens": sampling.max_output_tokens,
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "stopSequences": list(sampling.stop) or None,
    }
    return {name: value for name, value in knobs.items() if value is not None}


def _tool_config(request: ChatRequest) -> Wire:
    tools = [block for tool in request.tools for block in _tool(tool)]
    choice = {} if request.tool_choice is None else {"toolChoice": _choice(request.tool_choice)}
    return {**({"tools": tools} if tools else {}), **choice}


def _tool(tool: Tool) -> Iterator[Wire]:
    match tool:
        case FunctionTool():
            yield {"toolSpec": _spec(tool)}
            if tool.cache is not None:
                yield cache_block(tool.cache)
        case HostedTool():
            yield tool.value
        case FreeformTool():
            raise UnsupportedFeature(
                f"'{tool.at}' is a free-form tool; the model takes only tools with a JSON Schema. Make it a function.",
                code="unsupported_parameter",
                param=tool.at or "tools",
            )
        case _:
            assert_never(tool)


def _spec(tool: FunctionTool) -> Wire:
    spec: Wire = {"name": tool.name}
    if tool.description is not None:
        spec["description"] = tool.description
    spec["inputSchema"] = {} if tool.parameters is None else {"json": tool.parameters}
    if tool.strict is not None:
        spec["strict"] = tool.strict
    return {**spec, **own_fields(tool.extras, NAME)}


def _choice(choice: ToolChoice) -> Wire:
    match choice.mode:
        case ToolMode.NAMED:
            return {"tool": {"name": choice.names[0]}}
        case ToolMode.REQUIRED | ToolMode.ALLOWED_REQUIRED:
            return {"any": {}}
        case ToolMode.AUTO | ToolMode.ALLOWED | ToolMode.NONE:
            return {"auto": {}}
        case _:
            assert_never(choice.mode)


def _output_config(request: ChatRequest) -> Wire:
    effort = None if request.reasoning is None else request.reasoning.effort
    text = {} if request.output is None else {"textFormat": _text_format(request.output)}
    return {**text, **({} if effort is None else {"effort": effort})}


def _text_format(output: OutputFormat) -> Wire:
    schema: Wire = {"schema": encode_json(output.schema).decode(), "name": output.name}
    schema["description"] = output.description
    told = {name: value for name, value in schema.items() if value is not None}
    return {"type": "json_schema", "structure": {"jsonSchema": {**told, **own_fields(output.extras, NAME)}}}
