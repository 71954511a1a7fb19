"""The stream grammar, one class per event.

    StreamStart (PartStart PartDelta* PartEnd | ChoiceEnd | UsageUpdate | Verbatim)* (StreamEnd | StreamError)

Parts may interleave by index; an index is used once in a stream, over all choices. Nothing follows the terminal event.
"""

from __future__ import annotations

from msgspec import Struct

from prxy.canonical.errors import GatewayError
from prxy.canonical.parts import Extras, Json, Part, Signature
from prxy.canonical.response import Finish, Usage


class StreamStart(Struct, frozen=True, kw_only=True):
    format: str
    id: str
    model: str
    created_at: int | None = None
    extras: Extras | None = None


class PartStart(Struct, frozen=True, kw_only=True):
    """A part begins. `part` holds what is known so far: deltas add to it."""

    index: int
    part: Part
    choice: int = 0


class PartDelta(Struct, frozen=True, kw_only=True):
    index: int
    text: str = ""
    """Added to the text of Text, Reasoning or Refusal, the arguments of a call, or the base64 data of Inline media."""
    signature: Signature | None = None
    extras: Extras | None = None
    """Merged into the part's: objects by key, lists by appending, anything else replaces."""


class PartEnd(Struct, frozen=True, kw_only=True):
    index: int


class ChoiceEnd(Struct, frozen=True, kw_only=True):
    finish: Finish
    choice: int = 0
    extras: Extras | None = None


class UsageUpdate(Struct, frozen=True, kw_only=True):
    """Usage so far; each update replaces the one before."""

    usage: Usage


class Verbatim(Struct, frozen=True, kw_only=True):
    """What the events just before it came from: frames of a stream as a tuple, or a whole JSON body as bytes.

    A client of the same format is answered with it as it stands when nothing rewrote the events.
    """

    format: str
    value: Json


class StreamEnd(Struct, frozen=True, kw_only=True):
    extras: Extras | None = None
    """What the terminal frames said that belongs to the response as a whole; merged into StreamStart's."""


class StreamError(Struct, frozen=True, kw_only=True):
    error: GatewayError


StreamEvent = (
    StreamStart | PartStart | PartDelta | PartEnd | ChoiceEnd | UsageUpdate | Verbatim | StreamEnd | StreamError
)
