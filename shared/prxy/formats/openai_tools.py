"""What Chat Completions and Responses have in common about tools. https://platform.openai.com/docs/guides/tools
(as of 2026-11)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from msgspec import Struct

from prxy.canonical.parts import Json, Wire
from prxy.canonical.request import FreeformTool, FunctionTool, HostedTool, Tool
from prxy.formats.base import encode_json
from prxy.formats.reading import Fields, kind

MAX_ID = 64
"""Longest call id that OpenAI takes, in characters."""


class PlainFunction(Struct, frozen=True, forbid_unknown_fields=True):
    """All of a function for which the canonical form has words, as it is of nearly every one."""

    name: str
    description: str | None = None
    parameters: dict[str, Json] | None = None
    strict: bool | None = None


def safe_id(id_: str) -> str:
    """The same id wherever it is short enough, else its head and a digest, so that call and result still agree."""
    if len(id_) <= MAX_ID:
        return id_
    return f"{id_[:40]}_{hashlib.sha256(id_.encode()).hexdigest()[:20]}"


def arguments_text(value: Json) -> str:
    """The text of a call's arguments; some servers send the object itself."""
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return encode_json(value).decode()


def read_tools(
    fields: Fields,
    format_: str,
    *,
    plain: Callable[[Json], PlainFunction | None],
    function: Callable[[Fields], FunctionTool],
    custom: Callable[[Fields], FreeformTool],
) -> tuple[Tool, ...]:
    """`tools`: functions, tools of free text, and those that the provider of this format runs itself.

    `plain` reads functions of which nothing is left over; any other tool it leaves to `function` or `custom`.
    """

    def tool_of(value: Json, at: str) -> Tool:
        said = plain(value)
        if said is not None:
            return FunctionTool(
                name=said.name, description=said.description, parameters=said.parameters, strict=said.strict, at=at
            )
        tool = Fields(value, at)
        match tool.required_string("type"):
            case "function":
                return function(tool)
            case "custom":
                return custom(tool)
            case _:
                return HostedTool(format=format_, value=value, at=at)

    values = fields.array("tools") or ()
    return tuple([tool_of(value, f"tools[{position}]") for position, value in enumerate(values)])


def take_choice(fields: Fields, *words: str) -> str | Wire | None:
    """`tool_choice`: one of the words, or an object. Raises InvalidRequest for anything else."""
    value = fields.take("tool_choice")
    if isinstance(value, str):
        return Fields({"tool_choice": value}).word("tool_choice", *words)
    if value is not None and not isinstance(value, dict):
        fields.fail("tool_choice", f"must be a string or an object, not {kind(value)}.", "invalid_type")
    return value


def freeform_names(tools: Iterable[Tool]) -> frozenset[str]:
    return frozenset(tool.name for tool in tools if isinstance(tool, FreeformTool))
