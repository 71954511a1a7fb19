"""Requests with the answers they got: our own goldens, and traffic recorded from providers where it is at hand.

A golden is `tests/golden/<format>/<case>.json`:
{"about", "source", "as_of", "request", "response" | null, "stream" | null, "status",
"stream_b64"?: a binary stream in place of "stream",
"route"?: {"model", "method"}, "features"?: ["truncated_stream" | "in_stream_error" …]}.
Recorded traffic lies outside the repository, in $PRXY_TRAFFIC or beside it in `shared/traffic`.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"
TRAFFIC = Path(os.environ.get("PRXY_TRAFFIC") or ROOT.parent / "shared" / "traffic")

WIRES = {
    "openai-chat": "openai_chat",
    "anthropic-messages": "anthropic_messages",
    "google-generate-content": "gemini_generate",
    "bedrock-converse": "bedrock_converse",
    "openai-responses": "openai_responses",
}
"""Wire format of a recording -> name of ours. Recordings of other wires are left alone."""

_PATHS = {
    "gemini_generate": re.compile(r"/models/(?P<model>[^/:?]+):(?P<method>\w+)"),
    "bedrock_converse": re.compile(r"/model/(?P<model>[^/]+)/(?P<method>[a-z-]+)"),
}
"""Formats whose path says the model and the method."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Exchange:
    id: str
    format: str
    provider: str
    route: Mapping[str, str]
    """Path parameters."""
    request: Any
    response: Any
    """Decoded body, None where the reply was a stream or not JSON."""
    stream_bytes: bytes | None
    status: int
    features: frozenset[str]
    is_golden: bool

    def __repr__(self) -> str:
        return f"<exchange {self.id}>"

    @property
    def is_ok(self) -> bool:
        return self.status < 400

    @property
    def is_whole_stream(self) -> bool:
        """A stream that ran to its end."""
        return self.stream_bytes is not None and not self.features & {"truncated_stream", "in_stream_error"}


@cache
def goldens() -> tuple[Exchange, ...]:
    return tuple(_golden(path) for path in sorted(GOLDEN.glob("*/*.json")))


@cache
def recorded() -> tuple[Exchange, ...]:
    """Empty where the traffic is absent."""
    return tuple(_recorded())


def exchanges() -> tuple[Exchange, ...]:
    return goldens() + recorded()


def _golden(path: Path) -> Exchange:
    golden = json.loads(path.read_bytes())
    stream, binary = golden.get("stream"), golden.get("stream_b64")
    data = None if stream is None else stream.encode()
    return Exchange(
        id=f"{path.parent.name}/{path.stem}",
        format=path.parent.name,
        provider="",
        route=golden.get("route", {}),
        request=golden["request"],
        response=golden["response"],
        stream_bytes=data if binary is None else base64.b64decode(binary),
        status=golden["status"],
        features=frozenset(golden.get("features", ())),
        is_golden=True,
    )


def _recorded() -> Iterator[Exchange]:
    for path in sorted(TRAFFIC.glob("*/*.json")):
        record = json.loads(path.read_bytes())
        if record["wire_format"] in WIRES:
            yield _from_record(record)


def _from_record(record: Any) -> Exchange:
    reply = record["response"]
    streamed = record["stream"] and reply["status"] < 400
    return Exchange(
        id=record["id"],
        format=WIRES[record["wire_format"]],
        provider=record["provider"],
        route=_route(record),
        request=_request(record),
        response=None if streamed else reply["body"],
        stream_bytes=_stream(reply) if streamed else None,
        status=reply["status"],
        features=frozenset(record["features"]),
        is_golden=False,
    )


def _request(record: Any) -> Any:
    """The body. Where a cloud carries the model in the path, it is put back where the plain wire has it."""
    body = record["request"]["body"]
    return body if _route(record) else {"model": record["model"], **body}


def _route(record: Any) -> Mapping[str, str]:
    pattern = _PATHS.get(WIRES[record["wire_format"]])
    found = pattern.search(record["request"]["path"]) if pattern else None
    return {name: unquote(value) for name, value in found.groupdict().items()} if found else {}


def _stream(reply: Any) -> bytes:
    """The bytes of a stream. A stream that came as one JSON array is given as the events its items would have been."""
    if isinstance(reply["body"], list):
        return b"".join(b"data: " + json.dumps(item).encode() + b"\n\n" for item in reply["body"])
    if reply["body_b64"] is not None:
        return base64.b64decode(reply["body_b64"])
    text: str = reply["body_text"]
    return text.encode()
