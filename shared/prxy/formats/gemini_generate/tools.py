"""`tools` and `toolConfig`, both ways. https://ai.google.dev/api/caching#Tool (as of 2026-11)"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import assert_never

from prxy.canonical.errors import UnsupportedFeature
from prxy.canonical.parts import Wire
from prxy.canonical.request import (
    ChatRequest,
    FreeformTool,
    FunctionTool,
    HostedTool,
    OutputKind,
    Tool,
    ToolChoice,
    ToolMode,
)
from prxy.formats.base import make_extras, own_fields, spelt
from prxy.formats.gemini_generate.names import NAME, Names, outer_fields, respell
from prxy.formats.gemini_generate.schema import for_declaration, from_dialect

_NO_JSON_WITH_TOOLS = re.compile(r"gemini-[12]\.")
"""https://ai.google.dev/gemini-api/docs/structured-output, on structured outputs with tools (as of 2026-11)"""

_SHARED = "+"
"""Ends the name of a group of functions that share their object with hosted tools."""

_MODES: Mapping[str, ToolMode] = {
    "AUTO": ToolMode.AUTO,
    "NONE": ToolMode.NONE,
    "ANY": ToolMode.REQUIRED,
    "VALIDATED": ToolMode.AUTO,
    "MODE_UNSPECIFIED": ToolMode.AUTO,
}
_WORDS: Mapping[ToolMode, str] = {
    ToolMode.AUTO: "AUTO",
    ToolMode.NONE: "NONE",
    ToolMode.REQUIRED: "ANY",
    ToolMode.NAMED: "ANY",
    ToolMode.ALLOWED: "VALIDATED",
    ToolMode.ALLOWED_REQUIRED: "ANY",
}


def parse_tools(reader: Names) -> tuple[Tool, ...]:
    return tuple(tool for position, item in enumerate(reader.each("tools")) for tool in _parse_tool(item, position))


def _parse_tool(item: Names, position: int) -> Iterator[Tool]:
    """One tool object: function declarations, hosted tools, or both at once."""
    listed = item.has("functionDeclarations")
    declared = list(item.each("functionDeclarations"))
    value = item.rest() | ({"functionDeclarations": []} if listed and not declared else {})
    shared = _SHARED if value else ""
    for reader in declared:
        yield _parse_function(reader, [f"group:{position}{shared}", *item.spelling])
    if value or not declared:
        yield HostedTool(format=NAME, value=respell(value, make_extras(NAME, {}, *item.spelling)), at=item.at)


def _parse_function(reader: Names, marks: list[str]) -> FunctionTool:
    name, description = reader.required_string("name"), reader.string("description")
    fields: Wire = {}
    schema = reader.object("parametersJsonSchema")
    if schema is None and (dialect := reader.object("parameters")) is not None:
        schema = from_dialect(dialect)
        fields = {"parameters": dialect} if schema != dialect else {}
        marks = [*marks, "schema:parameters"]
    inner = [f"snake:functionDeclarations.{entry.removeprefix('snake:')}" for entry in reader.spelling]
    return FunctionTool(
        name=name,
        description=description,
        parameters=schema,
        at=reader.at,
        extras=make_extras(NAME, reader.rest() | fields, *marks, *inner),
    )


def parse_tool_choice(config: Names) -> ToolChoice | None:
    inner = config.inner("functionCallingConfig")
    if inner is None:
        return None
    word = inner.string("mode")
    names = inner.array("allowedFunctionNames") or []
    if not all(isinstance(name, str) for name in names):
        inner.fail("allowedFunctionNames", "must be a list of strings.", "invalid_type")
    if word is not None and word.upper() not in _MODES:
        inner.fail("mode", f"is '{word[:64]}'; use one of: {', '.join(_MODES)}.")
    mode = _narrowed(_MODES[word.upper()] if word else ToolMode.AUTO, len(names))
    return ToolChoice(mode=mode, names=tuple(names), extras=make_extras(NAME, inner.rest(), f"mode:{word or ''}"))


def _narrowed(mode: ToolMode, names: int) -> ToolMode:
    match mode:
        case ToolMode.REQUIRED if names:
            return ToolMode.NAMED if names == 1 else ToolMode.ALLOWED_REQUIRED
        case ToolMode.AUTO if names:
            return ToolMode.ALLOWED
        case _:
            return mode


