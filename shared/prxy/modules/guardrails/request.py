"""The walk over a request: every text that goes to a provider passes the guard.

Left alone: media by URL or in base64, names of tools, ids, and what the gateway or a provider signed or encrypted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import assert_never

from prxy.canonical.parts import (
    Inline,
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
from prxy.canonical.request import (
    ChatRequest,
    FreeformTool,
    FunctionTool,
    HostedTool,
    Message,
    OutputFormat,
    Role,
    Tool,
)
from prxy.canonical.stream import part_text, signature_of, with_text
from prxy.modules.guardrails.incoming import (
    Incoming,
    TextGuard,
    Unrewritten,
    each,
    guarded_extras,
    guarded_value,
    is_no_text_of_tool,
    nowhere,
    with_changes,
)

_WITH_CONTENT = ("messages[", "input[")
"""Paths of messages whose texts stand in `content`."""


def guarded_request(request: ChatRequest, guard: Incoming) -> ChatRequest:
    """The very same request where nothing is replaced. Raises GuardrailBlocked."""
    instructions = request.instructions
    return with_changes(
        request,
        instructions=instructions and _message(instructions, guard),
        messages=each(request.messages, partial(_message, guard=guard)),
        tools=each(request.tools, partial(_tool, guard=guard)),
        output=request.output and _output(request.output, guard),
        sampling=with_changes(request.sampling, stop=each(request.sampling.stop, _at("stop", guard))),
        user=_optional(request.user, _at("user", guard)),
        cache_key=_optional(request.cache_key, _at("cache_key", guard)),
        metadata=_value_at("metadata", request.metadata, guard),
        extras=_extras_at("body", request, guard),
    )


def _at(place: str, guard: Incoming) -> Callable[[str], str]:
    def guarded(text: str) -> str:
        guard.place = place
        return guard.text(text)

    return guarded


def _optional(text: str | None, guarded: Callable[[str], str]) -> str | None:
    return guarded(text) if text else text


def _value_at(place: str, value: object, guard: Incoming) -> object:
    guard.place = place
    return guarded_value(value, guard, nowhere)


def _extras_at(place: str, request: ChatRequest, guard: Incoming) -> object:
    guard.place = place
    return guarded_extras(request.extras, guard)


def _message(message: Message, guard: Incoming) -> Message:
    guard.place = place = message.at or "messages"
    name, extras = _optional(message.name, guard.text), guarded_extras(message.extras, guard)
    texts = f"{place}.content" if place.startswith(_WITH_CONTENT) else place

    def guarded(part: Part) -> Part:
        guard.place = texts if isinstance(part, Text | Media) else place
        signed = message.role is Role.ASSISTANT and signature_of(part) is not None
        return guarded_part(part, Unrewritten(guard) if signed and not guard.rewrites_signed else guard)

    parts = each(message.parts, guarded)
    guard.place = texts
    return with_changes(message, name=name, extras=extras, parts=_together(parts, guard))


def _together(parts: tuple[Part, ...], guard: Incoming) -> tuple[Part, ...]:
    """Neighbouring texts once more, as the one text that the model reads; signed ones stay as they are."""
    told: list[Part] = []
    for are_texts, group in groupby(parts, lambda part: type(part) is Text and part.signature is None):
        run = [*group]
        told += _one_text(run, guard) if are_texts else [_result_together(part, guard) for part in run]
    return parts if all(new is old for new, old in zip(told, parts, strict=True)) else tuple(told)


def _one_text(parts: Sequence[Part], guard: Incoming) -> Sequence[Part]:
    if len(parts) < 2:
        return parts
    texts = guard.together([part_text(part) for part in parts])
    return [part if text == part_text(part) else with_text(part, text) for part, text in zip(parts, texts, strict=True)]


def _result_together(part: Part, guard: Incoming) -> Part:
    if type(part) is not ToolResult:
        return part
    return with_changes(part, parts=_together(part.parts, guard))


def guarded_part(part: Part, guard: TextGuard) -> Part:
    """The very same part where nothing is replaced."""
    match part:
        case Text() | Reasoning() | Refusal():
            return with_changes(part, text=guard.text(part.text), extras=guarded_extras(part.extras, guard))
        case Media():
            return _media(part, guard)
        case ToolCall() | ServerToolCall():
            return _call(part, guard)
        case ToolResult():
            inner = each(part.parts, lambda one: _inner(one, guard))
            return with_changes(part, parts=inner, extras=guarded_extras(part.extras, guard))
        case ServerToolResult() | Opaque():
            return with_changes(part, value=guarded_value(part.value, guard))
        case _:
            assert_never(part)


def _inner(part: Text | Media | Opaque, guard: TextGuard) -> Text | Media | Opaque:
    match part:
        case Text():
            return with_changes(part, text=guard.text(part.text), extras=guarded_extras(part.extras, guard))
        case Media():
            return _media(part, guard)
        case Opaque():
            return with_changes(part, value=guarded_value(part.value, guard))
        case _:
            assert_never(part)


def _media(media: Media, guard: TextGuard) -> Media:
    source = media.source
    if isinstance(source, Inline) and source.is_text:
        source = with_changes(source, data=guard.text(source.data))
    name = guard.text(media.name) if media.name else media.name
    return with_changes(media, source=source, name=name, extras=guarded_extras(media.extras, guard))


def _call(call: ToolCall | ServerToolCall, guard: TextGuard) -> ToolCall | ServerToolCall:
    freeform = isinstance(call, ToolCall) and call.freeform
    arguments = guard.text(call.arguments) if freeform else guard.json(call.arguments)
    return with_changes(call, arguments=arguments, extras=guarded_extras(call.extras, guard))


def _tool(tool: Tool, guard: Incoming) -> Tool:
    guard.place = tool.at or "tools"
    match tool:
        case FunctionTool():
            return with_changes(
                tool,
                description=_optional(tool.description, guard.text),
                parameters=guarded_value(tool.parameters, guard, nowhere),
                extras=guarded_extras(tool.extras, guard),
            )
        case FreeformTool():
            return with_changes(
                tool,
                description=_optional(tool.description, guard.text),
                grammar=guarded_value(tool.grammar, guard),
                extras=guarded_extras(tool.extras, guard),
            )
        case HostedTool():
            return with_changes(tool, value=guarded_value(tool.value, guard, is_no_text_of_tool))
        case _:
            assert_never(tool)


def _output(output: OutputFormat, guard: Incoming) -> OutputFormat:
    guard.place = "output"
    return with_changes(
        output,
        description=_optional(output.description, guard.text),
        schema=guarded_value(output.schema, guard, nowhere),
        extras=guarded_extras(output.extras, guard),
    )
