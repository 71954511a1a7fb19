"""Content parts of a message: wire <-> canonical."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from prxy.canonical.parts import Json, Media, Opaque, Part, Reasoning, Refusal, Text, Wire
from prxy.formats.base import make_extras, own_fields, spelt
from prxy.formats.lenient import string
from prxy.formats.openai_chat.media import cache_point, parse_audio, parse_file, parse_image, render_media
from prxy.formats.openai_chat.words import NAME
from prxy.formats.places import PartFault
from prxy.formats.reading import Fields, kind


def parse_content(value: Json, message: Fields) -> tuple[Part, ...]:
    """The parts of the `content` of a message: one text, or a list; nothing where it is null or absent."""
    if value is None or isinstance(value, str):
        return () if value is None else (Text(text=value),)
    if not isinstance(value, list):
        message.fail("content", f"must be a string or a list of parts, not {kind(value)}.", "invalid_type")
    at = message.path("content")
    return tuple(_part(item, f"{at}[{position}]") for position, item in enumerate(value))


def _part(value: Json, at: str) -> Part:
    fields = Fields(value, at)
    reader = READERS.get(fields.required_string("type"))
    return reader(fields) if reader else Opaque(format=NAME, value=value)


def _text(fields: Fields) -> Text:
    text, rest = fields.required_string("text"), fields.rest()
    return Text(text=text, cache=cache_point(rest), extras=make_extras(NAME, rest))


def _refusal(fields: Fields) -> Refusal:
    return Refusal(text=fields.required_string("refusal"), extras=make_extras(NAME, fields.rest(), "refusal:part"))


def _thinking(fields: Fields) -> Reasoning:
    return thinking_part({"thinking": fields.required("thinking"), **fields.rest()})


READERS: Mapping[str, Callable[[Fields], Part]] = {
    "text": _text,
    "image_url": parse_image,
    "input_audio": parse_audio,
    "file": parse_file,
    "refusal": _refusal,
    "thinking": _thinking,
}
"""Part type -> reader. A type that is not here passes as it is to a provider of this wire, and nowhere else."""


def thinking_part(value: Wire) -> Reasoning:
    """Mistral's thinking chunk: https://docs.mistral.ai/capabilities/reasoning (as of 2026-11)."""
    text = thinking_text(value)
    is_plain = value.get("thinking") == [{"type": "text", "text": text}]
    kept = {name: item for name, item in value.items() if name != "type" and not (is_plain and name == "thinking")}
    return Reasoning(text=text, extras=make_extras(NAME, kept, "thinking"))


def thinking_text(value: Wire) -> str:
    match value.get("thinking"):
        case str(text):
            return text
        case list(pieces):
            return "".join(string(piece, "text") for piece in pieces if isinstance(piece, dict))
        case _:
            return ""


def is_in_content(part: Part) -> bool:
    """Whether the part stands in `content`, and not in a field of its own beside it."""
    match part:
        case Text() | Media() | Opaque():
            return True
        case Refusal(extras=extras):
            return spelt(extras, NAME, "refusal:part")
        case Reasoning(extras=extras):
            return spelt(extras, NAME, "thinking")
        case _:
            return False


def render_content(parts: Sequence[Part], *, as_list: bool) -> Json:
    """`content`: a string where one plain text is all, unless the client wrote a list; None where nothing is."""
    match parts:
        case () | [] if not as_list:
            return None
        case [Text() as text] if not as_list and not own_fields(text.extras, NAME):
            return text.text
        case _:
            return [_render_part(part) for part in parts]


def _render_part(part: Part) -> Wire:
    match part:
        case Text(text=text, extras=extras):
            return {**own_fields(extras, NAME), "type": "text", "text": text}
        case Media():
            return render_media(part)
        case Refusal(text=text, extras=extras):
            return {**own_fields(extras, NAME), "type": "refusal", "refusal": text}
        case Reasoning(text=text, extras=extras):
            return {"type": "thinking", "thinking": [{"type": "text", "text": text}], **own_fields(extras, NAME)}
        case Opaque(format=format_, value=value) if format_ == NAME:
            return value
        case _:
            raise unsupported_part(part)


def unsupported_part(part: Part) -> PartFault:
    """The error for content that only the wire it came from can say."""
    return PartFault(
        part,
        f"is a block ({type(part).__name__}) that Chat Completions cannot carry; leave it out or choose a model "
        "of the provider that made it.",
    )
