"""Parts -> content blocks of the wire. What another format alone understands was refused or left out before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import assert_never

import msgspec

from prxy.canonical.parts import (
    CachePoint,
    Json,
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
    Wire,
)
from prxy.formats.base import own_fields, spelt
from prxy.formats.bedrock_converse.media import render_media
from prxy.formats.bedrock_converse.words import JSON, NAME, SUCCESS
from prxy.formats.calls import tool_input


def render_content(parts: Iterable[Part]) -> list[Wire]:
    """The blocks, each breakpoint after the block of its part. Raises UnsupportedFeature for media without a place."""
    return [block for part in parts for block in _blocks(part)]


def _blocks(part: Part) -> Iterator[Wire]:
    yield render_block(part)
    if isinstance(part, Text | Media | ToolCall | ToolResult) and part.cache is not None:
        yield cache_block(part.cache)


def cache_block(point: CachePoint) -> Wire:
    return {"cachePoint": {"type": "default", "ttl": point.ttl} if point.ttl else {"type": "default"}}


def render_block(part: Part) -> Wire:
    match part:
        case Text():
            return _text(part)
        case Refusal(text=text):
            return {"text": text}
        case Reasoning():
            return {"reasoningContent": _reasoning(part)}
        case Media():
            return render_media(part)
        case ToolCall() | ServerToolCall():
            return {"toolUse": _tool_call(part)}
        case ToolResult():
            return {"toolResult": _tool_result(part)}
        case ServerToolResult() | Opaque():
            return part.value
        case _:
            assert_never(part)


def _text(part: Text) -> Wire:
    match own_fields(part.extras, NAME):
        case {"citations": list(citations)}:
            return {"citationsContent": {"content": [{"text": part.text}], "citations": citations}}
        case _:
            return {"text": part.text}


def _reasoning(part: Reasoning) -> Wire:
    own = dict(own_fields(part.extras, NAME))
    if part.redacted:
        return {"redactedContent": "" if part.signature is None else part.signature.value, **own}
    signed = {} if part.signature is None else {"signature": part.signature.value}
    return {**own, "reasoningText": {"text": part.text, **signed, **_inner(own.get("reasoningText"))}}


def _inner(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _tool_call(part: ToolCall | ServerToolCall) -> Wire:
    freeform = isinstance(part, ToolCall) and part.freeform
    arguments = {"input": part.arguments} if freeform else tool_input(part.arguments)
    return {"toolUseId": part.id, "name": part.name, "input": arguments, **own_fields(part.extras, NAME)}


def _tool_result(part: ToolResult) -> Wire:
    body: Wire = {"toolUseId": part.call_id, "content": [_result_block(piece) for piece in part.parts]}
    if part.is_error or spelt(part.extras, NAME, SUCCESS):
        body["status"] = "error" if part.is_error else "success"
    return {**body, **own_fields(part.extras, NAME)}


def _result_block(part: Text | Media | Opaque) -> Wire:
    if isinstance(part, Text) and spelt(part.extras, NAME, JSON):
        return {"json": msgspec.json.decode(part.text)}
    return render_block(part)
