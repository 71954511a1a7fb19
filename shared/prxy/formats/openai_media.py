"""Bytes, data URLs and types of media in OpenAI's words. Chat Completions and Responses share them.

https://platform.openai.com/docs/guides/images-vision, https://platform.openai.com/docs/guides/pdf-files (as of 2026-11)
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from prxy.canonical.parts import Inline, Media, MediaKind, Url, Wire
from prxy.formats.reading import Fields

_PDF_IN_BASE64 = "JVBERi0"
_ENDINGS: Mapping[str, str] = {"application/pdf": ".pdf", "text/plain": ".txt"}

_AUDIO_FORMATS: Mapping[str, str] = {"wav": "audio/wav", "mp3": "audio/mpeg"}
"""`input_audio.format` -> MIME type; other formats of vendors are the subtype itself."""

_AUDIO_WORDS: Mapping[str, str] = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
"""MIME type -> `input_audio.format`."""


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


def bare_file(data: str, name: str | None) -> Inline:
    """A file in base64 without a word of its type: its first bytes tell it, or the ending of its name."""
    by_name = [type_ for type_, ending in _ENDINGS.items() if (name or "").lower().endswith(ending)]
    return Inline(media_type="application/pdf" if data.startswith(_PDF_IN_BASE64) else "".join(by_name), data=data)


def file_kind(media_type: str) -> MediaKind:
    family = media_type.partition("/")[0]
    return MediaKind(family) if family in ("image", "audio", "video") else MediaKind.DOCUMENT


def file_name(media: Media, source: Inline) -> str:
    """OpenAI wants a name beside the bytes and reads the type from its ending."""
    name = media.name or "document"
    return name if "." in name else name + _ENDINGS.get(source.media_type, "")


def audio_source(input_audio: Fields) -> Inline:
    """Takes `data` and `format`."""
    data, word = input_audio.required_string("data"), input_audio.required_string("format")
    return Inline(media_type=_AUDIO_FORMATS.get(word, f"audio/{word}"), data=data)


def render_audio(source: Inline) -> Wire:
    """`input_audio`."""
    media_type = source.media_type
    return {"data": source.data, "format": _AUDIO_WORDS.get(media_type, media_type.removeprefix("audio/"))}
