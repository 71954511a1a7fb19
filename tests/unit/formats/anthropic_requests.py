"""Builders of canonical requests as clients of another format make them, and short views of the bodies made of them."""

from __future__ import annotations

from typing import Any

from prxy.canonical.parts import (
    Part,
    Text,
    ToolCall,
    ToolResult,
)
from prxy.canonical.request import (
    ChatRequest,
    FunctionTool,
    Message,
    Role,
    Sampling,
)
from prxy.formats.anthropic_messages import render_request

F = FunctionTool(name="f", parameters={"type": "object", "properties": {}}, at="tools[0]")
G = FunctionTool(name="g", at="tools[1]")


def request(*messages: Message, **fields: Any) -> ChatRequest:
    placed = tuple(
        Message(role=one.role, parts=one.parts, name=one.name, at=f"messages[{place}]", extras=one.extras)
        for place, one in enumerate(messages or (said("Hi."),))
    )
    sampling = fields.pop("sampling", Sampling(max_output_tokens=64))
    return ChatRequest(format="elsewhere", model="m", messages=placed, sampling=sampling, **fields)


def said(*parts: Part | str, role: Role = Role.USER) -> Message:
    return Message(role=role, parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts))


def assistant(*parts: Part | str) -> Message:
    return said(*parts, role=Role.ASSISTANT)


def result(call_id: str, *texts: str) -> Message:
    return said(ToolResult(call_id=call_id, parts=tuple(Text(text=text) for text in texts)), role=Role.TOOL)


def call(call_id: str, arguments: str = "{}", name: str = "f") -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


def body(*messages: Message, **fields: Any) -> dict[str, Any]:
    return render_request(request(*messages, **fields)).body


def turns(*messages: Message) -> list[tuple[str, list[Any]]]:
    """Role and, for each block, its text or its type with its id."""
    return [(turn["role"], [_short(block) for block in turn["content"]]) for turn in body(*messages)["messages"]]


def _short(block: dict[str, Any]) -> Any:
    match block:
        case {"type": "text"}:
            return block["text"]
        case {"type": "tool_result"}:
            return ("result", block["tool_use_id"])
        case {"type": "tool_use"}:
            return ("call", block["id"])
        case _:
            return block["type"]


def losses(made: ChatRequest) -> list[str]:
    return [loss.field for loss in render_request(made).losses]
