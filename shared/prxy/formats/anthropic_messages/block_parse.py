"""Content blocks of the wire -> parts, in requests and answers alike. What is unknown stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import (
    CachePoint,
    FileRef,
    Inline,
    Json,
    Media,
    MediaKind,
    MediaSource,
    Opaque,
    Part,
    Reasoning,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Text,
    ToolCall,
    ToolResult,
    Url,
    Wire,
)
from prxy.formats.anthropic_messages.words import EMPTY_LIST, NAME, NO_ERROR, SERVER_CALLS, STRING, UNSIGNED
from prxy.formats.base import encode_json, make_extras
from prxy.formats.reading import Fields, kind


class _PlainText(Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["text"]
    text: str


def parse_content(value: Json, at: str) -> tuple[Part, ...]:
    """A string or a list of blocks. Raises InvalidRequest naming the field."""
    match value:
        case str():
            return (Text(text=value),)
        case list():
            return tuple([parse_block(block, f"{at}[{place}]") for place, block in enumerate(value)])
        case None:
            raise InvalidRequest(
                f"'{at}' is missing; it must be a string or a list of blocks.", code="missing_field", param=at
            )
        case _:
            raise InvalidRequest(
                f"'{at}' must be a string or a list of blocks, not {kind(value)}.", code="invalid_type", param=at
            )


def content_spelling(value: Json) -> tuple[str, ...]:
    return (STRING,) if isinstance(value, str) else ()


def parse_block(block: Json, at: str) -> Part:
    """Raises InvalidRequest naming the field."""
    said = Fields.plain(block, _PlainText)
    if said is not None:
        return Text(text=said.text)
    fields = Fields(block, at)
    match fields.required_string("type"):
        case "image" | "document" as word:
            return _media(MediaKind(word), block, fields)
        case word if word in SERVER_CALLS:
            return _server_call(word, fields)
        case word if word in _READERS:
            return _READERS[word](fields)
        case word if word.endswith("_tool_result"):
            return ServerToolResult(format=NAME, call_id=fields.required_string("tool_use_id"), value=block)
        case _:
            return Opaque(format=NAME, value=block)


def parse_cache(fields: Fields) -> tuple[CachePoint | None, Wire]:
    """The breakpoint, and the wire's object where it says more than the canonical form can."""
    control = fields.object("cache_control")
    if control is None:
        return None, {}
    ttl = control.get("ttl")
    point = CachePoint(ttl=ttl if isinstance(ttl, str) else None)
    plain = {key: value for key, value in control.items() if value is not None}
    return point, {} if plain == cache_control(point) else {"cache_control": control}


def cache_control(point: CachePoint) -> Wire:
    return {"type": "ephemeral", "ttl": point.ttl} if point.ttl else {"type": "ephemeral"}


def _text(fields: Fields) -> Text:
    cache, more = parse_cache(fields)
    return Text(text=fields.required_string("text"), cache=cache, extras=make_extras(NAME, {**more, **fields.rest()}))


def _media(media_kind: MediaKind, block: Wire, fields: Fields) -> Media | Opaque:
    source = fields.required_inner("source")
    where = _source(source)
    if where is None:
        return Opaque(format=NAME, value=block)
    left = source.rest()
    cache, more = parse_cache(fields)
    name = fields.string("title") if media_kind is MediaKind.DOCUMENT else None
    more = {**more, **fields.rest(), **({"source": left} if left else {})}
    return Media(kind=media_kind, source=where, name=name, cache=cache, extras=make_extras(NAME, more))


def _source(source: Fields) -> MediaSource | None:
    """Where the bytes are; None for a kind of source that only this wire understands."""
    match source.required_string("type"):
        case "base64":
            return Inline(media_type=source.required_string("media_type"), data=source.required_string("data"))
        case "text":
            media_type = source.required_string("media_type")
            return Inline(media_type=media_type, data=source.required_string("data"), is_text=True)
        case "url":
            return Url(url=source.required_string("url"))
        case "file":
            return FileRef(format=NAME, id=source.required_string("file_id"))
        case _:
            return None


def _input(fields: Fields) -> str:
    """The arguments as compact JSON text: the same value, though maybe not the same spaces, as the model wrote."""
    value = fields.object("input")
    if value is None:
        fields.fail("input", "is missing; it must be an object.", "missing_field")
    return encode_json(value).decode()


def _tool_call(fields: Fields) -> ToolCall:
    cache, more = parse_cache(fields)
    return ToolCall(
        id=fields.required_string("id"),
        name=fields.required_string("name"),
        arguments=_input(fields),
        cache=cache,
        extras=make_extras(NAME, {**more, **fields.rest()}),
    )


def _tool_result(fields: Fields) -> ToolResult:
    cache, more = parse_cache(fields)
    content = fields.take("content")
    is_error = fields.boolean("is_error")
    spelling = [
        *((EMPTY_LIST,) if content == [] else content_spelling(content)),
        *((NO_ERROR,) if is_error is False else ()),
    ]
    return ToolResult(
        call_id=fields.required_string("tool_use_id"),
        parts=() if content is None else _result_parts(content, fields.path("content")),
        is_error=bool(is_error),
        cache=cache,
        extras=make_extras(NAME, {**more, **fields.rest()}, *spelling),
    )


def _result_parts(content: Json, at: str) -> tuple[Text | Media | Opaque, ...]:
    parts = parse_content(content, at)
    return tuple(
        part if isinstance(part, Text | Media | Opaque) else Opaque(format=NAME, value=content[place])
        for place, part in enumerate(parts)
    )


def _thinking(fields: Fields) -> Reasoning:
    text, value = fields.string("thinking") or "", fields.string("signature")
    return Reasoning(
        text=text,
        signature=Signature(format=NAME, value=value) if value else None,
        extras=make_extras(NAME, fields.rest(), *((UNSIGNED,) if value == "" else ())),
    )


def _redacted_thinking(fields: Fields) -> Reasoning:
    signature = Signature(format=NAME, value=fields.required_string("data"))
    return Reasoning(redacted=True, signature=signature, extras=make_extras(NAME, fields.rest()))


def _server_call(word: str, fields: Fields) -> ServerToolCall:
    return ServerToolCall(
        format=NAME,
        id=fields.required_string("id"),
        name=fields.required_string("name"),
        arguments=_input(fields),
        extras=make_extras(NAME, {"type": word, **fields.rest()}),
    )


_READERS: Mapping[str, Callable[[Fields], Part]] = {
    "text": _text,
    "tool_use": _tool_call,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
}
