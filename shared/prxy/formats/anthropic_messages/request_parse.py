"""A client's body -> ChatRequest. Strict: what is known is checked, what is unknown is kept for its own provider."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

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
)
from prxy.formats.anthropic_messages.block_parse import content_spelling, parse_cache, parse_content
from prxy.formats.anthropic_messages.words import (
    CUSTOM,
    DISPLAYS,
    LEGACY_OUTPUT,
    NAME,
    NOT_STREAMED,
    THINKING_MODES,
    TOOL_MODES,
)
from prxy.formats.base import make_extras
from prxy.formats.reading import Fields, kind

_MAY_BE_EMPTY = ("system", "tools", "stop_sequences", "output_config")
"""Fields that say nothing when they are empty; their client's provider gets them all the same."""
_ROLES = {role.value: role for role in (Role.USER, Role.ASSISTANT, Role.SYSTEM)}


def parse_request(body: Wire, path: Mapping[str, str]) -> ChatRequest:
    """Body -> request. `path` says nothing on this wire. Raises InvalidRequest naming the field."""
    request = parse_prompt(body)
    if request.sampling.max_output_tokens is None:
        Fields(body).fail("max_tokens", "is missing; it must say how many tokens the answer may have.", "missing_field")
    return request


def parse_prompt(body: Wire) -> ChatRequest:
    """The request, with or without a limit for its answer."""
    fields = Fields(body)
    kept: Wire = {name: body[name] for name in _MAY_BE_EMPTY if body.get(name) in ([], {})}
    config, choice, thinking = fields.inner("output_config"), fields.inner("tool_choice"), fields.inner("thinking")
    parallel = None if choice is None else choice.boolean("disable_parallel_tool_use")
    effort = None if config is None else config.string("effort")
    output = _output(fields, config)
    user, metadata = _user(fields)
    stream = fields.boolean("stream")
    return ChatRequest(
        format=NAME,
        model=fields.required_string("model"),
        instructions=_instructions(fields),
        messages=_messages(fields),
        tools=_tools(fields),
        tool_choice=None if choice is None else _tool_choice(choice),
        parallel_tool_calls=None if parallel is None else not parallel,
        sampling=_sampling(fields),
        reasoning=_reasoning(thinking, effort),
        output=output,
        stream=bool(stream),
        user=user,
        service_tier=fields.string("service_tier"),
        extras=make_extras(
            NAME,
            {**kept, **metadata, **_left(config), **fields.rest()},
            *((NOT_STREAMED,) if stream is False else ()),
        ),
    )


def _left(config: Fields | None) -> Wire:
    """What `output_config` said beside effort and format."""
    if config is None:
        return {}
    left = config.rest()
    return {"output_config": left} if left else {}


def _user(fields: Fields) -> tuple[str | None, Wire]:
    """`metadata.user_id`, and `metadata` as far as it says anything else."""
    metadata = fields.inner("metadata")
    if metadata is None:
        return None, {}
    user, left = metadata.string("user_id"), metadata.rest()
    return user, {"metadata": left} if left or user is None else {}


def _instructions(fields: Fields) -> Instructions | None:
    system = fields.take("system")
    if system is None or system == []:
        return None
    parts = parse_content(system, "system")
    return Instructions(
        role=Role.SYSTEM, parts=parts, at="system", extras=make_extras(NAME, {}, *content_spelling(system))
    )


def _messages(fields: Fields) -> tuple[Message, ...]:
    messages = tuple(_message(message) for message in fields.each("messages"))
    if not messages:
        fields.fail("messages", "must hold at least one message.", "missing_field")
    return messages


def _message(fields: Fields) -> Message:
    role = fields.word("role", *_ROLES)
    if role is None:
        fields.fail("role", "is missing; use user, assistant or system.", "missing_field")
    content = fields.take("content")
    parts = parse_content(content, fields.path("content"))
    extras = make_extras(NAME, fields.rest(), *content_spelling(content))
    return Message(role=_ROLES[role], parts=parts, at=fields.at, extras=extras)


