"""A conversation as wires take it whose two sides alternate, with the results of calls at the head of the reply.

Every turn is arranged by itself, so that a longer conversation begins with the same turns (prompt caches).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import structs

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import Part, Text, ToolCall, ToolResult
from prxy.canonical.request import Message, Role

_USER, _ASSISTANT = Role.USER, Role.ASSISTANT

NO_RESULT = "This tool call was not completed: there is no result."

Fit = Callable[[Message], list[Part]]
"""A message's parts, in a list of their own, as the wire takes them; none where it says nothing."""
Tell = Callable[[ToolResult], tuple[Part, ...]]
"""Says a result that no call waits for in parts that are no result."""


def alternating(messages: Iterable[Message], fit: Fit, tell: Tell) -> tuple[Message, ...]:
    """Turns of user and assistant, one after the other, every call answered in the turn after it.

    Who is no assistant is a user: system text in the middle of a conversation is said by the user, at its place.
    Raises InvalidRequest where nothing is left to say.
    """
    arranged: list[Message] = []
    calls: Sequence[str] = ()
    for role, said, at in _merged(messages, fit):
        if role is _ASSISTANT:
            calls = [part.id for part in said if type(part) is ToolCall] if ToolCall in map(type, said) else ()
            said[-1] = _trimmed(said[-1])
        elif calls or ToolResult in map(type, said):
            said[:] = _with_results_first(said, calls, tell)
            calls = ()
        arranged.append(Message(role=role, parts=tuple(said), at=at))
    if calls:
        arranged.append(Message(role=_USER, parts=tuple(_with_results_first((), calls, tell))))
    if not arranged:
        raise InvalidRequest(
            "'messages' holds nothing but instructions or blank text; add a user message with some text.",
            code="missing_field",
            param="messages",
        )
    return tuple(arranged)


def told(result: ToolResult) -> tuple[Part, ...]:
    """The result as text, and its media after it."""
    outcome = "Error" if result.is_error else "Result"
    return (Text(text=f"{outcome} of the tool call {result.name or result.call_id}:"), *result.parts)


def _merged(messages: Iterable[Message], fit: Fit) -> list[tuple[Role, list[Part], str]]:
    """What each side says at a time, and where its first message stood: neighbours of one side are one turn."""
    turns: list[tuple[Role, list[Part], str]] = []
    speaking, said = None, list[Part]()
    for message in messages:
        role = _ASSISTANT if message.role is _ASSISTANT else _USER
        parts = fit(message)
        if parts and role is speaking:
            said += parts
        elif parts:
            speaking, said = role, parts
            turns.append((role, said, message.at))
    return turns


def _with_results_first(parts: Iterable[Part], calls: Sequence[str], tell: Tell) -> list[Part]:
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
    missing = [
        ToolResult(call_id=call, parts=(Text(text=NO_RESULT),), is_error=True) for call in calls if call not in results
    ]
    return [*results.values(), *missing, *others]


def _trimmed(last: Part) -> Part:
    """Some models refuse a conversation that ends in an assistant's text with blanks at its end.

    Every assistant turn is trimmed, the last or not: it is the last one only until the conversation goes on.
    """
    return structs.replace(last, text=last.text.rstrip()) if type(last) is Text else last
