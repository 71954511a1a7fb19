"""Where marks stand up to which a provider caches the prompt: the client's own, and those that are added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeGuard, assert_never

from msgspec import structs

from prxy.canonical.parts import (
    CachePoint,
    Json,
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
    Role,
    Tool,
)
from prxy.modules.prompt_optimizer.sizes import Zone, chars_to

MOST_MARKS = 4
"""All that a provider takes, the client's own included.

https://docs.claude.com/en/docs/build-with-claude/prompt-caching (as of 2026-11-22)
"""


class Spot(NamedTuple):
    """A place for a mark: the end of a zone, or of the first `messages` of the conversation."""

    zone: Zone
    messages: int = 0


def settled(messages: Sequence[Message]) -> int:
    """How many messages a following call repeats for sure: all but the newest question. Results of tools count, for
    the model is yet to go on from them."""
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        if message.role in (Role.ASSISTANT, Role.TOOL) or any(isinstance(part, ToolResult) for part in message.parts):
            return place + 1
    return 0


def marked(request: ChatRequest, least: int) -> ChatRequest:
    """With as many marks as there is room for. One before a client's mark lives as long as that: a longer life may not
    follow a shorter one."""
    marks = list(client_marks(request))
    taken = {zone for zone, _ in marks}
    spots = [
        spot
        for spot in _spots(request)
        if spot.zone not in taken and chars_to(request, spot.zone, spot.messages) >= least
    ]
    for spot in spots[: max(0, MOST_MARKS - len(marks))]:
        ttl = next((point.ttl for zone, point in marks if zone > spot.zone), None)
        request = _with_mark(request, spot, CachePoint(ttl=ttl, hint=True))
    return request


def _spots(request: ChatRequest) -> Iterator[Spot]:
    """The most useful first."""
    messages = request.messages
    talked = [place for place, message in enumerate(messages) if message.role is Role.ASSISTANT]
    if talked and talked[-1] == len(messages) - 1:
        messages, talked = messages[:-1], talked[:-1]
    now, before = settled(messages), settled(messages[: talked[-1]]) if talked else 0
    yield from (Spot(Zone.CONVERSATION, now),) if now else ()
    yield from (Spot(Zone.SYSTEM),) if request.instructions else ()
    yield from (Spot(Zone.CONVERSATION, before),) if before else ()
    yield from (Spot(Zone.TOOLS),) if request.tools else ()


def _with_mark(request: ChatRequest, spot: Spot, point: CachePoint) -> ChatRequest:
    match spot.zone:
        case Zone.TOOLS:
            return structs.replace(request, tools=_mark_last_tool(request.tools, point))
        case Zone.SYSTEM if request.instructions is not None:
            parts = _mark_last_part(request.instructions.parts, point)
            return structs.replace(request, instructions=structs.replace(request.instructions, parts=parts))
        case Zone.SYSTEM:
            return request
        case Zone.CONVERSATION:
            return structs.replace(request, messages=_mark_message(request.messages, spot.messages, point))
        case _:
            assert_never(spot.zone)


def _mark_last_tool(tools: tuple[Tool, ...], point: CachePoint) -> tuple[Tool, ...]:
    for place in range(len(tools) - 1, -1, -1):
        tool = tools[place]
        if isinstance(tool, FunctionTool):
            return (*tools[:place], structs.replace(tool, cache=point), *tools[place + 1 :])
    return tools


def _mark_message(messages: tuple[Message, ...], end: int, point: CachePoint) -> tuple[Message, ...]:
    for place in range(end - 1, -1, -1):
        parts = _mark_last_part(messages[place].parts, point)
        if parts is not messages[place].parts:
            return (*messages[:place], structs.replace(messages[place], parts=parts), *messages[place + 1 :])
    return messages


def _mark_last_part(parts: tuple[Part, ...], point: CachePoint) -> tuple[Part, ...]:
    """With a mark on the last part that takes one; the same where none does."""
    for place in range(len(parts) - 1, -1, -1):
        part = parts[place]
        if _takes_mark(part):
            return (*parts[:place], structs.replace(part, cache=point), *parts[place + 1 :])
    return parts


def _takes_mark(part: Part) -> TypeGuard[Text | Media | ToolCall | ToolResult]:
    """Blank text takes none."""
    return part.text.strip() != "" if isinstance(part, Text) else isinstance(part, Media | ToolCall | ToolResult)


# The client's own


def client_marks(request: ChatRequest) -> Iterator[tuple[Zone, CachePoint]]:
    """In the order of the prompt."""
    for tool in request.tools:
        yield from ((Zone.TOOLS, point) for point in _tool_points(tool))
    if request.instructions is not None:
        yield from ((Zone.SYSTEM, point) for point in _points(request.instructions.parts))
    for message in request.messages:
        yield from ((Zone.CONVERSATION, point) for point in _points(message.parts))
    yield from ((Zone.CONVERSATION, point) for point in _end_mark(request))


def marks_its_end(request: ChatRequest) -> bool:
    """Whether the client asks for a mark at the very end, wherever that is."""
    return any(_end_mark(request))


def _end_mark(request: ChatRequest) -> Iterator[CachePoint]:
    return _verbatim(request.extras.fields if request.extras else {})


def _tool_points(tool: Tool) -> Iterator[CachePoint]:
    match tool:
        case FunctionTool():
            yield from (tool.cache,) if tool.cache else ()
        case FreeformTool(extras=extras):
            yield from _verbatim(extras.fields if extras else {})
        case HostedTool():
            yield from _verbatim(tool.value)
        case _:
            assert_never(tool)


def _points(parts: Iterable[Part]) -> Iterator[CachePoint]:
    for part in parts:
        match part:
            case ToolResult():
                yield from _points(part.parts)
                yield from (part.cache,) if part.cache else ()
            case Text() | Media() | ToolCall():
                yield from (part.cache,) if part.cache else ()
            case Opaque() | ServerToolResult():
                yield from _verbatim(part.value)
            case ServerToolCall(extras=extras) | Reasoning(extras=extras) | Refusal(extras=extras):
                yield from _verbatim(extras.fields if extras else {})
            case _:
                assert_never(part)


def _verbatim(fields: Mapping[str, Json]) -> Iterator[CachePoint]:
    """The mark of a block that passes as it came."""
    match fields:
        case {"cache_control": {"ttl": str(ttl)}}:
            yield CachePoint(ttl=ttl)
        case {"cache_control": dict()}:
            yield CachePoint()
        case _:
            return
