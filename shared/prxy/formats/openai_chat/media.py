"""Images, sounds and files: content part <-> Media."""

from __future__ import annotations

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
from prxy.formats.openai_chat.words import NAME
from prxy.formats.openai_media import (
    audio_source,
    bare_file,
    data_url,
    file_kind,
    file_name,
    media_source,
    render_audio,
)
from prxy.formats.places import PartFault
from prxy.formats.reading import Fields


def cache_point(fields: Wire) -> CachePoint | None:
    """The breakpoint among the unknown fields: OpenAI's own, or the one that vendors took over from Anthropic.

    https://openrouter.ai/docs/features/prompt-caching (as of 2026-11). The field itself stays where it is.
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
    return _media(MediaKind.AUDIO, audio_source(inner), fields, {"input_audio": inner.rest()})


def parse_file(fields: Fields) -> Media:
    inner = fields.required_inner("file")
    name, data, id_ = inner.string("filename"), inner.string("file_data"), inner.string("file_id")
    if (data is None) == (id_ is None):
        inner.fail("file_data", "or 'file_id' must be given, one of the two.", "missing_field")
    source: MediaSource = _file_bytes(data, name) if data is not None else FileRef(format=NAME, id=id_ or "")
    bare = data is not None and isinstance(source, Inline) and not data.startswith("data:")
    spelling = ["file", "file_data:bare"] if bare else ["file"]
    media = _media(file_kind(source.media_type), source, fields, {"file": inner.rest()}, *spelling)
    return Media(kind=media.kind, source=media.source, name=name, cache=media.cache, extras=media.extras)


def _file_bytes(data: str, name: str | None) -> Inline | Url:
    if data.startswith(("data:", "http://", "https://")):
        return media_source(data)
    return bare_file(data, name)


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
        case Inline() as source:
            return render_audio(source)
        case Url() | FileRef():
            raise _unsupported(media, "audio by reference", "send it inline as wav or mp3")


def _file_body(media: Media) -> Wire:
    name = {"filename": media.name} if media.name else {}
    match media.source:
        case Inline() as source if spelt(media.extras, NAME, "file_data:bare"):
            return {**name, "file_data": source.data}
        case Inline() as source:
            foreign = {} if spelt(media.extras, NAME, "file") else {"filename": file_name(media, source)}
            return {**name, **foreign, "file_data": data_url(source)}
        case FileRef(format=format_, id=id_) if format_ == NAME:
            return {**name, "file_id": id_}
        case Url(url=url) if spelt(media.extras, NAME, "file"):
            return {**name, "file_data": url}
        case Url():
            raise _unsupported(media, "a document by URL", "send its bytes inline")
        case FileRef():
            raise _unsupported(media, "a file uploaded to another provider", "send its bytes inline")


def _unsupported(media: Media, what: str, instead: str) -> PartFault:
    return PartFault(media, f"is {what}, which Chat Completions cannot carry; {instead}.")
