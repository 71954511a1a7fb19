"""Turns of another wire, as this one takes them: every call with its result, every result after its call."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from msgspec import structs

from prxy.canonical.parts import Part, Text, ToolCall, ToolResult
from prxy.canonical.request import Message, Role
from prxy.formats.turns import NO_RESULT, told


def arrange(messages: Sequence[Message]) -> Iterator[Message]:
    """The same conversation; results come right after the turn that called, and a call that has none is given one.

    OpenAI refuses a call without a result and a result without a call. Every turn is arranged by itself, so that a
    longer conversation begins with the same items (prompt caches).
    """
    calls: tuple[str, ...] = ()
    for is_reply, group in itertools.groupby(messages, key=lambda message: message.role is not Role.ASSISTANT):
        turns = list(group)
        if is_reply:
            yield from _reply(turns, calls)
            calls = ()
        else:
            yield from turns
            calls = tuple(part.id for turn in turns for part in turn.parts if isinstance(part, ToolCall))
    yield from _reply((), calls)


def _reply(turns: Sequence[Message], calls: Sequence[str]) -> Iterator[Message]:
    """Everything between two turns of the assistant: first one result for each call, then what else is said."""
    results: dict[str, ToolResult] = {}
    others: list[Message] = []
    for turn in turns:
        parts: list[Part] = []
        for part in turn.parts:
            if isinstance(part, ToolResult) and part.call_id in calls and part.call_id not in results:
                results[part.call_id] = part
            else:
                parts += told(part) if isinstance(part, ToolResult) else (part,)
        role = Role.USER if turn.role is Role.TOOL else turn.role
        others.append(structs.replace(turn, role=role, parts=tuple(parts)))
    missing = (ToolResult(call_id=call, parts=(Text(text=NO_RESULT),)) for call in calls if call not in results)
    answers = (*results.values(), *missing)
    if answers:
        yield Message(role=Role.TOOL, parts=answers, at=turns[0].at if turns else "")
    yield from others
