"""Messages of a client: wire -> canonical."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from prxy.canonical.parts import Extras, Json, Media, Opaque, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Wire
from prxy.canonical.request import Instructions, Message, Role
from prxy.formats.base import make_extras
from prxy.formats.openai_chat.media import cache_point
from prxy.formats.openai_chat.parts import parse_content
from prxy.formats.openai_chat.words import NAME, REASONING_WORDS
from prxy.formats.places import BESIDE
from prxy.formats.reading import Fields

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_INSTRUCTING = (Role.SYSTEM, Role.DEVELOPER)
_SPEAKING = {role.value: role for role in (*_INSTRUCTING, Role.USER, Role.ASSISTANT)}


class _Spoken(Struct, frozen=True, forbid_unknown_fields=True):
    role: Literal["system", "developer", "user", "assistant"]
    content: str


def parse_messages(fields: Fields) -> tuple[Instructions | None, tuple[Message, ...]]:
    """The first system or developer message, wherever it stands, and all others in order."""
    values = fields.array("messages")
    if not values:
        fields.fail(
            "messages", "must hold at least one message.", "missing_field" if values is None else "invalid_value"
        )
    instructions: Instructions | None = None
    messages: list[Message] = []
    for position, value in enumerate(values):
        message = _message(value, f"messages[{position}]")
        if instructions is None and message.role in _INSTRUCTING:
            instructions = _hoisted(message, position)
        else:
            messages.append(message)
    return instructions, tuple(messages)


def _hoisted(message: Message, position: int) -> Instructions:
    return Instructions(
        role=message.role,
        parts=message.parts,
        name=message.name,
        at=message.at,
        extras=message.extras,
        position=position,
    )


def _message(value: Json, at: str) -> Message:
    said = Fields.plain(value, _Spoken)
    if said is not None:
        return Message(role=_SPEAKING[said.role], parts=(Text(text=said.content),), at=at)
    fields = Fields(value, at)
    role = fields.word("role", *ROLES)
    if role is None:
        fields.fail("role", f"is missing; use one of: {', '.join(ROLES)}.", "missing_field")
    match role:
        case "assistant":
            return _assistant(fields)
        case "tool":
            return _tool(fields)
        case "function":
            return Message(role=Role.TOOL, parts=(Opaque(format=NAME, value=value),), at=at)
        case _:
            return _said(fields, _SPEAKING[role])


def _said(fields: Fields, role: Role) -> Message:
    parts, spelling = _content(fields)
    name = fields.string("name")
    return Message(role=role, parts=parts, name=name, at=fields.at, extras=make_extras(NAME, fields.rest(), *spelling))


def _content(fields: Fields) -> tuple[tuple[Part, ...], list[str]]:
    """Parts of a `content` that must be there."""
    value = fields.required("content")
    spelling = ["content:list"] if isinstance(value, list) else []
    return parse_content(value, fields), spelling


def _tool(fields: Fields) -> Message:
    parts, spelling = _content(fields)
    call_id, name = fields.required_string("tool_call_id"), fields.string("name")
    rest = fields.rest()
    result = ToolResult(call_id=call_id, parts=_result_parts(fields, parts), name=name, cache=cache_point(rest))
    return Message(role=Role.TOOL, parts=(result,), at=fields.at, extras=make_extras(NAME, rest, *spelling))


def _result_parts(fields: Fields, parts: tuple[Part, ...]) -> tuple[Text | Media | Opaque, ...]:
    kept = tuple(part for part in parts if isinstance(part, Text | Media | Opaque))
    if len(kept) != len(parts):
        fields.fail("content", "of a tool message takes text, image_url, input_audio and file parts only.")
    return kept


def _assistant(fields: Fields) -> Message:
    value = fields.take("content")
    spelling = ["content:list"] if isinstance(value, list) else []
    content = parse_content(value, fields)
    refusal = fields.string("refusal")
    calls = tuple(_calls(fields))
    name = fields.string("name")
    odd, thoughts = _reasoning(fields)
    parts: tuple[Part, ...] = (
        *thoughts,
        *content,
        *([] if refusal is None else [Refusal(text=refusal)]),
        *calls,
    )
    extras = make_extras(NAME, {**fields.rest(), **odd}, *spelling)
    return Message(role=Role.ASSISTANT, parts=parts, name=name, at=fields.at, extras=extras)


def _reasoning(fields: Fields) -> tuple[Wire, tuple[Reasoning, ...]]:
    """The thoughts under the first word that has a text; what is under the other stays a field."""
    values = {word: fields.take(word) for word in REASONING_WORDS}
    texts = {word: text for word, text in values.items() if isinstance(text, str)}
    odd = {word: value for word, value in values.items() if value is not None}
    if not texts:
        return odd, ()
    word, text = next(iter(texts.items()))
    del odd[word]
    return odd, (Reasoning(text=text, extras=make_extras(NAME, {}, word, f"{BESIDE}{word}")),)


def _calls(fields: Fields) -> Iterator[ToolCall]:
    for call in fields.each("tool_calls"):
        type_ = call.word("type", "function", "custom")
        spelling = [f"{BESIDE}tool_calls", *([] if type_ else ["type:absent"])]
        inner = call.required_inner(type_ or "function")
        id_, name = call.required_string("id"), inner.required_string("name")
        arguments = inner.string("input" if type_ == "custom" else "arguments") or ""
        yield ToolCall(
            id=id_,
            name=name,
            arguments=arguments,
            freeform=type_ == "custom",
            extras=call_extras(call.rest(), type_ or "function", inner.rest(), *spelling),
        )


def call_extras(outer: Wire, type_: str, inner: Wire, *spelling: str) -> Extras | None:
    """Unknown fields of a call: its own, and under the name of the type those of the inner object."""
    return make_extras(NAME, {**outer, type_: inner} if inner else outer, *spelling)
