"""A collector on loopback, which checks that what it is sent is OTLP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator

_NANOS = {"type": "string", "pattern": "^[1-9][0-9]{18}$"}
_VALUE = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
    "properties": {
        "stringValue": {"type": "string"},
        "boolValue": {"type": "boolean"},
        "intValue": {"type": "string", "pattern": "^-?[0-9]+$"},
        "doubleValue": {"type": "number"},
        "arrayValue": {
            "type": "object",
            "required": ["values"],
            "additionalProperties": False,
            "properties": {"values": {"type": "array", "items": {"$ref": "#/$defs/value"}}},
        },
    },
}
_ATTRIBUTES = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["key", "value"],
        "additionalProperties": False,
        "properties": {"key": {"type": "string", "minLength": 1}, "value": {"$ref": "#/$defs/value"}},
    },
}
_SPAN = {
    "type": "object",
    "required": ["traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"],
    "additionalProperties": False,
    "properties": {
        "traceId": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "spanId": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        "parentSpanId": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        "name": {"type": "string", "minLength": 1},
        "kind": {"enum": [2, 3]},
        "startTimeUnixNano": _NANOS,
        "endTimeUnixNano": _NANOS,
        "attributes": _ATTRIBUTES,
        "status": {"type": "object", "additionalProperties": False, "properties": {"code": {"enum": [0, 1, 2]}}},
    },
}


def _closed(**properties: object) -> dict[str, object]:
    return {"type": "object", "required": list(properties), "additionalProperties": False, "properties": properties}


def _some(items: object) -> dict[str, object]:
    return {"type": "array", "minItems": 1, "items": items}


_SCOPE = _closed(name={"type": "string"}, version={"type": "string"})
SCHEMA = {
    "$defs": {"value": _VALUE},
    **_closed(
        resourceSpans=_some(
            _closed(
                resource=_closed(attributes=_ATTRIBUTES),
                scopeSpans=_some(_closed(scope=_SCOPE, spans=_some(_SPAN))),
            )
        )
    ),
}
"""After opentelemetry/proto/trace/v1/trace.proto and the JSON encoding in https://opentelemetry.io/docs/specs/otlp/, as
of 2026-11-22."""


@dataclass
class Receiver:
    """A collector on loopback: keeps what it is sent, and answers as it is told."""

    url: str = ""
    status: int = 200
    reply: bytes = b"{}"
    silent: bool = False
    requests: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answered(reader, writer):
                pass
        finally:
            writer.close()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        except asyncio.IncompleteReadError:
            return False
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:]) if name}
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append((head[0], headers, body))
        if self.silent:
            await reader.read()
            return False
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (self.status, len(self.reply), self.reply))
        await writer.drain()
        return True

    @property
    def spans(self) -> Sequence[Mapping[str, Any]]:
        """Of the one request that came."""
        ((_, _, body),) = self.requests
        document = json.loads(body)
        Draft202012Validator(SCHEMA).validate(document)
        found: Sequence[Mapping[str, Any]] = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
        return found


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield receiver
    finally:
        server.close()