class _PlainTool(Struct, frozen=True, forbid_unknown_fields=True):
    """All of a function for which the canonical form has words, as it is of nearly every tool."""

    name: str
    input_schema: dict[str, Json]
    description: str | None = None
    strict: bool | None = None


def _tools(fields: Fields) -> tuple[Tool, ...]:
    values = fields.array("tools") or ()
    return tuple([_tool(value, f"tools[{place}]") for place, value in enumerate(values)])


def _tool(value: Json, at: str) -> Tool:
    said = Fields.plain(value, _PlainTool)
    if said is None:
        return _odd_tool(Fields(value, at))
    return FunctionTool(
        name=said.name, description=said.description, parameters=said.input_schema, strict=said.strict, at=at
    )


def _odd_tool(fields: Fields) -> Tool:
    """A tool of the client's; or one of the provider's, which is named by its type and kept as it is."""
    word = fields.string("type")
    if word not in (None, "custom"):
        return HostedTool(format=NAME, value={"type": word, **fields.rest()}, at=fields.at)
    cache, more = parse_cache(fields)
    schema = fields.object("input_schema")
    if schema is None:
        fields.fail("input_schema", "is missing; it must be a JSON Schema of type object.", "missing_field")
    return FunctionTool(
        name=fields.required_string("name"),
        description=fields.string("description"),
        parameters=schema,
        strict=fields.boolean("strict"),
        cache=cache,
        at=fields.at,
        extras=make_extras(NAME, {**more, **fields.rest()}, *((CUSTOM,) if word else ())),
    )


def _tool_choice(fields: Fields) -> ToolChoice:
    word = fields.word("type", *TOOL_MODES)
    if word is None:
        fields.fail("type", f"is missing; use one of: {', '.join(TOOL_MODES)}.", "missing_field")
    names = (fields.required_string("name"),) if word == "tool" else ()
    return ToolChoice(mode=TOOL_MODES[word], names=names, extras=make_extras(NAME, fields.rest()))


def _sampling(fields: Fields) -> Sampling:
    return Sampling(
        max_output_tokens=fields.integer("max_tokens"),
        temperature=fields.number("temperature", 0),
        top_p=fields.number("top_p", 0),
        top_k=fields.integer("top_k"),
        stop=_stop(fields),
    )


def _stop(fields: Fields) -> tuple[str, ...]:
    stop = fields.array("stop_sequences") or ()
    for place, sequence in enumerate(stop):
        if not isinstance(sequence, str):
            fields.fail(f"stop_sequences[{place}]", f"must be a string, not {kind(sequence)}.", "invalid_type")
    return tuple(stop)


def _reasoning(thinking: Fields | None, effort: str | None) -> ReasoningOptions | None:
    if thinking is None:
        return None if effort is None else ReasoningOptions(effort=effort)
    word, display = thinking.required_string("type"), thinking.string("display")
    budget = thinking.integer("budget_tokens")
    if word == "enabled" and budget is None:
        thinking.fail("budget_tokens", "is missing; thinking of type enabled needs it.", "missing_field")
    more: Wire = {} if word in THINKING_MODES else {"type": word}
    more |= {} if display is None or display in DISPLAYS else {"display": display}
    return ReasoningOptions(
        mode=THINKING_MODES.get(word),
        effort=effort,
        budget_tokens=budget,
        include=None if display is None else DISPLAYS.get(display),
        extras=make_extras(NAME, {**more, **thinking.rest()}),
    )


def _output(fields: Fields, config: Fields | None) -> OutputFormat | None:
    """The format from its place, or from where it stood before."""
    if config is not None and (format_ := config.inner("format")) is not None:
        return _output_format(format_)
    legacy = fields.inner("output_format")
    return None if legacy is None else _output_format(legacy, LEGACY_OUTPUT)


def _output_format(fields: Fields, *spelling: str) -> OutputFormat:
    if fields.word("type", "json_schema") is None:
        fields.fail("type", "is missing; use json_schema.", "missing_field")
    schema = fields.object("schema")
    if schema is None:
        fields.fail("schema", "is missing; it must be a JSON Schema.", "missing_field")
    return OutputFormat(kind=OutputKind.SCHEMA, schema=schema, extras=make_extras(NAME, fields.rest(), *spelling))
