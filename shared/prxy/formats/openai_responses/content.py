"""Content parts of messages and of tool results: wire <-> canonical."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from prxy.canonical.errors import UnsupportedFeature
from prxy.canonical.parts import Extras, Json, Media, Opaque, Part, Refusal, Text, Wire
from prxy.formats.base import make_extras, own_fields, spelt, spelt_with
from prxy.formats.openai_responses.media import parse_audio, parse_file, parse_image, render_media
from prxy.formats.openai_responses.words import NAME
from prxy.formats.reading import Fields, kind

LISTS = ("annotations", "logprobs")
"""Lists of an `output_text` that are mostly empty; an empty one is a spelling."""
TEXT_TYPES = frozenset(("input_text", "output_text", "text", "summary_text"))


def parse_content(fields: Fields, name: str, default: str) -> tuple[Part, ...]:
    """The parts of `content` or `output`: one text, or a list. `default` is the type that texts have here."""
    value = fields.required(name)
    if isinstance(value, str):
        return (Text(text=value),)
    if not isinstance(value, list):
        fields.fail(name, f"must be a string or a list of parts, not {kind(value)}.", "invalid_type")
    at = fields.path(name)
    return tuple(_part(item, f"{at}[{position}]", default) for position, item in enumerate(value))


def _part(value: Json, at: str, default: str) -> Part:
    fields = Fields(value, at)
    type_ = fields.required_string("type")
    if type_ in TEXT_TYPES:
        fields.required_string("text")
        return text_part({**fields.rest(), "type": type_, "text": value["text"]}, default)
    reader = READERS.get(type_)
    return reader(fields) if reader else Opaque(format=NAME, value=value)


def _refusal(fields: Fields) -> Refusal:
    return Refusal(text=fields.required_string("refusal"), extras=make_extras(NAME, fields.rest()))


READERS: Mapping[str, Callable[[Fields], Part]] = {
    "input_image": parse_image,
    "input_file": parse_file,
    "input_audio": parse_audio,
    "refusal": _refusal,
}
"""Part type -> reader. A type that is not here passes as it is to a provider of this wire, and nowhere else."""


def text_part(wire: Mapping[str, Json], default: str) -> Text:
    """A text of any type that this wire has."""
    rest = {name: value for name, value in wire.items() if name not in ("type", "text") and value is not None}
    empty = [name for name in LISTS if rest.get(name) == []]
    kept = {name: value for name, value in rest.items() if name not in empty}
    spelling = [f"{name}:empty" for name in empty]
    if wire["type"] != default:
        spelling.append(f"type:{wire['type']}")
    return Text(text=wire["text"], extras=make_extras(NAME, kept, *spelling))


def answer_part(wire: Mapping[str, Json]) -> Text | Refusal | None:
    """A content part of an answer; None for one that only this wire can say."""
    match wire:
        case {"type": "output_text" | "text", "text": str()}:
            return text_part(wire, "output_text")
        case {"type": "refusal", "refusal": str(text), **rest}:
            return Refusal(text=text, extras=make_extras(NAME, {n: v for n, v in rest.items() if v is not None}))
        case _:
            return None


def render_content(parts: Sequence[Part], at: str, default: str, *, as_list: bool) -> Json:
    """A string where one plain text is all, unless the client wrote a list."""
    match parts:
        case [Text() as text] if not as_list and not _details(text.extras):
            return text.text
        case _:
            return [render_part(part, at, default) for part in parts]


def _details(extras: Extras | None) -> Wire:
    """The fields of a content part, without those of the item around it."""
    return {name: value for name, value in own_fields(extras, NAME).items() if name != "item"}


def render_part(part: Part, at: str, default: str) -> Wire:
    """Raises UnsupportedFeature for content that only the wire it came from can say."""
    match part:
        case Text(text=text, extras=extras):
            lists: Wire = {name: [] for name in LISTS if spelt(extras, NAME, f"{name}:empty")}
            type_ = spelt_with(extras, NAME, "type") or default
            return {**lists, **_details(extras), "type": type_, "text": text}
        case Refusal(text=text, extras=extras):
            return {**_details(extras), "type": "refusal", "refusal": text}
        case Media():
            return render_media(part, at)
        case Opaque(format=format_, value=value) if format_ == NAME:
            return value
        case _:
            raise unsupported_part(part, at)


def unsupported_part(part: Part, at: str) -> UnsupportedFeature:
    what = type(part).__name__
    return UnsupportedFeature(
        f"'{at}' holds a block ({what}) that Responses cannot carry; leave it out or choose a model of the provider "
        "that made it.",
        param=at or None,
    )
