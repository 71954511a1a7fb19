"""Images, files and sounds: content part <-> Media.

https://platform.openai.com/docs/guides/images-vision, https://platform.openai.com/docs/guides/pdf-files (as of 2026-11)
"""

from __future__ import annotations

from prxy.canonical.errors import UnsupportedFeature
from prxy.canonical.parts import FileRef, Inline, Media, MediaKind, MediaSource, Url, Wire
from prxy.formats.base import make_extras, own_fields, spelt
from prxy.formats.openai_media import (
    audio_source,
    bare_file,
    data_url,
    file_kind,
    file_name,
    media_source,
    render_audio,
)
from prxy.formats.openai_responses.words import NAME
from prxy.formats.reading import Fields

FILE = "file"
"""Spelling of media that stood in an `input_file`, whatever they are."""


def parse_image(fields: Fields) -> Media:
    url, id_ = fields.string("image_url"), fields.string("file_id")
    detail = fields.string("detail")
    if (url is None) == (id_ is None):
        fields.fail("image_url", "or 'file_id' must be given, one of the two.", "missing_field")
    rest = fields.rest()
    if detail not in (None, "auto"):
        rest["detail"] = detail
    source = FileRef(format=NAME, id=id_ or "") if url is None else media_source(url)
    spelling = ["detail:auto"] if detail == "auto" else []
    return Media(kind=MediaKind.IMAGE, source=source, extras=make_extras(NAME, rest, *spelling))


def parse_file(fields: Fields) -> Media:
    name = fields.string("filename")
    given = {word: fields.string(word) for word in ("file_data", "file_url", "file_id")}
    words = [word for word, value in given.items() if value is not None]
    if len(words) != 1:
        fields.fail("file_data", "'file_url' or 'file_id' must be given, one of the three.", "missing_field")
    value = given[words[0]] or ""
    source = _file_source(words[0], value, name)
    bare = words[0] == "file_data" and not value.startswith("data:")
    extras = make_extras(NAME, fields.rest(), FILE, *(["file_data:bare"] if bare else []))
    return Media(kind=file_kind(source.media_type), source=source, name=name, extras=extras)


def _file_source(word: str, value: str, name: str | None) -> MediaSource:
    match word:
        case "file_id":
            return FileRef(format=NAME, id=value)
        case "file_url":
            return Url(url=value)
        case _ if value.startswith("data:"):
            return media_source(value)
        case _:
            return bare_file(value, name)


def parse_audio(fields: Fields) -> Media:
    inner = fields.required_inner("input_audio")
    source = audio_source(inner)
    return Media(kind=MediaKind.AUDIO, source=source, extras=make_extras(NAME, {**inner.rest(), **fields.rest()}))


def render_media(media: Media, at: str) -> Wire:
    """The content part. Raises UnsupportedFeature for what the wire cannot carry; `at` names the message."""
    own = own_fields(media.extras, NAME)
    match media.kind:
        case _ if media.kind is MediaKind.DOCUMENT or spelt(media.extras, NAME, FILE):
            return {**own, "type": "input_file", **_file_body(media, at)}
        case MediaKind.IMAGE:
            detail = {"detail": "auto"} if spelt(media.extras, NAME, "detail:auto") else {}
            return {**detail, **own, "type": "input_image", **_image_body(media.source, at)}
        case MediaKind.AUDIO:
            return {**own, "type": "input_audio", "input_audio": _audio_body(media.source, at)}
        case _:
            raise _unsupported(at, "a video", "describe it or send single frames as images")


def _image_body(source: MediaSource, at: str) -> Wire:
    match source:
        case Inline():
            return {"image_url": data_url(source)}
        case Url(url=url):
            return {"image_url": url}
        case FileRef(format=format_, id=id_) if format_ == NAME:
            return {"file_id": id_}
        case FileRef():
            raise _unsupported(at, "an image uploaded to another provider", "send it inline or by URL")


def _audio_body(source: MediaSource, at: str) -> Wire:
    match source:
        case Inline():
            return render_audio(source)
        case Url() | FileRef():
            raise _unsupported(at, "audio by reference", "send it inline as wav or mp3")


def _file_body(media: Media, at: str) -> Wire:
    name = {"filename": media.name} if media.name else {}
    match media.source:
        case Inline(data=data) if spelt(media.extras, NAME, "file_data:bare"):
            return {**name, "file_data": data}
        case Inline() as source:
            named = name if spelt(media.extras, NAME, FILE) else {"filename": file_name(media, source)}
            return {**named, "file_data": data_url(source)}
        case Url(url=url):
            return {**(name if spelt(media.extras, NAME, FILE) else {}), "file_url": url}
        case FileRef(format=format_, id=id_) if format_ == NAME:
            return {**name, "file_id": id_}
        case FileRef():
            raise _unsupported(at, "a file uploaded to another provider", "send its bytes inline")


def _unsupported(at: str, what: str, instead: str) -> UnsupportedFeature:
    return UnsupportedFeature(f"'{at}' holds {what}, which Responses cannot carry; {instead}.", param=at or None)
