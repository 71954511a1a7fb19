"""Tools and the choice among them: wire <-> canonical. https://platform.openai.com/docs/guides/tools (as of 2026-11)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, assert_never

from prxy.canonical.errors import UnsupportedFeature
from prxy.canonical.parts import Json, Wire
from prxy.canonical.request import FreeformTool, FunctionTool, HostedTool, Tool, ToolChoice, ToolMode
from prxy.formats.base import make_extras, own_fields, spelt
from prxy.formats.openai_responses.words import NAME
from prxy.formats.openai_tools import PlainFunction, freeform_names, read_tools, take_choice
from prxy.formats.reading import Fields

PLAIN_MODES: Mapping[str, ToolMode] = {
    "none": ToolMode.NONE,
    "auto": ToolMode.AUTO,
    "required": ToolMode.REQUIRED,
}
WHOLE = "choice"
"""Extra with a whole `tool_choice` that names a hosted tool."""


class _PlainTool(PlainFunction, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: Literal["function"]


def parse_tools(fields: Fields) -> tuple[Tool, ...]:
    return read_tools(fields, NAME, plain=_plain, function=_function, custom=_custom)


def _plain(value: Json) -> PlainFunction | None:
    return Fields.plain(value, _PlainTool)


def _function(fields: Fields) -> FunctionTool:
    name, description = fields.required_string("name"), fields.string("description")
    parameters, strict = fields.object("parameters"), fields.boolean("strict")
    return FunctionTool(
        name=name,
        description=description,
        parameters=parameters,
        strict=strict,
        at=fields.at,
        extras=make_extras(NAME, fields.rest()),
    )


def _custom(fields: Fields) -> FreeformTool:
    name, description, form = fields.required_string("name"), fields.string("description"), fields.object("format")
    rest = fields.rest()
    grammar: Wire | None = None
    if form is not None and form.get("type") == "grammar":
        grammar = {name: value for name, value in form.items() if name != "type"}
    elif form is not None:
        rest["format"] = form
    return FreeformTool(
        name=name, description=description, grammar=grammar, at=fields.at, extras=make_extras(NAME, rest)
    )


def render_tool(tool: Tool, *, own: bool) -> Wire:
    """`own`: this format parsed it. Raises UnsupportedFeature for a tool that another provider runs."""
    match tool:
        case FunctionTool():
            return _rendered_function(tool, own=own)
        case FreeformTool(name=name, description=description, grammar=grammar, extras=extras):
            form = None if grammar is None else {"type": "grammar", **grammar}
            wire = {"type": "custom", "name": name, "description": description, "format": form}
            return {**own_fields(extras, NAME), **_given(wire)}
        case HostedTool(format=format_, value=value, at=at):
            if format_ != NAME:
                raise UnsupportedFeature(
                    f"'{at or 'tools'}' is a tool that another provider runs; offer a function in its place, or "
                    "choose a model of that provider.",
                    code="unsupported_parameter",
                    param=at or "tools",
                )
            return value
        case _:
            assert_never(tool)


def _rendered_function(tool: FunctionTool, *, own: bool) -> Wire:
    """Functions are strict here unless they say otherwise, and on other wires the other way round."""
    wire = {"type": "function", "name": tool.name, "description": tool.description}
    if own:
        return {
            **own_fields(tool.extras, NAME),
            **_given({**wire, "parameters": tool.parameters, "strict": tool.strict}),
        }
    parameters = tool.parameters or {"type": "object", "properties": {}}
    return _given({**wire, "parameters": parameters, "strict": bool(tool.strict)})


def _given(wire: Wire) -> Wire:
    return {name: value for name, value in wire.items() if value is not None}


def parse_tool_choice(fields: Fields) -> ToolChoice | None:
    value = take_choice(fields, *PLAIN_MODES)
    if value is None:
        return None
    if isinstance(value, str):
        return ToolChoice(mode=PLAIN_MODES[value])
    inner = Fields(value, "tool_choice")
    type_ = inner.required_string("type")
    match type_:
        case "function" | "custom":
            name, custom = inner.required_string("name"), ["custom"] if type_ == "custom" else []
            return ToolChoice(mode=ToolMode.NAMED, names=(name,), extras=make_extras(NAME, inner.rest(), *custom))
        case "allowed_tools":
            return _allowed(inner, value)
        case _:
            inner.rest()
            return ToolChoice(mode=ToolMode.NAMED, names=(type_,), extras=make_extras(NAME, {WHOLE: value}))


def _allowed(fields: Fields, value: Wire) -> ToolChoice:
    mode = fields.word("mode", "auto", "required")
    listed = [(tool.required_string("type"), tool.string("name")) for tool in fields.each("tools")]
    fields.rest()
    known = all(type_ in ("function", "custom") and name for type_, name in listed)
    return ToolChoice(
        mode=ToolMode.ALLOWED_REQUIRED if mode == "required" else ToolMode.ALLOWED,
        names=tuple(name or type_ for type_, name in listed),
        extras=None if known else make_extras(NAME, {WHOLE: value}),
    )


def render_tool_choice(choice: ToolChoice, tools: Sequence[Tool]) -> Json:
    own = own_fields(choice.extras, NAME)
    if WHOLE in own:
        return own[WHOLE]
    freeform = freeform_names(tools)
    match choice.mode:
        case ToolMode.AUTO | ToolMode.NONE | ToolMode.REQUIRED:
            return choice.mode.value
        case ToolMode.NAMED:
            custom = spelt(choice.extras, NAME, "custom") or choice.names[0] in freeform
            return {**own, "type": "custom" if custom else "function", "name": choice.names[0]}
        case ToolMode.ALLOWED | ToolMode.ALLOWED_REQUIRED:
            mode = "auto" if choice.mode is ToolMode.ALLOWED else "required"
            listed = [{"type": "custom" if name in freeform else "function", "name": name} for name in choice.names]
            return {"type": "allowed_tools", "mode": mode, "tools": listed}
        case _:
            assert_never(choice.mode)
