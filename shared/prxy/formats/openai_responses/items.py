"""Items that the model made, in an answer or replayed in a request: wire <-> canonical.

A message item holds several parts; the first is marked `opens`, so that parts can be gathered into items again. What
an item says beside its content stands in the extras of its parts: under `item`, and as notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from msgspec import structs

from prxy.canonical.parts import Json, Opaque, Part, Reasoning, Refusal, ServerToolCall, Text, ToolCall, Wire
from prxy.canonical.stream import merge_extras
from prxy.formats.base import make_extras, own_fields, spelt
from prxy.formats.lenient import string
from prxy.formats.openai_responses.content import answer_part, render_content, unsupported_part
from prxy.formats.openai_responses.notes import noted, notes, unknown
from prxy.formats.openai_responses.reasoning import parse_reasoning, render_reasoning
from prxy.formats.openai_responses.words import NAME, OPENS
from prxy.formats.openai_tools import arguments_text

CALLS: Mapping[str, str] = {"function_call": "arguments", "custom_tool_call": "input"}
"""Type of a call item -> the field with what is given to the tool."""

Spoken = TypeVar("Spoken", bound=Text | Refusal)


def parse_item(item: Wire) -> tuple[Part, ...]:
    """The parts of an item of an answer. One that is not understood stays as it is."""
    match item.get("type"):
        case "message":
            return _message_parts(item)
        case "reasoning":
            return (parse_reasoning(item),)
        case str(type_) if type_ in CALLS:
            return (parse_call(item),)
        case _:
            return (parse_hosted(item),)


def _message_parts(item: Wire) -> tuple[Part, ...]:
    """What this wire alone can say inside of a message becomes an item of its own."""
    content = item.get("content")
    if not isinstance(content, list) or not all(isinstance(piece, dict) for piece in content):
        return (Opaque(format=NAME, value=item),)
    parts = [answer_part(piece) or Opaque(format=NAME, value=alone(piece)) for piece in content]
    return item_parts(parts, item) or (Opaque(format=NAME, value=item),)


def alone(piece: Wire) -> Wire:
    """A content part as the only one of a message item."""
    return {"type": "message", "role": "assistant", "content": [piece]}


def item_parts(parts: Sequence[Part], item: Mapping[str, Json], *spelling: str) -> tuple[Part, ...]:
    """The parts with the marks of their message item; nothing where there is neither text nor refusal to carry them."""
    spoken = [place for place, part in enumerate(parts) if isinstance(part, Text | Refusal)]
    if not spoken:
        return ()
    marked = list(parts)
    for place, mark in ((spoken[0], opening), (spoken[-1], closing)):
        part = marked[place]
        if isinstance(part, Text | Refusal):
            marked[place] = mark(part, item)
    first = marked[spoken[0]]
    if spelling and isinstance(first, Text | Refusal):
        marked[spoken[0]] = structs.replace(first, extras=merge_extras(first.extras, make_extras(NAME, {}, *spelling)))
    return tuple(marked)


def opening(part: Spoken, item: Mapping[str, Json]) -> Spoken:
    """The part as the first one of its item; the status is told by the last."""
    rest = item_fields(item)
    marks = [OPENS, *(note for note in notes(item) if not note.startswith("status:"))]
    extras = make_extras(NAME, {"item": rest} if rest else {}, *marks)
    return structs.replace(part, extras=merge_extras(part.extras, extras))


def closing(part: Spoken, item: Mapping[str, Json]) -> Spoken:
    """The part as the last one of its item."""
    status = [note for note in notes(item) if note.startswith("status:")]
    return structs.replace(part, extras=merge_extras(part.extras, make_extras(NAME, {}, *status)))


def item_fields(item: Mapping[str, Json]) -> Wire:
    """What a message item says beside its content, its role and its notes."""
    rest = unknown(item, "type", "content", "role")
    return rest if item.get("role") in ("assistant", None) else {**rest, "role": item["role"]}


def parse_call(item: Mapping[str, Json]) -> ToolCall:
    type_ = str(item["type"])
    content = CALLS[type_]
    return ToolCall(
        id=string({**item}, "call_id"),
        name=string({**item}, "name"),
        arguments=arguments_text(item.get(content)),
        freeform=type_ == "custom_tool_call",
        extras=make_extras(NAME, unknown(item, "type", "call_id", "name", content), *notes(item)),
    )


def parse_hosted(item: Wire) -> ServerToolCall | Opaque:
    """A call of a tool that the provider ran; anything else as it is."""
    match item:
        case {"type": str(type_), **rest} if type_.endswith("_call"):
            arguments = string(rest, "arguments")
            known = ("arguments",) if isinstance(rest.get("arguments"), str) else ()
            extras = make_extras(NAME, unknown(rest, *known), *notes(rest), *(["arguments"] if known else []))
            return ServerToolCall(format=NAME, id=string(rest, "id"), name=type_, arguments=arguments, extras=extras)
        case _:
            return Opaque(format=NAME, value=item)


def render_items(parts: Iterable[Part], at: str) -> Iterator[Wire]:
    """The items of an assistant's turn that this format parsed. Raises UnsupportedFeature."""
    group: list[Text | Refusal] = []
    for part in parts:
        if group and not (isinstance(part, Text | Refusal) and not spelt(part.extras, NAME, OPENS)):
            yield render_message(group, at)
            group = []
        if isinstance(part, Text | Refusal):
            group.append(part)
        else:
            yield render_item(part, at)
    if group:
        yield render_message(group, at)


def render_message(parts: Sequence[Text | Refusal], at: str) -> Wire:
    """A message item of the assistant."""
    item: Wire = {}
    for part in parts:
        item |= {**own_fields(part.extras, NAME).get("item", {}), **noted(part.extras)}
    first = parts[0].extras
    typed = {} if spelt(first, NAME, "untyped") else {"type": "message"}
    as_list = not spelt(first, NAME, "content:string")
    return {**typed, "role": "assistant", **item, "content": render_content(parts, at, "output_text", as_list=as_list)}


def render_item(part: Part, at: str) -> Wire:
    """An item that is one part. Raises UnsupportedFeature."""
    match part:
        case ToolCall():
            return render_call(part)
        case Reasoning():
            return render_reasoning(part)
        case ServerToolCall(format=format_, name=name, arguments=arguments, extras=extras) if format_ == NAME:
            said = {"arguments": arguments} if spelt(extras, NAME, "arguments") else {}
            return {**own_fields(extras, NAME), **noted(extras), "type": name, **said}
        case Opaque(format=format_, value=value) if format_ == NAME:
            return value
        case _:
            raise unsupported_part(part, at)


def render_call(call: ToolCall) -> Wire:
    type_ = "custom_tool_call" if call.freeform else "function_call"
    said = {"type": type_, "call_id": call.id, "name": call.name, CALLS[type_]: call.arguments}
    return {**own_fields(call.extras, NAME), **noted(call.extras), **said}
