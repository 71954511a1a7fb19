"""Where a part stood in the client's body: errors about content name it (`messages[2].content[1]`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps

from prxy.canonical.errors import InvalidRequest, UnsupportedFeature
from prxy.canonical.parts import Opaque, Part, ServerToolResult, ToolResult
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.formats.base import Rendered

BESIDE = "beside:"
"""Begins the spelling of a part that stood in a field of its own next to the content: `beside:tool_calls`."""

_CONTENT = ".content"
_LISTS: Mapping[str, str] = {
    "contents": ".parts",
    "systemInstruction": ".parts",
    "system_instruction": ".parts",
    "system": "",
}
"""First word of a message's path -> where its parts stand below it; `.content` for every other word."""


class PartFault(Exception):
    """A part that cannot be said, raised where the part is known and its place is not. `locating` finds the place."""

    def __init__(self, part: Part, problem: str, error: type[InvalidRequest] = UnsupportedFeature) -> None:
        """`problem` completes the sentence that begins with the part's path."""
        super().__init__(problem)
        self.part, self.problem, self.error = part, problem, error


def locating(render: Callable[[ChatRequest], Rendered]) -> Callable[[ChatRequest], Rendered]:
    """The same renderer, whose errors about a part name its place in the client's body."""

    @wraps(render)
    def located(request: ChatRequest) -> Rendered:
        try:
            return render(request)
        except PartFault as fault:
            path = part_path(request, fault.part)
            raise fault.error(f"'{path}' {fault.problem}", param=path) from fault

    return located


def part_path(request: ChatRequest, part: Part) -> str:
    """Path of that very part in the client's body; `messages` for one that a renderer made itself."""
    for message in (*([request.instructions] if request.instructions else []), *request.messages):
        for position, spoken in enumerate(message.parts):
            if spoken is part:
                return _path(message, position) or "messages"
            inner = spoken.parts if isinstance(spoken, ToolResult) else ()
            place = next((place for place, one in enumerate(inner) if one is part), None)
            if place is not None:
                return _inner_path(message, position, place) or "messages"
    return "messages"


def _path(message: Message, position: int) -> str:
    before, field = message.parts[:position], _field(message.parts[position])
    if field is not None:
        return f"{message.at}.{field}[{_beside(before, field)}]"
    return _within(message, position - _beside(before))


def _inner_path(message: Message, position: int, place: int) -> str:
    """A part of a tool result, which in some wires is the message itself."""
    if not _path(message, position).startswith(f"{message.at}{_CONTENT}["):
        return _path(message, position)
    if message.role is Role.TOOL:
        return _within(message, place)
    return f"{_path(message, position)}{_CONTENT}[{place}]"


def _within(message: Message, position: int) -> str:
    list_ = _LISTS.get(message.at.partition("[")[0], _CONTENT)
    return f"{message.at}{list_}[{position}]" if message.at else ""


def _field(part: Part) -> str | None:
    """The field of its own in which the part stood; None where it stood in the content."""
    if isinstance(part, ServerToolResult | Opaque) or part.extras is None:
        return None
    return next((mark.removeprefix(BESIDE) for mark in part.extras.spelling if mark.startswith(BESIDE)), None)


def _beside(parts: Iterable[Part], field: str | None = None) -> int:
    """How many of the parts stood beside the content, in that field or in any."""
    fields = [found for part in parts if (found := _field(part)) is not None]
    return len(fields) if field is None else fields.count(field)