def render_tools(request: ChatRequest) -> list[Wire]:
    """Raises UnsupportedFeature for tools that this wire lacks, or that cannot go with the output asked for."""
    if request.format != NAME:
        _check_output(request)
    groups: list[tuple[str, Wire]] = []
    for tool in request.tools:
        match tool:
            case FunctionTool():
                _add_function(groups, tool)
            case HostedTool(format=format_, value=value) if format_ == NAME:
                _add_hosted(groups, value)
            case HostedTool() | FreeformTool():
                raise _unsupported(tool)
            case _:
                assert_never(tool)
    return [wire for _, wire in groups]


def _check_output(request: ChatRequest) -> None:
    wants_json = request.output is not None and request.output.kind is not OutputKind.TEXT
    if wants_json and request.tools and _NO_JSON_WITH_TOOLS.search(request.model):
        raise UnsupportedFeature(
            f"{request.model} cannot have 'tools' and a JSON output format at once. Remove one of them, "
            "or use a newer Gemini model.",
            code="unsupported_parameter",
            param="tools",
        )


def _unsupported(tool: HostedTool | FreeformTool) -> UnsupportedFeature:
    what = f"Free-form tool '{tool.name}'" if isinstance(tool, FreeformTool) else "A tool hosted by another provider"
    return UnsupportedFeature(
        f"{what} ('{tool.at or 'tools'}') cannot be used with Gemini. Offer a function tool instead, or remove it.",
        code="unsupported_parameter",
        param=tool.at or "tools",
    )


def _add_function(groups: list[tuple[str, Wire]], tool: FunctionTool) -> None:
    marks = tool.extras.spelling if tool.extras is not None and tool.extras.format == NAME else frozenset()
    group = next((mark for mark in marks if mark.startswith("group:")), "group:")
    key = "function_declarations" if "snake:function_declarations" in marks else "functionDeclarations"
    if not groups or groups[-1][0] != group:
        groups.append((group, {key: []}))
    groups[-1][1][key].append(_render_function(tool))


def _add_hosted(groups: list[tuple[str, Wire]], value: Wire) -> None:
    if groups and groups[-1][0].endswith(_SHARED):
        _, wire = groups.pop()
        value = {**wire, **value}
    groups.append(("hosted", value))


def _render_function(tool: FunctionTool) -> Wire:
    wire: Wire = {"name": tool.name, "description": tool.description} | _render_schema(tool)
    rest = {name: value for name, value in own_fields(tool.extras, NAME).items() if name != "parameters"}
    wire = {name: value for name, value in wire.items() if value is not None} | rest
    return respell({"functionDeclarations": wire}, tool.extras).popitem()[1]  # type: ignore[no-any-return]


def _render_schema(tool: FunctionTool) -> Wire:
    if tool.parameters is None:
        return {}
    if spelt(tool.extras, NAME, "schema:parameters"):
        original = own_fields(tool.extras, NAME).get("parameters")
        same = original is not None and from_dialect(original) == tool.parameters
        return {"parameters": original if same else tool.parameters}
    own = tool.extras is not None and tool.extras.format == NAME
    return {"parametersJsonSchema": tool.parameters if own else for_declaration(tool.parameters)}


def render_tool_choice(request: ChatRequest) -> Wire | None:
    """`functionCallingConfig`. Google refuses a mode where there is nothing to call."""
    choice = request.tool_choice
    if choice is None or (request.format != NAME and not any(isinstance(tool, FunctionTool) for tool in request.tools)):
        return None
    wire: Wire = {"mode": _word(choice)} | ({"allowedFunctionNames": list(choice.names)} if choice.names else {})
    return {name: value for name, value in wire.items() if value} | outer_fields(choice.extras)


def _word(choice: ToolChoice) -> str:
    """The client's own word, where it still says the same."""
    marks = choice.extras.spelling if choice.extras is not None and choice.extras.format == NAME else frozenset()
    for mark in marks:
        word = mark.removeprefix("mode:")
        if (
            mark.startswith("mode:")
            and _narrowed(_MODES.get(word.upper(), ToolMode.AUTO), len(choice.names)) == choice.mode
        ):
            return word
    return _WORDS[choice.mode]
