"""Content blocks of the wire -> parts, in requests and answers alike. What is unknown stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import structs

from prxy.canonical.parts import (
    CachePoint,
    Json,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Text,
    ToolCall,
    ToolResult,
    Wire,
)
from prxy.formats.base import encode_json, make_extras
from prxy.formats.bedrock_converse.media import parse_media
from prxy.formats.bedrock_converse.words import JSON, NAME, SUCCESS
from prxy.formats.reading import Fields

SERVER_CALL = "server_tool_use"


def parse_content(blocks: Sequence[Json], at: str) -> tuple[Part, ...]:
    """The blocks of a list; a breakpoint belongs to the part before it. Raises InvalidRequest naming the field."""
    parts: list[Part] = []
    for place, block in enumerate(blocks):
        marked = _marked(parts[-1], cache_point(block)) if parts else None
        if marked is None:
            parts.append(parse_block(block, f"{at}[{place}]"))
        else:
            parts[-1] = marked
    return tuple(parts)


def cache_point(block: Json) -> CachePoint | None:
    """The breakpoint that a block is, where the canonical form can say it."""
    match block:
        case {"cachePoint": {"type": "default", "ttl": str(ttl), **more}, **others} if not more and not others:
            return CachePoint(ttl=ttl)
        case {"cachePoint": {"type": "default", **more}, **others} if not more and not others:
            return CachePoint()
        case _:
            return None


def _marked(part: Part, point: CachePoint | None) -> Part | None:
    match part:
        case Text(cache=None) | Media(cache=None) | ToolCall(cache=None) | ToolResult(cache=None) if point is not None:
            return structs.replace(part, cache=point)
        case _:
            return None


def parse_block(block: Json, at: str) -> Part:
    """Raises InvalidRequest naming the field. A block is an object with one member, which names its kind."""
    fields = Fields(block, at)
    name = next(iter(block), "")
    if name == "text" and len(block) == 1:
        return Text(text=fields.required_string("text"))
    if name in _MEDIA and len(block) == 1:
        return parse_media(MediaKind(name), block, fields.required_inner(name))
    if name in _READERS and len(block) == 1:
        return _READERS[name](block, fields.required_inner(name))
    return Opaque(format=NAME, value=block)


def _tool_call(block: Wire, fields: Fields) -> Part:
    kind, value = fields.string("type"), fields.object("input")
    if value is None:
        fields.fail("input", "is missing; it must be an object.", "missing_field")
    id_, name = fields.required_string("toolUseId"), fields.required_string("name")
    extras = make_extras(NAME, {**({} if kind is None else {"type": kind}), **fields.rest()})
    text = encode_json(value).decode()
    if kind == SERVER_CALL:
        return ServerToolCall(format=NAME, id=id_, name=name, arguments=text, extras=extras)
    return ToolCall(id=id_, name=name, arguments=text, extras=extras)


def _tool_result(block: Wire, fields: Fields) -> Part:
    """A result with a type is one of the provider's own tools."""
    call_id = fields.required_string("toolUseId")
    if fields.string("type") is not None:
        return ServerToolResult(format=NAME, call_id=call_id, value=block)
    status, content = fields.string("status"), fields.array("content") or []
    more: Wire = {} if status in (None, "success", "error") else {"status": status}
    return ToolResult(
        call_id=call_id,
        parts=tuple(_result_part(piece, f"{fields.path('content')}[{place}]") for place, piece in enumerate(content)),
        is_error=status == "error",
        extras=make_extras(NAME, {**more, **fields.rest()}, *((SUCCESS,) if status == "success" else ())),
    )


def _result_part(piece: Json, at: str) -> Text | Media | Opaque:
    match piece:
        case {"json": value, **others} if not others:
            return Text(text=encode_json(value).decode(), extras=make_extras(NAME, {}, JSON))
    part = parse_block(piece, at)
    return part if isinstance(part, Text | Media | Opaque) else Opaque(format=NAME, value=piece)


def _reasoning(block: Wire, fields: Fields) -> Part:
    """Thoughts in clear with or without a signature, or encrypted ones."""
    redacted, told = fields.string("redactedContent"), fields.inner("reasoningText")
    extras = make_extras(NAME, fields.rest())
    if redacted is not None and told is None:
        return Reasoning(redacted=True, signature=Signature(format=NAME, value=redacted), extras=extras)
    if told is None or redacted is not None:
        return Opaque(format=NAME, value=block)
    text, signature = told.required_string("text"), told.string("signature")
    if left := told.rest():
        extras = make_extras(NAME, {**(extras.fields if extras else {}), "reasoningText": left})
    signed = None if signature is None else Signature(format=NAME, value=signature)
    return Reasoning(text=text, signature=signed, extras=extras)


def _citations(block: Wire, fields: Fields) -> Part:
    """Text with its sources. Sources without text say nothing to any other wire."""
    match block["citationsContent"]:
        case {"content": [{"text": str(text), **others}], "citations": list(), **more} if not others and not more:
            return Text(text=text, extras=make_extras(NAME, {"citations": fields.array("citations")}))
        case _:
            return Opaque(format=NAME, value=block)


_MEDIA = frozenset(kind.value for kind in MediaKind)
_READERS: Mapping[str, Callable[[Wire, Fields], Part]] = {
    "toolUse": _tool_call,
    "toolResult": _tool_result,
    "reasoningContent": _reasoning,
    "citationsContent": _citations,
}
