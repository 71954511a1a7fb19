"""JSON schemas of answers, one for each wire that clients speak, gathered from what its renderer writes.

Every golden answer, of whatever wire, is told on each wire without what only its own wire can say. A schema has the
fields that came of it. It calls a field required that is in each of these answers and in each golden one of the wire
itself: an answer of a provider of the same wire reaches the client as it came.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from prxy.canonical.errors import GatewayError
from prxy.canonical.parts import Opaque, ServerToolCall, ServerToolResult, Text
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import fold, through
from prxy.formats import FORMATS
from prxy.formats.base import Format

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"
Schema = dict[str, Any]
HEAD = (
    "As the gateway writes an answer that it translates. Where the provider speaks this wire itself, its answer comes "
    "as it is: with more fields, or without some of these."
)
FREE = ("input", "args", "metadata", "tools", "tool_choice", "text", "reasoning", "conversation", "prompt")
"""Their members are not ours: arguments of a call, which the model chose, and what is repeated of the request."""
OWN = (Opaque, ServerToolCall, ServerToolResult)
"""Content that only the wire it came from can say."""
ERROR_HEAD = "The message names the field, the problem and the fix; the type is the family of the error."
LEAST_ALTERNATIVES = 2
ITEM = "[]"
"""Name of what stands in a list."""
KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def schemas() -> dict[str, Schema]:
    """Name of a format -> schema."""
    return {name: schema(format_) for name, format_ in FORMATS.items() if format_.serves}


def errors() -> dict[str, Schema]:
    """Name of a format -> schema of its errors, of whatever kind."""
    kinds = [kind for kind in (GatewayError, *_below(GatewayError)) if kind.__init__ is GatewayError.__init__]
    causes = [kind("m", code="c", param=param) for kind in kinds for param in ("messages", None)]
    return {
        name: {"description": ERROR_HEAD, **shape([format_.render_error(cause, "r")[1] for cause in causes], [])}
        for name, format_ in FORMATS.items()
        if format_.serves
    }


def _below(kind: type[GatewayError]) -> Iterator[type[GatewayError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)


def schema(format_: Format) -> Schema:
    written = list(rendered(format_))
    native = [golden["response"] for golden in goldens(format_.name) if golden["status"] < 400 and golden["response"]]
    return {"description": HEAD, **shape(written, native)}


@cache
def goldens(name: str) -> tuple[Any, ...]:
    return tuple(json.loads(path.read_bytes()) for path in sorted((GOLDEN / name).glob("*.json")))


def rendered(format_: Format) -> Iterator[Any]:
    """Every answer to a plain request, and one answer to every golden request, which some wires repeat."""
    plain = ChatRequest(
        format=format_.name, model="m", messages=(Message(role=Role.USER, parts=(Text(text="Hi"),), at="messages[0]"),)
    )
    requests = [format_.parse_request(golden["request"], golden.get("route", {})) for golden in goldens(format_.name)]
    for answer, request in [*((each, plain) for each in answers()), *((answers()[0], each) for each in requests)]:
        yield msgspec.json.decode(msgspec.json.encode(format_.render_response(answer, request)))


@cache
def answers() -> tuple[ChatResponse, ...]:
    return tuple(answer for format_ in FORMATS.values() for answer in _answers(format_))


def _answers(format_: Format) -> Iterator[ChatResponse]:
    for golden in goldens(format_.name):
        if golden["status"] < 400 and golden["response"]:
            yield bare(format_.parse_response(golden["response"]))
        if golden["stream"] and not golden.get("features"):
            frames = through(format_.framing.decoder(), [golden["stream"].encode()])
            yield bare(fold(through(format_.decode_stream(), frames)))


def bare(value: Any) -> Any:
    """Without what is of its own wire alone."""
    match value:
        case msgspec.Struct():
            found = {name: bare(getattr(value, name)) for name in value.__struct_fields__ if name != "extras"}
            return structs.replace(value, **found, **({"extras": None} if hasattr(value, "extras") else {}))
        case tuple():
            return tuple(bare(item) for item in value if not isinstance(item, OWN))
        case _:
            return value


def shape(written: list[Any], native: list[Any], name: str = "") -> Schema:
    """What these values, written by us and by others, are like; of objects, as far as we write them at all."""
    kinds = sorted({KINDS[type(value)] for value in (*written, *native) if value is not None})
    if {"integer", "number"} <= {*kinds}:
        kinds.remove("integer")
    if not kinds or all(value is None for value in written):
        return {}
    found = [_shape(kind, written, native, name) for kind in kinds]
    null = [{"type": "null"}] if None in written or None in native else []
    if len(found) == 1 and null and "anyOf" not in found[0]:
        return {**found[0], "type": [found[0]["type"], "null"]}
    alternatives = [*found, *null]
    return alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}


def _shape(kind: str, written: list[Any], native: list[Any], name: str) -> Schema:
    match kind:
        case "array" if name not in FREE:
            return {"type": kind, "items": shape(_items(written), _items(native), ITEM)}
        case "object" if name not in FREE:
            return _objects([*filter(_is_object, written)], [*filter(_is_object, native)], split=name == ITEM)
        case _:
            return {"type": kind}


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _items(values: Iterable[Any]) -> list[Any]:
    return [item for value in values if isinstance(value, list) for item in value]


def _objects(ours: list[Any], theirs: list[Any], *, split: bool) -> Schema:
    """One object, or alternatives by its type."""
    if not ours:
        return {"type": "object"}
    types = sorted({value["type"] for value in ours if isinstance(value.get("type"), str)})
    if not split or len(types) < LEAST_ALTERNATIVES:
        return _object(ours, theirs)
    other = {"title": "any other", "type": "object", "properties": {"type": {"not": {"enum": types}}}}
    return {"anyOf": [*(_object(_of(type_, ours), _of(type_, theirs), title=type_) for type_ in types), other]}


def _of(type_: str, values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value.get("type") == type_]


def _object(ours: list[Any], theirs: list[Any], title: str = "") -> Schema:
    names = dict.fromkeys(name for value in ours for name in value)
    members = {name: shape(_under(name, ours), _under(name, theirs), name) for name in names}
    if title:
        members["type"] = {"type": "string", "const": title}
    required = [name for name in names if all(name in value for value in (*ours, *theirs))]
    return {
        **({"title": title} if title else {}),
        "type": "object",
        "properties": members,
        **({"required": required} if required else {}),
        "additionalProperties": True,
    }


def _under(name: str, values: Iterable[Any]) -> list[Any]:
    return [value[name] for value in values if name in value]
