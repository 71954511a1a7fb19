"""Hypothesis strategies: requests of every kind that has a bound, and usage that a provider may bill for them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec.structs import astuple, replace
from tests.strategies import json_objects, names

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import CachePoint, Extras, Inline, Media, MediaKind, Part, Reasoning, Text, ToolCall
from prxy.canonical.request import (
    ChatRequest,
    FunctionTool,
    Instructions,
    Message,
    OutputFormat,
    OutputKind,
    ReasoningOptions,
    Role,
    Sampling,
)
from prxy.canonical.response import Usage
from prxy.catalog import Catalog, ModelCard
from prxy.formats import FORMATS

CATALOG = Catalog()
PROVIDERS = (
    "anthropic azure bedrock cerebras deepseek fireworks google groq mistral openai openrouter perplexity together xai"
).split()
CARDS = [card for provider in PROVIDERS for card in CATALOG.of(provider)]
VARIED = [
    card
    for card in CARDS
    if card.prices
    and (card.prices.tiers or card.prices.fee_nano or set(astuple(card.prices.standard[-1])[6:]) - {None})
]
"""Models with more than one price for a token: few, and where mistakes would be."""
TIERS = (None, None, None, "auto", "default", "standard", "flex", "priority", "fast")

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ["\x00\x01\x1f" * 9, "👩‍👩‍👧‍👦" * 9, "\u202eعربى", "漢字かな" * 9, '\\"' * 9, "aaaaaaaa" * 50]
)
points = st.sampled_from([None, None, CachePoint(), CachePoint(ttl="5m"), CachePoint(ttl="1h")])


@st.composite
def media(draw: st.DrawFn) -> Media:
    kind, media_type = draw(
        st.sampled_from(
            [
                (MediaKind.IMAGE, "image/png"),
                (MediaKind.DOCUMENT, "application/pdf"),
                (MediaKind.AUDIO, "audio/wav"),
            ]
        )
    )
    data = base64.b64encode(bytes(draw(st.integers(1, 5_000)))).decode()
    name = "a.pdf" if kind is MediaKind.DOCUMENT else None
    return Media(kind=kind, source=Inline(media_type=media_type, data=data), name=name)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    if draw(st.integers(0, 3)) == 0:
        call = ToolCall(id="call_1", name="f", arguments=msgspec.json.encode(draw(json_objects)).decode())
        thought: tuple[Part, ...] = (Reasoning(text=draw(words)),) if draw(st.booleans()) else ()
        return Message(role=Role.ASSISTANT, parts=(*thought, call))
    texts: st.SearchStrategy[Part] = st.builds(Text, text=words, cache=points)
    return Message(role=Role.USER, parts=tuple(draw(st.lists(texts | media(), min_size=1, max_size=4))))


@st.composite
def wishes(draw: st.DrawFn) -> ChatRequest:
    schema = draw(st.none() | json_objects)
    fields = draw(st.sampled_from([{}, {}, {"speed": "fast"}, {"inference_geo": "us"}]))
    return ChatRequest(
        format="anthropic_messages",
        model="m",
        messages=tuple(draw(st.lists(messages(), min_size=1, max_size=3))),
        instructions=draw(st.none() | st.builds(Instructions, role=st.just(Role.SYSTEM), parts=_texts())),
        tools=tuple(
            FunctionTool(name=name, description=draw(words), parameters=draw(json_objects))
            for name in draw(st.lists(names, max_size=3, unique=True))
        ),
        sampling=Sampling(
            max_output_tokens=draw(st.none() | st.integers(1, 200_000)), n=draw(st.none() | st.integers(1, 8))
        ),
        reasoning=draw(st.none() | st.builds(ReasoningOptions, effort=st.sampled_from(["low", "high"]))),
        output=None if schema is None else OutputFormat(kind=OutputKind.SCHEMA, name="s", schema=schema),
        service_tier=draw(st.sampled_from(TIERS)),
        extras=Extras(format="anthropic_messages", fields=fields) if fields else None,
    )


def _texts() -> st.SearchStrategy[tuple[Part, ...]]:
    return st.tuples(st.builds(Text, text=words, cache=points))


def rendered(request: ChatRequest, name: str) -> bytes:
    """The body in that format; what cannot be said in it, as the canonical form has it."""
    try:
        return msgspec.json.encode(FORMATS[name].render_request(replace(request, format=name)).body)
    except InvalidRequest:
        return msgspec.json.encode(request)


def most_read(card: ModelCard, request: ChatRequest, body: bytes) -> int:
    """The most that a vendor makes of it: a token for each byte of a string, key, number or bracket, 10 around a
    message, 804 for tools (Anthropic's largest), for media what their documentation says of them."""
    pictures = [part for message in request.messages for part in message.parts if isinstance(part, Media)]
    hidden = {part.source.data for part in pictures if isinstance(part.source, Inline)}
    text = _spoken(msgspec.json.decode(body), hidden)
    wrapped = 10 * (len(request.messages) + 1) + (804 if request.tools or request.output else 0)
    read = text + wrapped + 10 * len(request.tools) + sum(_seen(part, card) for part in pictures)
    return read if card.context_window is None else min(read, card.context_window)


def _spoken(value: Any, hidden: set[str]) -> int:
    match value:
        case dict():
            return 2 + sum(len(key.encode()) + _spoken(inner, hidden) for key, inner in value.items())
        case list():
            return 2 + sum(_spoken(inner, hidden) for inner in value)
        case str():
            return 0 if value.rpartition(",")[2] in hidden else len(value.encode())
        case _:
            return 1


def _seen(part: Media, card: ModelCard) -> int:
    size = len(part.source.data) * 3 // 4 if isinstance(part.source, Inline) else 0
    match part.kind:
        case MediaKind.IMAGE:
            return 48_169 if card.image_tokens is None else card.image_tokens
        case MediaKind.DOCUMENT:
            return (3_000 + 4_784) * (1 + size // 500)
        case _:
            return 32 * size // 256


def permitted(card: ModelCard, request: ChatRequest) -> list[Mapping[str, Any]]:
    """What a report may say of the tier: any that was named, in any company, or the standard one."""
    fields = request.extras.fields if request.extras else {}
    tiers = {request.service_tier, None} - {"auto"}
    if request.service_tier == "auto" and card.prices is not None:
        tiers |= {tier for tier in card.prices.tiers if "+" not in tier}
    said = [{}, {"extras": Extras(format="any", fields=fields)}] if fields else [{}]
    return [{**more, **({"service_tier": tier} if tier else {})} for tier in tiers for more in said]


@st.composite
def bills(draw: st.DrawFn, read: int, written: int, *, hour: bool) -> Usage:
    """Any usage of at most so many tokens, split as dearly or as cheaply as can be. Parts may stay unsaid."""

    def share(whole: int) -> int:
        return draw(st.sampled_from([0, whole, whole]) | st.integers(0, whole))

    def said(tokens: int) -> int | None:
        return tokens if draw(st.integers(0, 3)) else None

    total, output = share(read), share(written)
    cached = share(total)
    write = share(total - cached)
    heard = share(total)
    thought = share(output)
    spoken = share(output - thought)
    return Usage(
        input_tokens=total,
        output_tokens=output,
        cached_input_tokens=said(cached),
        cache_write_tokens=write,
        cache_write_1h_tokens=share(write) if hour else None,
        audio_input_tokens=said(heard),
        image_input_tokens=said(share(total - heard)),
        cached_audio_tokens=said(share(min(heard, cached))),
        reasoning_tokens=said(thought),
        audio_output_tokens=said(spoken),
        image_output_tokens=said(share(output - thought - spoken)),
    )
