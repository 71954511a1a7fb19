"""One part of a content, as it goes out. https://ai.google.dev/api/caching#Part (as of 2026-11)"""

from __future__ import annotations

import base64
from typing import assert_never

from prxy.canonical.parts import (
    Extras,
    FileRef,
    Inline,
    Media,
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
    Url,
    Wire,
)
from prxy.formats.base import spelt
from prxy.formats.gemini_generate.names import NAME, inner_fields, outer_fields, respell
from prxy.formats.gemini_generate.parts import INNER, SERVER_CALLS, json_object

_STANDARD = str.maketrans("+/", "-_")
_WRAPPERS = ("result", "output", "error")
"""`output` and `error` are documented for a function's response, `result` is what most clients write."""


def render_part(part: Part) -> Wire:
    """The part on this wire. What cannot be said here must have been refused before."""
    match part:
        case Text() | Reasoning() | Refusal():
            return _render_text(part)
        case ToolCall():
            return _finish(part.extras, {"functionCall": _render_call(part)}, part.signature)
        case ToolResult():
            return _finish(part.extras, {"functionResponse": _render_result(part)})
        case Media():
            return _finish(part.extras, _render_media(part), part.signature)
        case ServerToolCall(extras=extras):
            name = next((name for name in SERVER_CALLS if spelt(extras, NAME, f"server:{name}")), "toolCall")
            return _finish(extras, {name: json_object(part.arguments) or {}})
        case ServerToolResult() | Opaque():
            return part.value
        case _:
            assert_never(part)


def _finish(extras: Extras | None, wire: Wire, signature: Signature | None = None) -> Wire:
    """The part with its signature and with the fields that only this wire knows."""
    if signature is not None and signature.format == NAME:
        wire["thoughtSignature"] = signature.value
    return respell(wire | outer_fields(extras, *INNER), extras)


def _render_text(part: Text | Reasoning | Refusal) -> Wire:
    wire: Wire = {} if spelt(part.extras, NAME, "text:none") and not part.text else {"text": part.text}
    if isinstance(part, Reasoning):
        wire["thought"] = True
    return _finish(part.extras, wire, None if isinstance(part, Refusal) else part.signature)


def _render_call(call: ToolCall) -> Wire:
    wire: Wire = {"name": call.name}
    if not spelt(call.extras, NAME, "id:none"):
        wire["id"] = call.id
    if call.arguments or not spelt(call.extras, NAME, "args:none"):
        wire["args"] = _arguments(call.arguments)
    return wire | inner_fields(call.extras, "functionCall")


def _arguments(text: str) -> Wire:
    """Arguments must be an object: free text, and JSON that an answer was cut in, travels inside one."""
    value = json_object(text)
    if value is not None:
        return value
    return {"input": text} if text.strip() else {}


def _render_result(result: ToolResult) -> Wire:
    wire: Wire = {"name": result.name} if result.name else {}
    if not spelt(result.extras, NAME, "id:none"):
        wire["id"] = result.call_id
    text = "".join(part.text for part in result.parts if isinstance(part, Text))
    if text or not spelt(result.extras, NAME, "response:none"):
        wire["response"] = _response(result, text)
    media = [render_part(part) for part in result.parts if not isinstance(part, Text)]
    return wire | ({"parts": media} if media else {}) | inner_fields(result.extras, "functionResponse")


def _response(result: ToolResult, text: str) -> Wire:
    """A function's response must be an object."""
    for word in _WRAPPERS:
        if spelt(result.extras, NAME, f"response:{word}"):
            return {word: text}
    value = json_object(text)
    if value is not None and (not result.is_error or "error" in value):
        return value
    return {"error" if result.is_error else "result": text}


def _render_media(media: Media) -> Wire:
    match media.source:
        case Inline() as source:
            return {"inlineData": _inline(media, source) | inner_fields(media.extras, "inlineData")}
        case Url(url=uri, media_type=media_type) | FileRef(id=uri, media_type=media_type):
            wire = {"mimeType": media_type} if media_type else {}
            wire |= {"fileUri": uri} | _display_name(media)
            return {"fileData": wire | inner_fields(media.extras, "fileData")}
        case _:
            assert_never(media.source)


def _inline(media: Media, source: Inline) -> Wire:
    data = base64.b64encode(source.data.encode()).decode() if source.is_text else source.data
    if spelt(media.extras, NAME, "base64:url"):
        data = data.translate(_STANDARD)
    return ({"mimeType": source.media_type} if source.media_type else {}) | {"data": data} | _display_name(media)


def _display_name(media: Media) -> Wire:
    return {"displayName": media.name} if media.name else {}
