"""Tool names that a wire does not take travel under an alias; the answer's calls come back under the client's names.

An alias depends on the name alone, so that it is the same in every turn of a conversation, and another for every name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from msgspec import structs

from prxy.canonical.events import PartStart, StreamEvent
from prxy.canonical.parts import Part, ToolCall, ToolResult
from prxy.canonical.request import ChatRequest, FreeformTool, FunctionTool, Message, Tool, calls_of
from prxy.canonical.stream import EventFilter

_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")
_READABLE_CHARS = 40


def aliased(request: ChatRequest, allowed: re.Pattern[str] | None) -> tuple[ChatRequest, EventFilter | None]:
    """The request with names that `allowed` takes, and how to read the answer; None where every name will do."""
    if allowed is None:
        return request, None
    offered = [tool.name for tool in request.tools if type(tool) is FunctionTool or type(tool) is FreeformTool]
    called = [call.name for call in calls_of(request.messages)]  # which may be what was never offered
    aliases = {name: _alias(name) for name in (*offered, *called) if not allowed.fullmatch(name)}
    if not aliases:
        return request, None
    return _renamed(request, aliases), NamesRestored({alias: name for name, alias in aliases.items()})


def _alias(name: str) -> str:
    proof = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    readable = _UNSAFE.sub("_", name)[:_READABLE_CHARS].strip("_")
    return f"{readable or 'tool'}_{proof}" if readable[:1].isalpha() else f"tool_{readable}_{proof}"


def _renamed(request: ChatRequest, aliases: Mapping[str, str]) -> ChatRequest:
    choice = request.tool_choice
    if choice is not None:
        choice = structs.replace(choice, names=tuple(aliases.get(name, name) for name in choice.names))
    return structs.replace(
        request,
        tools=tuple(_renamed_tool(tool, aliases) for tool in request.tools),
        tool_choice=choice,
        messages=tuple(_renamed_message(message, aliases) for message in request.messages),
    )


def _renamed_tool(tool: Tool, aliases: Mapping[str, str]) -> Tool:
    if isinstance(tool, FunctionTool | FreeformTool):
        return structs.replace(tool, name=aliases.get(tool.name, tool.name))
    return tool


def _renamed_message(message: Message, aliases: Mapping[str, str]) -> Message:
    return structs.replace(message, parts=tuple(_renamed_part(part, aliases) for part in message.parts))


def _renamed_part(part: Part, aliases: Mapping[str, str]) -> Part:
    match part:
        case ToolCall(name=name) | ToolResult(name=str(name)) if name in aliases:
            return structs.replace(part, name=aliases[name])
        case _:
            return part


class NamesRestored:
    """Events -> events: calls under an alias get the client's name."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def feed(self, item: StreamEvent) -> Iterable[StreamEvent]:
        match item:
            case PartStart(part=ToolCall(name=name) as call) if name in self._names:
                return (structs.replace(item, part=structs.replace(call, name=self._names[name])),)
            case _:
                return (item,)

    def finish(self) -> Iterable[StreamEvent]:
        return ()
