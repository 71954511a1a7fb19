"""Messages of another format, arranged as this wire takes them.

Turns of user and assistant alternate; the user turn after calls begins with their results, one each; no text is blank;
ids and names hold only letters, digits, '_' and '-'.
Every turn is arranged by itself, so that a longer conversation begins with the same turns (prompt caches).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from msgspec import structs

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
from prxy.canonical.request import Message
from prxy.formats.anthropic_messages.media import fit_media
from prxy.formats.anthropic_messages.words import MAX_NAME_CHARS, NAME
from prxy.formats.calls import check_arguments, safe_id, safe_name
from prxy.formats.fitting import own_part
from prxy.formats.turns import alternating, told


def arrange(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Raises InvalidRequest where nothing is left to say, PartFault for parts that the wire lacks."""
    return alternating(messages, _fitted, told)


def _fitted(message: Message) -> list[Part]:
    parts: list[Part] = []
    for part in message.parts:
        if type(part) is Text:
            if part.text.strip():
                parts.append(part)
        else:
            parts += _fit(part)
    return parts


def _fit(part: Part) -> tuple[Part, ...]:
    """The part as this wire takes it; nothing where it says nothing."""
    match part:
        case Text() | Media() | Opaque():
            return _fit_inner(part)
        case Refusal():
            return _fit_inner(Text(text=part.text))
        case Reasoning():
            return (part,) if is_signed(part) else ()
        case ToolCall():
            return (_fit_call(part),)
        case ToolResult():
            inner = tuple(fitted for one in part.parts for fitted in _fit_inner(one))
            return (structs.replace(part, call_id=safe_id(part.call_id), parts=inner),)
        case ServerToolCall() | ServerToolResult():
            return (own_part(part, NAME),)
        case _:
            assert_never(part)


def is_signed(part: Reasoning) -> bool:
    """Whether the provider itself made this thought: it refuses any other."""
    return part.signature is not None and part.signature.format == NAME and part.signature.value != ""


def _fit_inner(part: Text | Media | Opaque) -> tuple[Text | Media | Opaque, ...]:
    match part:
        case Text():
            return (part,) if part.text.strip() else ()
        case Media():
            return (fit_media(part),)
        case Opaque():
            return (own_part(part, NAME),)
        case _:
            assert_never(part)


def _fit_call(part: ToolCall) -> ToolCall:
    check_arguments(part)
    return structs.replace(part, id=safe_id(part.id), name=safe_name(part.name, MAX_NAME_CHARS))
