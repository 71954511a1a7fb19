"""How long a prompt is up to a place in it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import assert_never

import msgspec

from prxy.canonical.parts import (
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
)
from prxy.canonical.request import ChatRequest, FreeformTool, FunctionTool, HostedTool, Tool

MEDIA_CHARS = 4000
"""An image or a document counts as about a thousand tokens."""


class Zone(IntEnum):
    """A stretch of the prompt, in the order in which providers read it."""

    TOOLS = 0
    SYSTEM = 1
    CONVERSATION = 2


def chars_to(request: ChatRequest, zone: Zone, messages: int = 0) -> int:
    """Characters up to the end of a zone; of the conversation, up to the end of its first `messages`."""
    chars = sum(map(_tool_chars, request.tools))
    if zone is not Zone.TOOLS and request.instructions is not None:
        chars += _parts_chars(request.instructions.parts)
    if zone is Zone.CONVERSATION:
        chars += sum(_parts_chars(message.parts) for message in request.messages[:messages])
    return chars


def _tool_chars(tool: Tool) -> int:
    match tool:
        case FunctionTool(parameters=schema) | FreeformTool(grammar=schema):
            described = len(tool.name) + len(tool.description or "")
            return described + (len(msgspec.json.encode(schema)) if schema else 0)
        case HostedTool():
            return len(msgspec.json.encode(tool.value))
        case _:
            assert_never(tool)


def _parts_chars(parts: Iterable[Part]) -> int:
    return sum(map(_part_chars, parts))


def _part_chars(part: Part) -> int:
    match part:
        case Text() | Reasoning() | Refusal():
            return len(part.text)
        case Media():
            return MEDIA_CHARS
        case ToolCall() | ServerToolCall():
            return len(part.name) + len(part.arguments)
        case ToolResult():
            return _parts_chars(part.parts)
        case ServerToolResult() | Opaque():
            return len(msgspec.json.encode(part.value))
        case _:
            assert_never(part)
