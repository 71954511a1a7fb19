"""Messages of another format, arranged as this wire takes them.

Turns of user and assistant alternate; the user turn after calls begins with their results, one each; no text is blank;
ids and names hold only letters, digits, '_' and '-'.
Every turn is arranged by itself, so that a longer conversation begins with the same turns (prompt caches).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TypeVar, assert_never

from msgspec import structs

from prxy.canonical.errors import InvalidRequest
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
from prxy.canonical.request import Message, Role
from prxy.formats.anthropic_messages.media import fit_media
from prxy.formats.anthropic_messages.words import NAME, decode_arguments, safe_id, safe_name
from prxy.formats.places import PartFault

_Own = TypeVar("_Own", bound=ServerToolCall | ServerToolResult | Opaque)

NO_RESULT = "This tool call was not completed: there is no result."


def arrange(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Raises InvalidRequest where nothing is left to say, PartFault for parts that the wire lacks."""
    turns = _merged(_turn(message) for message in messages)
    arranged = tuple(_trimmed(turn) for turn in _answered(turns))
    if not arranged:
        raise InvalidRequest(
            "'messages' holds nothing but instructions or blank text; add a user message with some text.",
            code="missing_field",
            param="messages",
        )
    return arranged


def _turn(message: Message) -> Message:
    """System text in the middle of a conversation is said by the user, at its place."""
    role = Role.ASSISTANT if message.role is Role.ASSISTANT else Role.USER
    parts = tuple(fitted for part in message.parts for fitted in _fit(part))
    return Message(role=role, parts=parts, at=message.at)


def _merged(turns: Iterable[Message]) -> Iterator[Message]:
    spoken = (turn for turn in turns if turn.parts)
    for role, group in itertools.groupby(spoken, key=lambda turn: turn.role):
        same = list(group)
        yield Message(role=role, parts=tuple(part for turn in same for part in turn.parts), at=same[0].at)


def _answered(turns: Iterable[Message]) -> Iterator[Message]:
    """Roles alternate here, so the results of an assistant turn are in the user turn after it, or nowhere."""
    calls: tuple[str, ...] = ()
    for turn in turns:
        if turn.role is Role.USER:
            yield structs.replace(turn, parts=_with_results_first(turn.parts, calls))
            calls = ()
        else:
            yield turn
            calls = tuple(part.id for part in turn.parts if isinstance(part, ToolCall))
    if calls:
        yield Message(role=Role.USER, parts=_with_results_first((), calls))


def _with_results_first(parts: tuple[Part, ...], calls: tuple[str, ...]) -> tuple[Part, ...]:
    """One result for each call, then the rest. A result that no call waits for is told as text."""
    results: dict[str, Part] = {}
    others: list[Part] = []
    for part in parts:
        if not isinstance(part, ToolResult):
            others.append(part)
        elif part.call_id in calls and part.call_id not in results:
            results[part.call_id] = part
        else:
            others += _told(part)
    missing = (
        ToolResult(call_id=call, parts=(Text(text=NO_RESULT),), is_error=True) for call in calls if call not in results
    )
    return (*results.values(), *missing, *others)


def _told(result: ToolResult) -> tuple[Part, ...]:
    outcome = "Error" if result.is_error else "Result"
    return (Text(text=f"{outcome} of the tool call {result.name or result.call_id}:"), *result.parts)


def _trimmed(turn: Message) -> Message:
    """The provider refuses a conversation that ends in an assistant's text with blanks at its end.

    Every assistant turn is trimmed, the last or not: it is the last one only until the conversation goes on.
    """
    match turn:
        case Message(role=Role.ASSISTANT, parts=(*before, Text() as last)):
            return structs.replace(turn, parts=(*before, structs.replace(last, text=last.text.rstrip())))
        case _:
            return turn


def _fit(part: Part) -> Iterator[Part]:
    """The part as this wire takes it; nothing where it says nothing."""
    match part:
        case Text() | Media() | Opaque():
            yield from _fit_inner(part)
        case Refusal():
            yield from _fit_inner(Text(text=part.text))
        case Reasoning():
            yield from (part,) if is_signed(part) else ()
        case ToolCall():
            yield _fit_call(part)
        case ToolResult():
            inner = tuple(fitted for one in part.parts for fitted in _fit_inner(one))
            yield structs.replace(part, call_id=safe_id(part.call_id), parts=inner)
        case ServerToolCall() | ServerToolResult():
            yield _own(part)
        case _:
            assert_never(part)


def is_signed(part: Reasoning) -> bool:
    """Whether the provider itself made this thought: it refuses any other."""
    return part.signature is not None and part.signature.format == NAME and part.signature.value != ""


def _fit_inner(part: Text | Media | Opaque) -> Iterator[Text | Media | Opaque]:
    match part:
        case Text():
            yield from (part,) if part.text.strip() else ()
        case Media():
            yield fit_media(part)
        case Opaque():
            yield _own(part)
        case _:
            assert_never(part)


def _fit_call(part: ToolCall) -> ToolCall:
    if not part.freeform and decode_arguments(part.arguments) is None:
        raise PartFault(
            part,
            f"(call '{part.id[:64]}' of '{part.name[:64]}') has arguments that are no JSON object; "
            "send them as the model wrote them, or leave the call and its result out.",
            InvalidRequest,
        )
    return structs.replace(part, id=safe_id(part.id), name=safe_name(part.name))


def _own(part: _Own) -> _Own:
    if part.format == NAME:
        return part
    raise PartFault(
        part,
        "is something only another vendor's API understands; use text, images, documents, tool calls and tool results.",
    )
