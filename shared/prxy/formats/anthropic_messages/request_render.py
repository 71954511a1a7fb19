"""ChatRequest -> a body for the provider.

A request of this format is said as it came. One of another is first fitted to what the wire allows, by `fitting`.
"""

from __future__ import annotations

from typing import assert_never

from prxy.canonical.errors import UnsupportedFeature
from prxy.canonical.parts import Json, Wire
from prxy.canonical.request import (
    ChatRequest,
    FreeformTool,
    FunctionTool,
    HostedTool,
    Message,
    ReasoningOptions,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
)
from prxy.formats.anthropic_messages.block_render import marked, render_block, render_content
from prxy.formats.anthropic_messages.fitting import fit
from prxy.formats.anthropic_messages.losses import losses_of
from prxy.formats.anthropic_messages.words import (
    CUSTOM,
    LEGACY_OUTPUT,
    NAME,
    NOT_STREAMED,
    STRING,
    THINKING_WORDS,
    TOOL_WORDS,
)
from prxy.formats.base import Rendered, own_fields, spelt
from prxy.formats.places import locating


@locating
def render_request(request: ChatRequest) -> Rendered:
    """Request -> body, headers and losses. Raises UnsupportedFeature and InvalidRequest, naming the part or the field.

    Tools whose name is not of `[a-zA-Z0-9_-]{1,128}` are refused: an alias could not be mapped back in the answer.
    """
    if request.format == NAME:
        return Rendered(body=_body(request), headers=request.headers)
    return Rendered(body=_body(fit(request)), losses=tuple(losses_of(request)))


def _body(request: ChatRequest) -> Wire:
    own = own_fields(request.extras, NAME)
    config = {**own.get("output_config", {}), **_effort(request.reasoning)}
    metadata = own.get("metadata")
    body: Wire = {
        **own,
        "model": request.model,
        **_system(request),
        "messages": [_message(message) for message in request.messages],
        **_sampling(request.sampling),
        **_tools(request),
        **_tool_choice(request),
        **_thinking(request.reasoning),
        **_output(request, config),
    }
    if request.stream or spelt(request.extras, NAME, NOT_STREAMED):
        body["stream"] = request.stream
    if request.user is not None:
        body["metadata"] = {**(metadata or {}), "user_id": request.user}
    if request.service_tier is not None:
        body["service_tier"] = request.service_tier
    return body


def _system(request: ChatRequest) -> Wire:
    if request.instructions is None:
        return {}
    return {"system": _content(request.instructions)}


def _message(message: Message) -> Wire:
    if message.extras is None:
        return {"role": str(message.role), "content": [render_block(part) for part in message.parts]}
    return {**own_fields(message.extras, NAME), "role": str(message.role), "content": _content(message)}


def _content(message: Message) -> str | list[Wire]:
    return render_content(message.parts, as_string=spelt(message.extras, NAME, STRING))


def _sampling(sampling: Sampling) -> Wire:
    knobs: dict[str, Json] = {
        "max_tokens": sampling.max_output_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "stop_sequences": list(sampling.stop) or None,
    }
    return {name: value for name, value in knobs.items() if value is not None}


def _tools(request: ChatRequest) -> Wire:
    return {"tools": [_tool(tool) for tool in request.tools]} if request.tools else {}


def _tool(tool: Tool) -> Wire:
    match tool:
        case FunctionTool():
            return _function(tool)
        case HostedTool():
            return tool.value
        case FreeformTool():
            raise UnsupportedFeature(
                f"'{tool.at}' is a free-form tool; the model takes only tools with a JSON Schema. Make it a function.",
                code="unsupported_parameter",
                param=tool.at or "tools",
            )
        case _:
            assert_never(tool)


def _function(tool: FunctionTool) -> Wire:
    body: Wire = {"type": "custom", "name": tool.name} if spelt(tool.extras, NAME, CUSTOM) else {"name": tool.name}
    if tool.description is not None:
        body["description"] = tool.description
    body["input_schema"] = {} if tool.parameters is None else tool.parameters
    if tool.strict is not None:
        body["strict"] = tool.strict
    return marked(body, tool.cache, tool.extras)


def _tool_choice(request: ChatRequest) -> Wire:
    choice, parallel = request.tool_choice, request.parallel_tool_calls
    if choice is None and parallel is None:
        return {}
    choice = choice or ToolChoice(mode=ToolMode.AUTO)
    said: Wire = {"type": TOOL_WORDS[choice.mode]}
    if choice.mode is ToolMode.NAMED:
        said["name"] = choice.names[0]
    if parallel is not None:
        said["disable_parallel_tool_use"] = not parallel
    return {"tool_choice": {**said, **own_fields(choice.extras, NAME)}}


def _effort(options: ReasoningOptions | None) -> Wire:
    return {} if options is None or options.effort is None else {"effort": options.effort}


def _thinking(options: ReasoningOptions | None) -> Wire:
    if options is None:
        return {}
    said: Wire = {}
    if options.mode is not None:
        said["type"] = THINKING_WORDS[options.mode]
    if options.budget_tokens is not None:
        said["budget_tokens"] = options.budget_tokens
    if options.include is not None:
        said["display"] = "summarized" if options.include else "omitted"
    said |= own_fields(options.extras, NAME)
    return {"thinking": said} if said else {}


def _output(request: ChatRequest, config: Wire) -> Wire:
    output = request.output
    if output is None:
        return {"output_config": config} if config else {}
    format_ = {"type": "json_schema", "schema": output.schema, **own_fields(output.extras, NAME)}
    if spelt(output.extras, NAME, LEGACY_OUTPUT):
        return {"output_format": format_, **({"output_config": config} if config else {})}
    return {"output_config": {**config, "format": format_}}
