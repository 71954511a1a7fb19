"""Images and documents of another format, as this wire takes them.

https://docs.claude.com/en/docs/build-with-claude/vision and …/pdf-support (as of 2026-11).
"""

from __future__ import annotations

import base64
import binascii
from typing import NoReturn, assert_never

from msgspec import structs

from prxy.canonical.parts import FileRef, Inline, Media, MediaKind, MediaSource, Url
from prxy.formats.anthropic_messages.words import NAME
from prxy.formats.places import PartFault

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF = "application/pdf"
_TEXT_TYPES = frozenset({"application/json", "application/xml", "application/yaml", "application/x-yaml"})
_SUPPORTED = "text, images (JPEG, PNG, GIF, WebP) and documents (PDF, plain text)"


def fit_media(part: Media) -> Media:
    """Raises PartFault, which names what works."""
    if part.kind in (MediaKind.AUDIO, MediaKind.VIDEO):
        _refuse(part, part.kind.value)
    source = _source(part)
    return Media(kind=part.kind, source=source, name=part.name, cache=part.cache, extras=part.extras)


def _refuse(part: Media, what: str) -> NoReturn:
    raise PartFault(part, f"is {what}, which the model does not take; use {_SUPPORTED}.")


def _source(part: Media) -> MediaSource:
    match part.source:
        case Inline() as source:
            return _image(part, source) if part.kind is MediaKind.IMAGE else _document(part, source)
        case Url(url=url) as source:
            if not url.startswith(("https://", "http://")):
                _refuse(part, "at an address that is not on the web")
            return source
        case FileRef() as source:
            if source.format != NAME:
                _refuse(part, "a file uploaded to another vendor")
            return source
        case _:
            assert_never(part.source)


def _image(part: Media, source: Inline) -> Inline:
    media_type = source.media_type.lower().replace("image/jpg", "image/jpeg")
    if media_type not in _IMAGES:
        _refuse(part, f"an image of type '{source.media_type[:64]}'")
    return structs.replace(source, media_type=media_type)


def _document(part: Media, source: Inline) -> Inline:
    """Text of any kind is sent as plain text: the wire knows no other document but PDF."""
    media_type = source.media_type.lower().partition(";")[0].strip()
    if source.is_text:
        return Inline(media_type="text/plain", data=source.data, is_text=True)
    if media_type == _PDF:
        return structs.replace(source, media_type=_PDF)
    if not media_type.startswith("text/") and media_type not in _TEXT_TYPES:
        _refuse(part, f"a document of type '{source.media_type[:64]}'")
    try:
        text = base64.b64decode(source.data, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        _refuse(part, "a text document that is not base64 of UTF-8")
    return Inline(media_type="text/plain", data=text, is_text=True)
