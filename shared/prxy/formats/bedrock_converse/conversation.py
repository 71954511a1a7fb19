"""Messages of another format, arranged as this wire takes them.

Turns of user and assistant alternate; the user turn after calls begins with their results, one each; no text is blank;
ids and names hold only letters, digits, '_' and '-'; a document has a name of its own and a text beside it.
Every turn is arranged by itself, so that a longer conversation begins with the same turns (prompt caches).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import TypeVar, assert_never

from msgspec import structs

from prxy.canonical.parts import (
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Text,
    ToolCall,
    ToolResult,
)
from prxy.canonical.request import Message
from prxy.formats.bedrock_converse.media import DocumentNames, fit_media
from prxy.formats.bedrock_converse.vendors import Vendor
from prxy.formats.bedrock_converse.words import MAX_NAME_CHARS, NAME
from prxy.formats.calls import check_arguments, safe_id, safe_name
from prxy.formats.fitting import own_part
from prxy.formats.turns import alternating

_Markable = TypeVar("_Markable", Text, Media, ToolCall)

BESIDE_DOCUMENTS = "See the document."
"""The provider refuses documents in a turn without text."""


def arrange(messages: Iterable[Message], vendor: Vendor) -> tuple[Message, ...]:
    """Raises InvalidRequest where nothing is left to say, PartFault for parts that the wire lacks."""
    fitter = _Fitter(vendor)
    return alternating(messages, fitter.parts, _told)


def is_signed(part: Reasoning, vendor: Vendor) -> bool:
    """Whether the model itself made this thought: it refuses any other."""
    signature = part.signature
    return signature is not None and signature.value != "" and signature.format in {NAME, *vendor.signatures}


def without_tool_blocks(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The same conversation with calls and results told as text, for a model that must not call: tools are left out,
    and the provider refuses tool blocks where there are none."""
    return tuple(
        structs.replace(message, parts=tuple(told for part in message.parts for told in _told(part)))
        for message in messages
    )


def _told(part: Part) -> tuple[Part, ...]:
    match part:
        case ToolCall():
            return (Text(text=f"[Called the tool {part.name} ({part.id}): {part.arguments or '{}'}]"),)
        case ToolResult():
            outcome = "Error" if part.is_error else "Result"
            return (Text(text=f"[{outcome} of the tool call {part.call_id}:]"), *part.parts)
        case _:
            return (part,)


class _Fitter:
    """Messages, in their order: names of documents are given out as they come."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._names = DocumentNames()

    def parts(self, message: Message) -> list[Part]:
        """Those of one message; none where it says nothing."""
        parts = [fitted for part in message.parts for fitted in self._fit(part)]
        if any(_is_document(part) for part in parts) and Text not in map(type, parts):
            parts.append(Text(text=BESIDE_DOCUMENTS))
        return parts

    def _fit(self, part: Part) -> tuple[Part, ...]:
        match part:
            case Text() | Media() | Opaque():
                return self._fit_inner(part)
            case Refusal():
                return self._fit_inner(Text(text=part.text))
            case Reasoning():
                return (_own_thought(part),) if is_signed(part, self._vendor) else ()
            case ToolCall():
                return (self._cached(_fit_call(part)),)
            case ToolResult():
                return (self._fit_result(part),)
            case ServerToolCall() | ServerToolResult():
                return (own_part(part, NAME),)
            case _:
                assert_never(part)

    def _fit_inner(self, part: Text | Media | Opaque) -> tuple[Text | Media | Opaque, ...]:
        match part:
            case Text():
                return (self._cached(Text(text=part.text, cache=part.cache)),) if part.text.strip() else ()
            case Media():
                fitted = fit_media(part)
                name = self._names.give(part.name) if part.kind is MediaKind.DOCUMENT else None
                return (self._cached(structs.replace(fitted, name=name)),)
            case Opaque():
                return (own_part(part, NAME),)
            case _:
                assert_never(part)

    def _fit_result(self, part: ToolResult) -> ToolResult:
        """A breakpoint inside a result follows it: there is no place for it inside."""
        inner = tuple(fitted for one in part.parts for fitted in self._fit_inner(one))
        caches = (one.cache for one in (*inner, part) if not isinstance(one, Opaque) and one.cache is not None)
        plain = tuple(one if isinstance(one, Opaque) else structs.replace(one, cache=None) for one in inner)
        result = ToolResult(call_id=safe_id(part.call_id), parts=plain, is_error=part.is_error)
        point = next(caches, None) if self._vendor.caches_results else None
        return structs.replace(result, name=part.name, cache=point)

    def _cached(self, part: _Markable) -> _Markable:
        return part if self._vendor.caches_prompts else structs.replace(part, cache=None)


def _is_document(part: Part) -> bool:
    return type(part) is Media and part.kind is MediaKind.DOCUMENT


def _own_thought(part: Reasoning) -> Reasoning:
    """A signed thought under this format. Encrypted ones are bytes here, and text at Anthropic."""
    assert part.signature is not None, "only signed thoughts are sent"
    value = part.signature.value
    if part.redacted and part.signature.format != NAME:
        value = base64.b64encode(value.encode()).decode()
    return Reasoning(text=part.text, redacted=part.redacted, signature=Signature(format=NAME, value=value))


def _fit_call(part: ToolCall) -> ToolCall:
    check_arguments(part)
    return structs.replace(part, id=safe_id(part.id), name=safe_name(part.name, MAX_NAME_CHARS), signature=None)
