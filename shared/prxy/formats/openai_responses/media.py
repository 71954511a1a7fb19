"""Images, files and sounds: content part <-> Media.

https://platform.openai.com/docs/guides/images-vision, https://platform.openai.com/docs/guides/pdf-files (read 2026-11)
"""

from __future__ import annotations

import base64

from prxy.canonical.errors import UnsupportedFeature
from prxy.canonical.parts import FileRef, Inline, Media, MediaKind, MediaSource, Url, Wire
from prxy.formats.base import make_extras, own_fields, spelt
from prxy.formats.openai_responses.words import AUDIO_FORMATS, AUDIO_WORDS, NAME
from prxy.formats.reading import Fields

PDF_IN_BASE64 = "JVBERi0"
EXTENSIONS = {"application/pdf": ".pdf", "text/plain": ".txt"}
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
    return Media(kind=_kind_of(source.media_type), source=source, name=name, extras=extras)


def _file_source(word: str, value: str, name: str | None) -> MediaSource:
    match word:
        case "file_id":
            return FileRef(format=NAME, id=value)
        case "file_url":
            return Url(url=value)
        case _ if value.startswith("data:"):
            return media_source(value)
        case _:
            by_name = [type_ for type_, ending in EXTENSIONS.items() if (name or "").lower().endswith(ending)]
            return Inline(
                media_type="application/pdf" if value.startswith(PDF_IN_BASE64) else "".join(by_name), data=value
            )


def parse_audio(fields: Fields) -> Media:
    inner = fields.required_inner("input_audio")
    data, word = inner.required_string("data"), inner.required_string("format")
    source = Inline(media_type=AUDIO_FORMATS.get(word, f"audio/{word}"), data=data)
    return Media(kind=MediaKind.AUDIO, source=source, extras=make_extras(NAME, {**inner.rest(), **fields.rest()}))


def media_source(url: str) -> Inline | Url:
    """A data URL in base64 becomes its bytes; any other URL stays one."""
    head, comma, data = url.partition(";base64,")
    if comma and head.startswith("data:"):
        return Inline(media_type=head.removeprefix("data:"), data=data)
    return Url(url=url)


def _kind_of(media_type: str) -> MediaKind:
    family = media_type.partition("/")[0]
    return MediaKind(family) if family in ("image", "audio", "video") else MediaKind.DOCUMENT


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


def data_url(source: Inline) -> str:
    """The bytes as a data URL; plain text is put into base64."""
    data = base64.b64encode(source.data.encode()).decode() if source.is_text else source.data
    return f"data:{source.media_type};base64,{data}"


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
        case Inline(media_type=media_type, data=data):
            return {"data": data, "format": AUDIO_WORDS.get(media_type, media_type.removeprefix("audio/"))}
        case Url() | FileRef():
            raise _unsupported(at, "audio by reference", "send it inline as wav or mp3")


def _file_body(media: Media, at: str) -> Wire:
    name = {"filename": media.name} if media.name else {}
    match media.source:
        case Inline(data=data) if spelt(media.extras, NAME, "file_data:bare"):
            return {**name, "file_data": data}
        case Inline() as source:
            named = name if spelt(media.extras, NAME, FILE) else {"filename": _file_name(media, source)}
            return {**named, "file_data": data_url(source)}
        case Url(url=url):
            return {**(name if spelt(media.extras, NAME, FILE) else {}), "file_url": url}
        case FileRef(format=format_, id=id_) if format_ == NAME:
            return {**name, "file_id": id_}
        case FileRef():
            raise _unsupported(at, "a file uploaded to another provider", "send its bytes inline")


def _file_name(media: Media, source: Inline) -> str:
    """OpenAI wants a name beside the bytes and reads the type from its ending."""
    name = media.name or "document"
    return name if "." in name else name + EXTENSIONS.get(source.media_type, "")


def _unsupported(at: str, what: str, instead: str) -> UnsupportedFeature:
    return UnsupportedFeature(f"'{at}' holds {what}, which Responses cannot carry; {instead}.", param=at or None)
