"""The chunk that nearly every chunk is: more text for the one choice it names, and nothing new beside it."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from prxy.canonical.parts import Wire
from prxy.framing.frame import Frame

_HINT = b'"content":"'
"""What no other kind of chunk has; saves the attempt to read those."""


class Delta(Struct, frozen=True, forbid_unknown_fields=True):
    content: str
    role: Literal["assistant"] | None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None


class Choice(Struct, frozen=True, forbid_unknown_fields=True):
    delta: Delta
    index: int = 0
    finish_reason: None = None
    logprobs: None = None


class PlainChunk(Struct, frozen=True, forbid_unknown_fields=True):
    choices: tuple[Choice]
    id: str = ""
    object: str = ""
    created: float = 0
    model: str = ""
    system_fingerprint: str | None = None
    service_tier: str | None = None
    obfuscation: str | None = None
    p: str | None = None
    usage: None = None


_decoder = msgspec.json.Decoder(PlainChunk)


def parse_plain_chunk(frame: Frame, said: Wire) -> Choice | None:
    """None for a chunk that says anything else. `said`: what was said of the answer as a whole."""
    if _HINT not in frame.data:
        return None
    try:
        chunk = _decoder.decode(frame.data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if chunk.system_fingerprint is not None and chunk.system_fingerprint != said.get("system_fingerprint"):
        return None
    if chunk.service_tier is not None and chunk.service_tier != said.get("service_tier"):
        return None
    choice = chunk.choices[0]
    return choice if choice.delta.content else None
