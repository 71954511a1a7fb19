"""One part of a content, as it comes in. https://ai.google.dev/api/caching#Part (as of 2026-11)

Signatures: https://ai.google.dev/gemini-api/docs/thought-signatures (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from prxy.canonical.parts import (
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
    ServerToolCall,
    ServerToolResult,
    Signature,
    Text,
    ToolCall,
    ToolResult,
    Url,
    Wire,
)
from prxy.formats.base import encode_json, make_extras
from prxy.formats.gemini_generate.calls import Calls
from prxy.formats.gemini_generate.names import NAME, Names, flat, respell

_FILES_API = "generativelanguage.googleapis.com"
_URL_SAFE = str.maketrans("-_", "+/")
SERVER_CALLS = {"executableCode": "code_execution", "toolCall": "tool_call"}
_SERVER_RESULTS = {"codeExecutionResult": "code_execution", "toolResponse": "tool_call"}
_KINDS = {"image": MediaKind.IMAGE, "audio": MediaKind.AUDIO, "video": MediaKind.VIDEO}


def compact(value: Json) -> str:
    return encode_json(value).decode()


def json_object(text: str) -> Wire | None:
    """The object that a text holds, if it holds one."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def media_kind(media_type: str) -> MediaKind:
    return _KINDS.get(media_type.split("/", 1)[0], MediaKind.DOCUMENT)


def is_one_kind(value: Json) -> bool:
    """Whether a part holds at most one kind of content: Google's schema has them as alternatives."""
    if not isinstance(value, dict) or len(value) < 2:
        return True
    reader = Names(value)
    return sum(reader.has(kind) for kind in (*_PARSERS, "text")) <= 1


def parse_part(value: Json, at: str, calls: Calls) -> Part:
    """Raises InvalidRequest naming the field."""
    reader = Names(value, at)
    for name, parse in _PARSERS.items():
        if reader.has(name):
            return parse(reader, calls)
    return _parse_text(reader, value)


def _extras(reader: Names, fields: Mapping[str, Json] | None = None, *spelling: str) -> Extras | None:
    return make_extras(NAME, {**reader.rest(), **(fields or {})}, *spelling, *reader.spelling)


def _parse_signature(reader: Names) -> Signature | None:
    value = reader.string("thoughtSignature")
    return None if value is None else Signature(format=NAME, value=value)


def _parse_text(reader: Names, value: Wire) -> Part:
    text, thought, signature = reader.string("text"), reader.boolean("thought"), _parse_signature(reader)
    rest = {**reader.rest(), **({"thought": False} if thought is False else {})}
    if text is None and rest:
        return Opaque(format=NAME, value=value)
    extras = make_extras(NAME, rest, *(["text:none"] if text is None else []), *reader.spelling)
    if thought:
        return Reasoning(text=text or "", signature=signature, extras=extras)
    return Text(text=text or "", signature=signature, extras=extras)


def _parse_call(reader: Names, calls: Calls) -> Part:
    inner = reader.required_inner("functionCall")
    name, given, args = inner.string("name") or "", inner.string("id"), inner.object("args")
    call_id = calls.called(given, name, args)
    fields = flat("functionCall", inner.rest() | ({"id": given} if given not in (None, call_id) else {}))
    marks = [mark for mark, absent in (("id:none", given is None), ("args:none", args is None)) if absent]
    return ToolCall(
        id=call_id,
        name=name,
        arguments="" if args is None else compact(args),
        signature=_parse_signature(reader),
        extras=_extras(reader, fields, *marks),
    )


def _parse_result(reader: Names, calls: Calls) -> Part:
    inner = reader.required_inner("functionResponse")
    name, given, response = inner.string("name") or "", inner.string("id"), inner.object("response")
    text, mark = _result_text(response)
    listed = inner.array("parts")
    parsed = [parse_part(item, f"{inner.path('parts')}[{n}]", calls) for n, item in enumerate(listed or ())]
    media = [
        part if isinstance(part, Media | Opaque | Text) else Opaque(format=NAME, value=item)
        for part, item in zip(parsed, listed or (), strict=True)
    ]
    fields = flat("functionResponse", inner.rest() | ({"parts": listed} if listed is not None and not parsed else {}))
    return ToolResult(
        call_id=calls.answered(given, name),
        parts=(*((Text(text=text),) if text is not None else ()), *media),
        name=name or None,
        is_error=response is not None and "error" in response,
        extras=_extras(reader, fields, mark, *(["id:none"] if given is None else [])),
    )


def _result_text(response: Wire | None) -> tuple[str | None, str]:
    """The result as text, and how the wire said it."""
    match response:
        case None:
            return None, "response:none"
        case {"result": str(text)} | {"output": str(text)} | {"error": str(text)} if len(response) == 1:
            return text, f"response:{next(iter(response))}"
        case _:
            return compact(response), "response:object"


def _parse_inline(reader: Names, calls: Calls) -> Part:
    inner = reader.required_inner("inlineData")
    media_type, data = inner.string("mimeType") or "", inner.required_string("data")
    standard = data.translate(_URL_SAFE) if "-" in data or "_" in data else data
    return Media(
        kind=media_kind(media_type),
        source=Inline(media_type=media_type, data=standard),
        name=inner.string("displayName"),
        signature=_parse_signature(reader),
        extras=_extras(reader, flat("inlineData", inner.rest()), *(["base64:url"] if standard != data else [])),
    )


def _parse_file(reader: Names, calls: Calls) -> Part:
    inner = reader.required_inner("fileData")
    media_type, uri = inner.string("mimeType") or "", inner.required_string("fileUri")
    return Media(
        kind=media_kind(media_type),
        source=_file_source(uri, media_type),
        name=inner.string("displayName"),
        signature=_parse_signature(reader),
        extras=_extras(reader, flat("fileData", inner.rest())),
    )


def _file_source(uri: str, media_type: str) -> MediaSource:
    """A link that anybody may fetch, or a file that only Google knows."""
    try:
        address = urlsplit(uri)
        is_public = address.scheme in ("http", "https") and address.hostname != _FILES_API
    except ValueError:
        is_public = False
    return Url(url=uri, media_type=media_type) if is_public else FileRef(format=NAME, id=uri, media_type=media_type)


def _parse_server_call(reader: Names, calls: Calls) -> Part:
    name = next(name for name in SERVER_CALLS if reader.has(name))
    value = reader.object(name) or {}
    return ServerToolCall(
        format=NAME,
        id=str(value.get("id") or SERVER_CALLS[name]),
        name=str(value.get("toolType") or SERVER_CALLS[name]),
        arguments=compact(value),
        extras=_extras(reader, None, f"server:{name}"),
    )


def _parse_server_result(reader: Names, calls: Calls) -> Part:
    name = next(name for name in _SERVER_RESULTS if reader.has(name))
    value = reader.object(name) or {}
    whole = respell({name: value, **reader.rest()}, make_extras(NAME, {}, *reader.spelling))
    return ServerToolResult(format=NAME, call_id=str(value.get("id") or _SERVER_RESULTS[name]), value=whole)


_PARSERS: Mapping[str, Callable[[Names, Calls], Part]] = {
    "functionCall": _parse_call,
    "functionResponse": _parse_result,
    "inlineData": _parse_inline,
    "fileData": _parse_file,
    "executableCode": _parse_server_call,
    "toolCall": _parse_server_call,
    "codeExecutionResult": _parse_server_result,
    "toolResponse": _parse_server_result,
}

INNER = tuple(_PARSERS)
"""Fields of a part that are objects of their own."""
