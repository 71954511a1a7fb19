"""The event that nearly every event is: more text, thought or input for the block it names."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct, field

from prxy.framing.frame import Frame

_HINT = b'"content_block_delta"'
"""What no other kind of event has; saves the attempt to read those."""


class TextDelta(Struct, frozen=True, forbid_unknown_fields=True, tag="text_delta"):
    text: str


class ThinkingDelta(Struct, frozen=True, forbid_unknown_fields=True, tag="thinking_delta"):
    text: str = field(name="thinking")


class InputDelta(Struct, frozen=True, forbid_unknown_fields=True, tag="input_json_delta"):
    text: str = field(name="partial_json")


class PlainDelta(Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["content_block_delta"]
    index: int
    delta: TextDelta | ThinkingDelta | InputDelta


_decoder = msgspec.json.Decoder(PlainDelta)


def parse_plain_delta(frame: Frame) -> PlainDelta | None:
    """None for an event that says anything else."""
    if _HINT not in frame.data:
        return None
    try:
        return _decoder.decode(frame.data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
