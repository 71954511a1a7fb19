"""What a message is made of.

Names follow OpenTelemetry's GenAI conventions: part, tool call, reasoning, provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

Json = Any
"""A decoded JSON value. Its shape belongs to a wire, so only `formats/` looks inside."""

Wire = dict[str, Json]
"""A decoded JSON object in some vendor's wire shape."""


class Extras(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a wire object said that the canonical form has no word for; given back only to its own format."""

    format: str
    """Name of the format that parsed it."""
    fields: Mapping[str, Json] = {}
    """Unknown fields, verbatim, by their wire name."""
    spelling: frozenset[str] = frozenset()
    """Which variant was used where the wire has two for one meaning, for instance `content:list`."""
    binding: frozenset[str] = frozenset()
    """Names among `fields` that change what is asked, so that no other format may leave them out."""


class CachePoint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The provider may cache the prompt up to and including the part that carries this."""

    ttl: str | None = None
    """The vendor's word for the lifetime (`5m`, `1h`), None for its default."""
    hint: bool = False
    """Nobody asked for it: where a wire has no such mark, nothing is lost."""


def asks_for_cache(part: object) -> bool:
    """Whether the client marked it, so that leaving the mark out must be told."""
    cache = getattr(part, "cache", None)
    return cache is not None and not cache.hint


class Signature(Struct, frozen=True, kw_only=True):
    """A vendor's proof over what a model thought: opaque, verbatim, given back only to the format that made it."""

    format: str
    value: str


class Inline(Struct, frozen=True, kw_only=True, tag=True):
    """Bytes carried in the message itself."""

    media_type: str
    """Full MIME type; empty when the wire did not say."""
    data: str
    """Base64, standard alphabet; plain text where `media_type` is `text/plain` and `is_text`."""
    is_text: bool = False


class Url(Struct, frozen=True, kw_only=True, tag=True):
    """Bytes that the provider fetches itself. The gateway fetches nothing."""

    url: str
    media_type: str = ""


class FileRef(Struct, frozen=True, kw_only=True, tag=True):
    """A file that was uploaded to the provider beforehand; means nothing to another vendor."""

    format: str
    id: str
    media_type: str = ""


MediaSource = Inline | Url | FileRef


class MediaKind(StrEnum):
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"


class Text(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    text: str
    cache: CachePoint | None = None
    signature: Signature | None = None
    extras: Extras | None = None


class Reasoning(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """What the model thought before it answered. The text may be empty while the signature is not."""

    text: str = ""
    signature: Signature | None = None
    redacted: bool = False
    """The vendor hid the text; `signature` holds the encrypted block and stands for the whole part."""
    extras: Extras | None = None


class Media(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    kind: MediaKind
    source: MediaSource
    name: str | None = None
    """File name or title."""
    cache: CachePoint | None = None
    signature: Signature | None = None
    extras: Extras | None = None


class ToolCall(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """The model asks the client to run a tool."""

    id: str
    name: str
    arguments: str = ""
    """Raw JSON text of an object. Empty means no arguments; a cut stream may leave it unfinished."""
    freeform: bool = False
    """`arguments` is not JSON but the free text of a custom tool."""
    cache: CachePoint | None = None
    signature: Signature | None = None
    extras: Extras | None = None


class ToolResult(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """What the client's tool gave back."""

    call_id: str
    parts: tuple[Text | Media | Opaque, ...] = ()
    name: str | None = None
    """Name of the tool where the wire repeats it; renderers look it up by `call_id` when it is None."""
    is_error: bool = False
    cache: CachePoint | None = None
    extras: Extras | None = None


class ServerToolCall(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """The provider ran a tool of its own; only the format that reported it can say it again."""

    format: str
    id: str
    name: str
    arguments: str = ""
    """Raw JSON text, as in ToolCall."""
    extras: Extras | None = None


class ServerToolResult(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """What the provider's own tool gave back, as it stood on the wire."""

    format: str
    call_id: str
    value: Wire


class Refusal(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """The model declined, in words that the vendor keeps apart from the answer."""

    text: str
    extras: Extras | None = None


class Opaque(Struct, frozen=True, kw_only=True, tag=True):
    """A block that only its own format understands. Other formats refuse it: content is never dropped."""

    format: str
    value: Wire


Part = Text | Reasoning | Media | ToolCall | ToolResult | ServerToolCall | ServerToolResult | Refusal | Opaque
