"""A conversation as wires take it whose two sides alternate, with the results of calls at the head of the reply.

Every turn is arranged by itself, so that a longer conversation begins with the same turns (prompt caches).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

from msgspec import structs

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import Part, Text, ToolCall, ToolResult
from prxy.canonical.request import Message, Role

NO_RESULT = "This tool call was not completed: there is no result."

Tell = Callable[[ToolResult], tuple[Part, ...]]
"""Says a result that no call waits for in parts that are no result."""


def alternating(turns: Iterable[Message], tell: Tell) -> tuple[Message, ...]:
    """Turns of user and assistant -> the same, one after the other, every call answered in the turn after it.

    Raises InvalidRequest where nothing is left to say.
    """
    arranged = tuple(_trimmed(turn) for turn in _answered(_merged(turns), tell))
    if not arranged:
        raise InvalidRequest(
            "'messages' holds nothing but instructions or blank text; add a user message with some text.",
            code="missing_field",
            param="messages",
        )
    return arranged


def told(result: ToolResult) -> tuple[Part, ...]:
    """The result as text, and its media after it."""
    outcome = "Error" if result.is_error else "Result"
    return (Text(text=f"{outcome} of the tool call {result.name or result.call_id}:"), *result.parts)


def _merged(turns: Iterable[Message]) -> Iterator[Message]:
    spoken = (turn for turn in turns if turn.parts)
    for role, group in itertools.groupby(spoken, key=lambda turn: turn.role):
        same = list(group)
        yield Message(role=role, parts=tuple(part for turn in same for part in turn.parts), at=same[0].at)


def _answered(turns: Iterable[Message], tell: Tell) -> Iterator[Message]:
    """Roles alternate here, so the results of an assistant turn are in the user turn after it, or nowhere."""
    calls: tuple[str, ...] = ()
    for turn in turns:
        if turn.role is Role.USER:
            yield structs.replace(turn, parts=_with_results_first(turn.parts, calls, tell))
            calls = ()
        else:
            yield turn
            calls = tuple(part.id for part in turn.parts if isinstance(part, ToolCall))
    if calls:
        yield Message(role=Role.USER, parts=_with_results_first((), calls, tell))


def _with_results_first(parts: tuple[Part, ...], calls: tuple[str, ...], tell: Tell) -> tuple[Part, ...]:
    """One result for each call, then the rest."""
    results: dict[str, Part] = {}
    others: list[Part] = []
    for part in parts:
        if not isinstance(part, ToolResult):
            others.append(part)
        elif part.call_id in calls and part.call_id not in results:
            results[part.call_id] = part
        else:
            others += tell(part)
    missing = (
        ToolResult(call_id=call, parts=(Text(text=NO_RESULT),), is_error=True) for call in calls if call not in results
    )
    return (*results.values(), *missing, *others)


def _trimmed(turn: Message) -> Message:
    """Some models refuse a conversation that ends in an assistant's text with blanks at its end.

    Every assistant turn is trimmed, the last or not: it is the last one only until the conversation goes on.
    """
    match turn:
        case Message(role=Role.ASSISTANT, parts=(*before, Text() as last)):
            return structs.replace(turn, parts=(*before, structs.replace(last, text=last.text.rstrip())))
        case _:
            return turn
