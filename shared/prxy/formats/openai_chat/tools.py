"""Tools, the choice among them, and the form of the answer: wire <-> canonical."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, assert_never

from msgspec import Struct, structs

from prxy.canonical.errors import UnsupportedFeature
from prxy.canonical.parts import Json, Wire
from prxy.canonical.request import (
    FreeformTool,
    FunctionTool,
    HostedTool,
    OutputFormat,
    OutputKind,
    Tool,
    ToolChoice,
    ToolMode,
)
from prxy.formats.base import make_extras, own_fields, spelt
from prxy.formats.openai_chat.media import cache_point
from prxy.formats.openai_chat.words import NAME
from prxy.formats.openai_options import read_schema, schema_fields
from prxy.formats.openai_tools import PlainFunction, freeform_names, read_tools, take_choice
from prxy.formats.reading import Fields

CHOICE_WORDS = {"none": ToolMode.NONE, "auto": ToolMode.AUTO, "required": ToolMode.REQUIRED, "any": ToolMode.REQUIRED}
"""`any` is Mistral's word: https://docs.mistral.ai/capabilities/function_calling (as of 2026-11)."""


class _PlainTool(Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["function"]
    function: PlainFunction


def parse_tools(fields: Fields) -> tuple[Tool, ...]:
    return read_tools(fields, NAME, plain=_plain, function=_function, custom=_custom)


def _plain(value: Json) -> PlainFunction | None:
    tool = Fields.plain(value, _PlainTool)
    return None if tool is None else tool.function


def _function(fields: Fields) -> FunctionTool:
    inner = fields.required_inner("function")
    name, description = inner.required_string("name"), inner.string("description")
    parameters, strict = inner.object("parameters"), inner.boolean("strict")
    outer, rest = fields.rest(), inner.rest()
    return FunctionTool(
        name=name,
        description=description,
        parameters=parameters,
        strict=strict,
        cache=cache_point(outer),
        at=fields.at,
        extras=make_extras(NAME, {**outer, "function": rest} if rest else outer),
    )


def _custom(fields: Fields) -> FreeformTool:
    inner = fields.required_inner("custom")
    name, description, form = inner.required_string("name"), inner.string("description"), inner.object("format")
    grammar, rest, outer = None, inner.rest(), fields.rest()
    match form:
        case {"type": "grammar", "grammar": dict(body), **others} if not others:
            grammar = body
        case dict():
            rest["format"] = form
    extras = make_extras(NAME, {**outer, "custom": rest} if rest else outer)
    return FreeformTool(name=name, description=description, grammar=grammar, at=fields.at, extras=extras)


def render_tool(tool: Tool) -> Wire:
    """Raises UnsupportedFeature for a tool that another provider runs."""
    match tool:
        case FunctionTool(name=name, description=description, parameters=parameters, strict=strict, extras=extras):
            body = {"name": name, "description": description, "parameters": parameters, "strict": strict}
            return _with_own({"type": "function", "function": body}, own_fields(extras, NAME), "function")
        case FreeformTool(name=name, description=description, grammar=grammar, extras=extras):
            form = None if grammar is None else {"type": "grammar", "grammar": grammar}
            body = {"name": name, "description": description, "format": form}
            return _with_own({"type": "custom", "custom": body}, own_fields(extras, NAME), "custom")
        case HostedTool(format=format_, value=value, at=at):
            if format_ != NAME:
                raise UnsupportedFeature(
                    f"'{at or 'tools'}' is a tool that its own provider runs; Chat Completions has functions and "
                    "custom tools only. Remove it or choose a model of that provider.",
                    code="unsupported_parameter",
                    param=at or "tools",
                )
            return value
        case _:
            assert_never(tool)


def _with_own(wire: Wire, own: Mapping[str, Json], type_: str) -> Wire:
    inner = {name: value for name, value in wire[type_].items() if value is not None}
    return {**own, **wire, type_: {**inner, **own.get(type_, {})}}


def parse_tool_choice(fields: Fields) -> ToolChoice | None:
    value = take_choice(fields, *CHOICE_WORDS)
    if value is None:
        return None
    if isinstance(value, str):
        return ToolChoice(mode=CHOICE_WORDS[value], extras=make_extras(NAME, {}, *(["any"] if value == "any" else [])))
    type_ = Fields(value, "tool_choice").word("type", "function", "custom", "allowed_tools")
    return (_allowed if type_ == "allowed_tools" else _named)(Fields(value, "tool_choice"))


def _named(fields: Fields) -> ToolChoice:
    type_ = fields.required_string("type")
    inner = fields.required_inner(type_)
    name, rest, outer = inner.required_string("name"), inner.rest(), fields.rest()
    extras = make_extras(NAME, {**outer, type_: rest} if rest else outer, *(["custom"] if type_ == "custom" else []))
    return ToolChoice(mode=ToolMode.NAMED, names=(name,), extras=extras)


def _allowed(fields: Fields) -> ToolChoice:
    fields.required("type")
    inner = fields.required_inner("allowed_tools")
    mode = inner.word("mode", "auto", "required")
    names = tuple(_allowed_name(tool) for tool in inner.each("tools"))
    outer = fields.rest()
    return ToolChoice(
        mode=ToolMode.ALLOWED_REQUIRED if mode == "required" else ToolMode.ALLOWED,
        names=names,
        extras=make_extras(NAME, {**outer, **inner.rest()}),
    )


def _allowed_name(fields: Fields) -> str:
    type_ = fields.word("type", "function", "custom") or "function"
    return fields.required_inner(type_).required_string("name")


def render_tool_choice(choice: ToolChoice, tools: Sequence[Tool]) -> Json:
    own = own_fields(choice.extras, NAME)
    match choice.mode:
        case ToolMode.AUTO | ToolMode.NONE:
            return choice.mode.value
        case ToolMode.REQUIRED:
            return "any" if spelt(choice.extras, NAME, "any") else "required"
        case ToolMode.NAMED:
            custom = spelt(choice.extras, NAME, "custom") or choice.names[0] in freeform_names(tools)
            type_ = "custom" if custom else "function"
            return _with_own({"type": type_, type_: {"name": choice.names[0]}}, own, type_)
        case ToolMode.ALLOWED | ToolMode.ALLOWED_REQUIRED:
            mode = "auto" if choice.mode is ToolMode.ALLOWED else "required"
            allowed = {**own, "mode": mode, "tools": list(_references(choice.names, tools))}
            return {"type": "allowed_tools", "allowed_tools": allowed}
        case _:
            assert_never(choice.mode)


def _references(names: Sequence[str], tools: Sequence[Tool]) -> Iterator[Wire]:
    freeform = freeform_names(tools)
    for name in names:
        type_ = "custom" if name in freeform else "function"
        yield {"type": type_, type_: {"name": name}}


def parse_output(fields: Fields) -> OutputFormat | None:
    """`response_format`."""
    value = fields.take("response_format")
    if value is None:
        return None
    form = Fields(value, "response_format")
    word = form.word("type", "text", "json_object", "json_schema")
    if word is None:
        form.fail("type", "is missing; use text, json_object or json_schema.", "missing_field")
    if word == "json_schema":
        return _schema(form)
    output = OutputKind.TEXT if word == "text" else OutputKind.JSON
    return OutputFormat(kind=output, extras=make_extras(NAME, form.rest()))


def _schema(form: Fields) -> OutputFormat:
    """The schema with its name, or, as some compatible vendors have it, the bare schema beside the type.

    https://docs.together.ai/docs/json-mode (as of 2026-11)
    """
    flat = form.object("schema")
    if flat is not None:
        extras = make_extras(NAME, form.rest(), "schema:flat")
        return OutputFormat(kind=OutputKind.SCHEMA, schema=flat, extras=extras)
    inner = form.required_inner("json_schema")
    output = read_schema(inner)
    outer, rest = form.rest(), inner.rest()
    return structs.replace(output, extras=make_extras(NAME, {**outer, "json_schema": rest} if rest else outer))


def render_output(output: OutputFormat) -> Wire:
    own = own_fields(output.extras, NAME)
    match output.kind:
        case OutputKind.TEXT:
            return {**own, "type": "text"}
        case OutputKind.JSON:
            return {**own, "type": "json_object"}
        case OutputKind.SCHEMA if spelt(output.extras, NAME, "schema:flat"):
            return {**own, "type": "json_schema", "schema": output.schema}
        case OutputKind.SCHEMA:
            return _with_own({"type": "json_schema", "json_schema": schema_fields(output)}, own, "json_schema")
        case _:
            assert_never(output.kind)
