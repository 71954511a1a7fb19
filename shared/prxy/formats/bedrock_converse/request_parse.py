"""A body -> ChatRequest. Strict: what is known is checked, what is unknown is kept for its own provider."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import structs

from prxy.canonical.parts import Json, Wire
from prxy.canonical.request import (
    ChatRequest,
    FunctionTool,
    HostedTool,
    Instructions,
    Message,
    OutputFormat,
    OutputKind,
    ReasoningOptions,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
)
from prxy.formats.base import encode_json, make_extras
from prxy.formats.bedrock_converse.block_parse import cache_point, parse_content
from prxy.formats.bedrock_converse.words import NAME, STREAM_METHOD
from prxy.formats.reading import Fields, kind

_ROLES = {role.value: role for role in (Role.USER, Role.ASSISTANT, Role.SYSTEM)}


def parse_request(body: Wire, path: Mapping[str, str]) -> ChatRequest:
    """Body -> request; the path holds the model and the method. Raises InvalidRequest naming the field."""
    fields = Fields(body)
    kept: Wire = {name: body[name] for name in ("system", "inferenceConfig", "outputConfig") if body.get(name) == []}
    sampling, more_sampling = _sampling(fields)
    tools, choice, more_tools = _tools(fields)
    reasoning, output, more_output = _output_config(fields)
    tier, more_tier = _tier(fields)
    instructions = _instructions(fields)
    messages = _messages(fields)
    return ChatRequest(
        format=NAME,
        model=path.get("model", ""),
        instructions=instructions,
        messages=messages,
        tools=tools,
        tool_choice=choice,
        sampling=sampling,
        reasoning=reasoning,
        output=output,
        stream=path.get("method") == STREAM_METHOD,
        service_tier=tier,
        extras=make_extras(NAME, {**kept, **more_sampling, **more_tools, **more_output, **more_tier, **fields.rest()}),
    )


def _instructions(fields: Fields) -> Instructions | None:
    blocks = fields.array("system")
    if not blocks:
        return None
    return Instructions(role=Role.SYSTEM, parts=parse_content(blocks, "system"), at="system")


def _messages(fields: Fields) -> tuple[Message, ...]:
    messages = tuple(_message(message) for message in fields.each("messages"))
    if not messages:
        fields.fail("messages", "must hold at least one message.", "missing_field")
    return messages


def _message(fields: Fields) -> Message:
    role = fields.word("role", *_ROLES)
    if role is None:
        fields.fail("role", "is missing; use user, assistant or system.", "missing_field")
    content = fields.array("content")
    if content is None:
        fields.fail("content", "is missing; it must be a list of blocks.", "missing_field")
    parts = parse_content(content, fields.path("content"))
    return Message(role=_ROLES[role], parts=parts, at=fields.at, extras=make_extras(NAME, fields.rest()))


def _sampling(fields: Fields) -> tuple[Sampling, Wire]:
    config = fields.inner("inferenceConfig")
    if config is None:
        return Sampling(), {}
    stop = config.array("stopSequences")
    for place, sequence in enumerate(stop or ()):
        if not isinstance(sequence, str):
            config.fail(f"stopSequences[{place}]", f"must be a string, not {kind(sequence)}.", "invalid_type")
    sampling = Sampling(
        max_output_tokens=config.integer("maxTokens"),
        temperature=config.number("temperature", 0),
        top_p=config.number("topP", 0),
        stop=tuple(stop or ()),
    )
    left = {**({"stopSequences": []} if stop == [] else {}), **config.rest()}
    return sampling, {"inferenceConfig": left} if left or sampling == Sampling() else {}


def _tools(fields: Fields) -> tuple[tuple[Tool, ...], ToolChoice | None, Wire]:
    config = fields.inner("toolConfig")
    if config is None:
        return (), None, {}
    tools: list[Tool] = []
    for place, block in enumerate(config.array("tools") or ()):
        point, last = cache_point(block), tools[-1] if tools else None
        if point is not None and isinstance(last, FunctionTool) and last.cache is None:
            tools[-1] = structs.replace(last, cache=point)
        else:
            tools.append(_tool(block, f"toolConfig.tools[{place}]"))
    choice = config.inner("toolChoice")
    left = config.rest()
    return tuple(tools), None if choice is None else _choice(choice), {"toolConfig": left} if left else {}


def _tool(block: Json, at: str) -> Tool:
    """A function of the client's; or anything else, which the provider runs or only this wire has."""
    fields = Fields(block, at)
    spec = fields.inner("toolSpec")
    if spec is None:
        return HostedTool(format=NAME, value=block, at=at)
    schema = spec.required_inner("inputSchema")
    return FunctionTool(
        name=spec.required_string("name"),
        description=spec.string("description"),
        parameters=schema.object("json"),
        strict=spec.boolean("strict"),
        at=at,
        extras=make_extras(NAME, spec.rest()),
    )


def _choice(fields: Fields) -> ToolChoice:
    auto, any_, named = fields.object("auto"), fields.object("any"), fields.inner("tool")
    if named is not None:
        return ToolChoice(mode=ToolMode.NAMED, names=(named.required_string("name"),))
    if auto is None and any_ is None:
        fields.fail("auto", "is missing; use one of: auto, any, tool.", "missing_field")
    return ToolChoice(mode=ToolMode.AUTO if auto is not None else ToolMode.REQUIRED)


def _output_config(fields: Fields) -> tuple[ReasoningOptions | None, OutputFormat | None, Wire]:
    config = fields.inner("outputConfig")
    if config is None:
        return None, None, {}
    effort, text = config.string("effort"), config.inner("textFormat")
    left = config.rest()
    reasoning = None if effort is None else ReasoningOptions(effort=effort)
    output = None if text is None else _output(text)
    return reasoning, output, {"outputConfig": left} if left else {}


def _output(fields: Fields) -> OutputFormat:
    fields.word("type", "json_schema")
    structure = fields.required_inner("structure").required_inner("jsonSchema")
    text = structure.required_string("schema")
    try:
        schema = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        schema = None
    if not isinstance(schema, dict):
        structure.fail("schema", "must be a JSON Schema, an object written as a string.")
    return OutputFormat(
        kind=OutputKind.SCHEMA,
        name=structure.string("name"),
        description=structure.string("description"),
        schema=schema,
        extras=make_extras(NAME, {} if encode_json(schema).decode() == text else {"schema": text}),
    )


def _tier(fields: Fields) -> tuple[str | None, Wire]:
    tier = fields.inner("serviceTier")
    if tier is None:
        return None, {}
    word, left = tier.required_string("type"), tier.rest()
    return word, {"serviceTier": left} if left else {}
