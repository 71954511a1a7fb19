"""Images, sounds and files: content part <-> Media."""

from __future__ import annotations

import base64

from prxy.canonical.parts import (
    CachePoint,
    FileRef,
    Inline,
    Media,
    MediaKind,
    MediaSource,
    Url,
    Wire,
)
from prxy.formats.base import make_extras, own_fields, spelt
from prxy.formats.openai_chat.words import AUDIO_FORMATS, AUDIO_TYPES, NAME
from prxy.formats.places import PartFault
from prxy.formats.reading import Fields

PDF_IN_BASE64 = "JVBERi0"
EXTENSIONS = {"application/pdf": ".pdf", "text/plain": ".txt"}


def data_url(source: Inline) -> str:
    """The bytes as a data URL; plain text is put into base64."""
    data = base64.b64encode(source.data.encode()).decode() if source.is_text else source.data
    return f"data:{source.media_type};base64,{data}"


def media_source(url: str) -> Inline | Url:
    """A data URL in base64 becomes its bytes; any other URL stays one."""
    head, comma, data = url.partition(";base64,")
    if comma and head.startswith("data:"):
        return Inline(media_type=head.removeprefix("data:"), data=data)
    return Url(url=url)


def cache_point(fields: Wire) -> CachePoint | None:
    """The breakpoint among the unknown fields: OpenAI's own, or the one that vendors took over from Anthropic.

    https://openrouter.ai/docs/features/prompt-caching (read 2026-11). The field itself stays where it is.
    """
    match fields.get("prompt_cache_breakpoint") or fields.get("cache_control"):
        case {"ttl": str(ttl)}:
            return CachePoint(ttl=ttl)
        case dict():
            return CachePoint()
        case _:
            return None


def parse_image(fields: Fields) -> Media:
    """`image_url`; some vendors take a plain string in place of the object."""
    value = fields.required("image_url")
    inner = Fields({"url": value} if isinstance(value, str) else value, fields.path("image_url"))
    spelling = ["image_url:string"] if isinstance(value, str) else []
    source = media_source(inner.required_string("url"))
    return _media(MediaKind.IMAGE, source, fields, {"image_url": inner.rest()}, *spelling)


def parse_audio(fields: Fields) -> Media:
    inner = fields.required_inner("input_audio")
    data, word = inner.required_string("data"), inner.required_string("format")
    source = Inline(media_type=AUDIO_FORMATS.get(word, f"audio/{word}"), data=data)
    return _media(MediaKind.AUDIO, source, fields, {"input_audio": inner.rest()})


def parse_file(fields: Fields) -> Media:
    inner = fields.required_inner("file")
    name, data, id_ = inner.string("filename"), inner.string("file_data"), inner.string("file_id")
    if (data is None) == (id_ is None):
        inner.fail("file_data", "or 'file_id' must be given, one of the two.", "missing_field")
    source: MediaSource = _file_bytes(data, name) if data is not None else FileRef(format=NAME, id=id_ or "")
    bare = data is not None and isinstance(source, Inline) and not data.startswith("data:")
    spelling = ["file", "file_data:bare"] if bare else ["file"]
    media = _media(_kind_of(source.media_type), source, fields, {"file": inner.rest()}, *spelling)
    return Media(kind=media.kind, source=media.source, name=name, cache=media.cache, extras=media.extras)


def _file_bytes(data: str, name: str | None) -> Inline | Url:
    if data.startswith(("data:", "http://", "https://")):
        return media_source(data)
    by_name = [type_ for type_, extension in EXTENSIONS.items() if (name or "").lower().endswith(extension)]
    media_type = "application/pdf" if data.startswith(PDF_IN_BASE64) else "".join(by_name)
    return Inline(media_type=media_type, data=data)


def _kind_of(media_type: str) -> MediaKind:
    family = media_type.partition("/")[0]
    return MediaKind(family) if family in ("image", "audio", "video") else MediaKind.DOCUMENT


def _media(kind: MediaKind, source: MediaSource, fields: Fields, inner: Wire, *spelling: str) -> Media:
    rest = fields.rest()
    cache = cache_point(rest)
    kept = {**rest, **{name: value for name, value in inner.items() if value}}
    return Media(kind=kind, source=source, cache=cache, extras=make_extras(NAME, kept, *spelling))


def render_media(media: Media) -> Wire:
    """The content part. Raises PartFault for what the wire cannot carry."""
    match media.kind:
        case _ if spelt(media.extras, NAME, "file") or media.kind is MediaKind.DOCUMENT:
            return _part(media, "file", _file_body(media))
        case MediaKind.IMAGE:
            return _part(media, "image_url", {"url": _image_url(media)})
        case MediaKind.AUDIO:
            return _part(media, "input_audio", _audio_body(media))
        case _:
            raise _unsupported(media, "a video", "describe it or send single frames as images")


def _part(media: Media, type_: str, body: Wire) -> Wire:
    own = own_fields(media.extras, NAME)
    if type_ == "image_url" and spelt(media.extras, NAME, "image_url:string"):
        return {**own, "type": type_, "image_url": body["url"]}
    return {**own, "type": type_, type_: {**body, **own.get(type_, {})}}


def _image_url(media: Media) -> str:
    match media.source:
        case Inline() as source:
            return data_url(source)
        case Url(url=url):
            return url
        case FileRef():
            raise _unsupported(media, "an image uploaded to another provider", "send it inline or by URL")


def _audio_body(media: Media) -> Wire:
    match media.source:
        case Inline(media_type=media_type, data=data):
            return {"data": data, "format": AUDIO_TYPES.get(media_type, media_type.removeprefix("audio/"))}
        case Url() | FileRef():
            raise _unsupported(media, "audio by reference", "send it inline as wav or mp3")


def _file_body(media: Media) -> Wire:
    name = {"filename": media.name} if media.name else {}
    match media.source:
        case Inline() as source if spelt(media.extras, NAME, "file_data:bare"):
            return {**name, "file_data": source.data}
        case Inline() as source:
            foreign = {} if spelt(media.extras, NAME, "file") else {"filename": _file_name(media, source)}
            return {**name, **foreign, "file_data": data_url(source)}
        case FileRef(format=format_, id=id_) if format_ == NAME:
            return {**name, "file_id": id_}
        case Url(url=url) if spelt(media.extras, NAME, "file"):
            return {**name, "file_data": url}
        case Url():
            raise _unsupported(media, "a document by URL", "send its bytes inline")
        case FileRef():
            raise _unsupported(media, "a file uploaded to another provider", "send its bytes inline")


def _file_name(media: Media, source: Inline) -> str:
    """OpenAI wants a name beside the bytes and reads the type from its ending."""
    ending = EXTENSIONS.get(source.media_type, "")
    name = media.name or "document"
    return name if "." in name else name + ending


def _unsupported(media: Media, what: str, instead: str) -> PartFault:
    return PartFault(media, f"is {what}, which Chat Completions cannot carry; {instead}.")
