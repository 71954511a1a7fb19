"""Images, documents, video and audio, both ways, and what of another format's can be sent.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html (as of 2026-11)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import assert_never

from msgspec import structs

from prxy.canonical.parts import FileRef, Inline, Json, Media, MediaKind, MediaSource, Opaque, Url, Wire
from prxy.formats.base import make_extras, own_fields
from prxy.formats.bedrock_converse.words import MEDIA_TYPES, NAME
from prxy.formats.places import PartFault
from prxy.formats.reading import Fields

_FORMATS: Mapping[MediaKind, Mapping[str, str]] = {
    kind: {type_: word for word, type_ in types.items()} for kind, types in MEDIA_TYPES.items()
}
_ALIASES: Mapping[str, str] = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/m4a": "audio/x-m4a",
    "text/x-markdown": "text/markdown",
    "video/mov": "video/quicktime",
}
_TEXT_TYPES = frozenset({"application/json", "application/xml", "application/yaml", "application/x-yaml"})
_S3 = "s3://"


def parse_media(kind: MediaKind, block: Wire, fields: Fields) -> Media | Opaque:
    """The member of a block under its kind; a source of a kind that only this wire has stays as it is."""
    word = fields.string("format") or ""
    name = fields.string("name")
    source = _source(kind, word, fields.required_inner("source"))
    if source is None:
        return Opaque(format=NAME, value=block)
    more = {**({} if _format(kind, source) == word else {"format": word}), **fields.rest()}
    return Media(kind=kind, source=source, name=name, extras=make_extras(NAME, more))


def _source(kind: MediaKind, word: str, source: Fields) -> MediaSource | None:
    data, text, place = source.string("bytes"), source.string("text"), source.object("s3Location")
    media_type = MEDIA_TYPES[kind].get(word, word if "/" in word else "")
    match data, text, place, source.rest():
        case str(), None, None, {**left} if not left:
            return Inline(media_type=media_type, data=data)
        case None, str(), None, {**left} if not left:
            return Inline(media_type=media_type or "text/plain", data=text, is_text=True)
        case None, None, {"uri": str(uri), **more}, {**left} if not left and not more:
            return Url(url=uri, media_type=media_type)
        case _:
            return None


def render_media(part: Media) -> Wire:
    """The block. Raises PartFault."""
    word = _format(part.kind, part.source)
    body: Wire = {"format": word} if word else {}
    if part.name is not None:
        body["name"] = part.name
    body["source"] = _render_source(part)
    return {part.kind.value: {**body, **_said(own_fields(part.extras, NAME))}}


def _said(own: Mapping[str, Json]) -> Mapping[str, Json]:
    """Own fields; a document of no format had an empty one."""
    return {key: value for key, value in own.items() if (key, value) != ("format", "")}


def _render_source(part: Media) -> Wire:
    match part.source:
        case Inline(is_text=True, data=text):
            return {"text": text}
        case Inline(data=data):
            return {"bytes": data}
        case Url(url=url):
            return {"s3Location": {"uri": url}}
        case FileRef():
            raise PartFault(part, "is a file uploaded to another vendor; send its bytes.")
        case _:
            assert_never(part.source)


def _format(kind: MediaKind, source: MediaSource) -> str:
    """`format`, empty where the type is not one that the wire names."""
    return _FORMATS[kind].get(source.media_type, "")


def fit_media(part: Media) -> Media:
    """A part of another format as this wire takes it. Raises PartFault, which names what works."""
    match part.source:
        case Inline() as source:
            fitted: MediaSource = structs.replace(source, media_type=_media_type(part, source))
        case Url(url=url) as source:
            if not url.startswith(_S3):
                raise PartFault(part, "is at a web address, which the provider does not fetch; send its bytes.")
            media_type = source.media_type or _guessed(part.kind, url)
            fitted = structs.replace(source, media_type=_ALIASES.get(media_type, media_type))
        case FileRef():
            raise PartFault(part, "is a file uploaded to another vendor; send its bytes.")
        case _:
            assert_never(part.source)
    return Media(kind=part.kind, source=fitted, name=part.name, cache=part.cache, extras=part.extras)


def _media_type(part: Media, source: Inline) -> str:
    """A type that the wire has a format for: text of any other kind is plain text."""
    named = source.media_type.lower().partition(";")[0].strip()
    media_type = _ALIASES.get(named, named)
    if media_type in _FORMATS[part.kind]:
        return media_type
    if part.kind is MediaKind.DOCUMENT and (source.is_text or named.startswith("text/") or named in _TEXT_TYPES):
        return "text/plain"
    known = ", ".join(sorted(MEDIA_TYPES[part.kind]))
    raise PartFault(part, f"is {part.kind.value} of type '{named[:64]}'; use {known}.")


def _guessed(kind: MediaKind, url: str) -> str:
    ending = url.rpartition(".")[2].lower()
    return MEDIA_TYPES[kind].get("jpeg" if ending == "jpg" else ending, "")


_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9\-()\[\]]+")
_MAX_NAME_CHARS = 200
_ENDING = re.compile(r"\.(?:" + "|".join(MEDIA_TYPES[MediaKind.DOCUMENT]) + r")$", re.IGNORECASE)


class DocumentNames:
    """Names that the wire takes, each used once in a conversation: given out in its order, so that they stay."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def give(self, name: str | None) -> str:
        """The name without what the wire refuses, numbered where it was given before."""
        base = _NOT_IN_NAMES.sub(" ", _ENDING.sub("", name or "")).strip()[: _MAX_NAME_CHARS - 8].strip() or "document"
        made, number = base, 1
        while made in self._given:
            number += 1
            made = f"{base} {number}"
        self._given.add(made)
        return made
