"""Reasoning items: wire <-> canonical. https://platform.openai.com/docs/guides/reasoning (as of 2026-11)

The text is all pieces of the summary and of the content, with a blank line between them. Where the pieces are more
than one plain summary, a note tells their lengths, so that the item can be cut up again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from prxy.canonical.parts import Json, Reasoning, Signature, Wire
from prxy.formats.base import make_extras, own_fields, spelt_with
from prxy.formats.openai_responses.notes import noted, notes, unknown
from prxy.formats.openai_responses.words import NAME

GLUE = "\n\n"
LISTS: Mapping[str, str] = {"summary": "summary_text", "content": "reasoning_text"}
"""Field of the item -> type of its pieces."""


def parse_reasoning(item: Mapping[str, Json]) -> Reasoning:
    pieces = {name: item[name] for name in LISTS if _is_pieces(item.get(name))}
    text = GLUE.join(piece["text"] for name in LISTS for piece in pieces.get(name, ()))
    spelling = [*notes(item)]
    if pieces != _plain(text):
        spelling.append(f"pieces:{msgspec.json.encode(_lengths(pieces)).decode()}")
    encrypted = item.get("encrypted_content")
    known = ["type", *pieces, *(["encrypted_content"] if isinstance(encrypted, str) else [])]
    return Reasoning(
        text=text,
        signature=Signature(format=NAME, value=encrypted) if isinstance(encrypted, str) else None,
        extras=make_extras(NAME, unknown(item, *known), *spelling),
    )


def _is_pieces(value: Json) -> bool:
    return isinstance(value, list) and all(
        isinstance(piece, dict) and isinstance(piece.get("text"), str) for piece in value
    )


def _plain(text: str) -> Wire:
    return {"summary": [{"type": "summary_text", "text": text}] if text else []}


def _lengths(pieces: Mapping[str, Sequence[Wire]]) -> Wire:
    return {name: [{**piece, "text": len(piece["text"])} for piece in listed] for name, listed in pieces.items()}


def render_reasoning(part: Reasoning) -> Wire:
    """The item. A signature of another vendor means nothing here and is left out."""
    signed = part.signature is not None and part.signature.format == NAME
    return {
        **own_fields(part.extras, NAME),
        **noted(part.extras),
        "type": "reasoning",
        **_pieces(part),
        **({"encrypted_content": part.signature.value} if signed and part.signature else {}),
    }


def _pieces(part: Reasoning) -> Wire:
    note = spelt_with(part.extras, NAME, "pieces")
    lengths: Mapping[str, Sequence[Wire]] = msgspec.json.decode(note) if note is not None else {}
    texts = _cut(part.text, [piece["text"] for listed in lengths.values() for piece in listed])
    if note is None or texts is None:
        return _plain(part.text)
    return {name: [{**piece, "text": next(texts)} for piece in listed] for name, listed in lengths.items()}


def _cut(text: str, lengths: Sequence[int]) -> Iterator[str] | None:
    """The text in pieces of these lengths; None where it has become another one since."""
    found: list[str] = []
    place = 0
    for length in lengths:
        found.append(text[place : place + length])
        place += length + len(GLUE)
    return iter(found) if GLUE.join(found) == text else None
