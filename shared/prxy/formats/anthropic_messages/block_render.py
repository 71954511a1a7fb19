"""Parts -> content blocks of the wire. What another format alone understands was refused or left out before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from prxy.canonical.parts import (
    CachePoint,
    Extras,
    FileRef,
    Inline,
    Json,
    Media,
    MediaKind,
    MediaSource,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
    Url,
    Wire,
)
from prxy.formats.anthropic_messages.block_parse import cache_control
from prxy.formats.anthropic_messages.words import EMPTY_LIST, NAME, NO_ERROR, STRING, UNSIGNED
from prxy.formats.base import own_fields, spelt
from prxy.formats.calls import tool_input
from prxy.formats.places import PartFault


def render_content(parts: tuple[Part, ...], *, as_string: bool) -> str | list[Wire]:
    """A list of blocks, or one string where it can be one and is asked to be."""
    match parts:
        case (Text(text=text, cache=None, extras=None),) if as_string:
            return text
        case _:
            return [render_block(part) for part in parts]


def render_block(part: Part) -> Wire:
    """Raises PartFault for media that no block of this wire holds."""
    match part:
        case Text() | Refusal():
            cache = part.cache if type(part) is Text else None
            return marked({"type": "text", "text": part.text}, cache, part.extras)
        case Reasoning():
            return _thinking(part)
        case Media():
            return _media(part)
        case ToolCall():
            return _tool_call(part)
        case ToolResult():
            return _tool_result(part)
        case ServerToolCall():
            block = {"type": "server_tool_use", "id": part.id, "name": part.name, "input": tool_input(part.arguments)}
            return {**block, **own_fields(part.extras, NAME)}
        case ServerToolResult() | Opaque():
            return part.value
        case _:
            assert_never(part)


def marked(said: Wire, cache: CachePoint | None, extras: Extras | None) -> Wire:
    """A block or a tool with its breakpoint and the fields of its own that came with it."""
    if cache is None and extras is None:
        return said
    return {**said, **_cached(cache), **own_fields(extras, NAME)}


def _cached(cache: CachePoint | None) -> Wire:
    return {} if cache is None else {"cache_control": cache_control(cache)}


def _thinking(part: Reasoning) -> Wire:
    own = own_fields(part.extras, NAME)
    signature = "" if part.signature is None else part.signature.value
    if part.redacted:
        return {"type": "redacted_thinking", "data": signature, **own}
    signed = {"signature": signature} if signature or spelt(part.extras, NAME, UNSIGNED) else {}
    return {"type": "thinking", "thinking": part.text, **signed, **own}


def _media(part: Media) -> Wire:
    own = own_fields(part.extras, NAME)
    source = {**_source(part.source), **_source_fields(own)}
    title = {"title": part.name} if part.name is not None and part.kind is MediaKind.DOCUMENT else {}
    return {"type": _media_type(part), **title, **_cached(part.cache), **own, "source": source}


def _media_type(part: Media) -> str:
    if part.kind in (MediaKind.IMAGE, MediaKind.DOCUMENT):
        return part.kind.value
    raise PartFault(
        part, f"is {part.kind.value}, which the Anthropic Messages API has no block for; use text or an image."
    )


def _source_fields(own: Mapping[str, Json]) -> Mapping[str, Json]:
    match own:
        case {"source": dict(fields)}:
            return fields
        case _:
            return {}


def _source(source: MediaSource) -> Wire:
    match source:
        case Inline(is_text=True):
            return {"type": "text", "media_type": source.media_type, "data": source.data}
        case Inline():
            return {"type": "base64", "media_type": source.media_type, "data": source.data}
        case Url():
            return {"type": "url", "url": source.url}
        case FileRef():
            return {"type": "file", "file_id": source.id}
        case _:
            assert_never(source)


def _tool_call(part: ToolCall) -> Wire:
    arguments = {"input": part.arguments} if part.freeform else tool_input(part.arguments)
    block = {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments}
    return marked(block, part.cache, part.extras)


def _tool_result(part: ToolResult) -> Wire:
    block: Wire = {"type": "tool_result", "tool_use_id": part.call_id}
    if part.parts or spelt(part.extras, NAME, EMPTY_LIST):
        block["content"] = render_content(part.parts, as_string=spelt(part.extras, NAME, STRING))
    if part.is_error or spelt(part.extras, NAME, NO_ERROR):
        block["is_error"] = part.is_error
    return marked(block, part.cache, part.extras)
