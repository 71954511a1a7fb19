"""The most that a call can cost, known before it is made.

Byte-level tokenisers make at most one token of a byte, so the bytes of the rendered body bound its text, keys and
punctuation included. Media count by what vendors make of them at the most. Where a provider may read or do more than
the body holds (hosted tools, files it fetches, conversations it keeps) there is no bound, and None says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from prxy.canonical.parts import FileRef, Inline, Json, Media, MediaKind, Opaque, Part, ToolResult, Url
from prxy.canonical.request import ChatRequest, HostedTool, OutputKind
from prxy.catalog import ModelCard, Prices, Rates
from prxy.money.prices import dearest, named_tiers, nano_from_pico

CALL_TOKENS = 512
"""What a vendor wraps around any prompt."""
MESSAGE_TOKENS = 32
"""Role markers and separators of one message; vendors document 3 to 10."""
TOOL_TOKENS = 64
"""What a vendor wraps around one tool, beside its own text."""
TOOLS_TOKENS = 1536
"""The system prompt that tools or a schema for the answer bring along. Anthropic documents up to 804
(https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview, as of 2026-11-22)."""
IMAGE_TOKENS = 50_000
"""For models whose card does not say. The dearest known counts 48,169 for one image."""
PAGE_TOKENS = 8_000
"""A page as text (3,000) and as an image (4,784), as
https://platform.claude.com/docs/en/build-with-claude/pdf-support counts, as of 2026-11-22."""
PAGE_BYTES = 500
"""No page of a real document takes less."""
PAGES = 1_000
"""The most that any vendor takes in one document."""
AUDIO_BYTES_PER_TOKEN = 8
"""Gemini counts 32 tokens a second, and no codec in use goes below 256 bytes a second."""
VIDEO_TOKENS_PER_BYTE = 10
"""Gemini counts up to 300 tokens a second; a still picture may take as little as 30 bytes a second."""
FLOOR_TOKENS = 16
"""The smallest output limit that is ever chosen: OpenAI takes no less."""
DEFAULT_OUTPUT_TOKENS = 4096
"""The limit chosen for a model whose own maximum is unknown."""
SLACK_TOKENS = 512
"""What the rendered body may be longer than the canonical request from which a limit was fitted."""

_encoder = msgspec.json.Encoder()


def bound_nano(card: ModelCard, request: ChatRequest, body: bytes) -> int | None:
    """Nano-USD for the body about to be sent. None: no price is known, or nothing bounds the cost."""
    cap = request.sampling.max_output_tokens or card.max_output_tokens
    read = _input_tokens(card, request, len(body))
    if card.prices is None or cap is None or read is None:
        return None
    worst = _worst(card.prices, request, read)
    pico = read * _input_price(worst, body) + cap * (request.sampling.n or 1) * _output_price(worst)
    return card.prices.fee_nano + nano_from_pico(pico)


def fit_output_cap(card: ModelCard, request: ChatRequest, available_nano: int) -> int | None:
    """The output limit to send where the client gave none: the model's maximum, or what the amount affords.

    Never below a floor: what does not afford even that is refused by the ledger. None: nothing bounds the cost.
    """
    body = _encoder.encode(request)
    read = _input_tokens(card, request, len(body) + SLACK_TOKENS)
    if card.prices is None or read is None:
        return None
    most = card.max_output_tokens or DEFAULT_OUTPUT_TOKENS
    worst = _worst(card.prices, request, read)
    left_pico = (available_nano - card.prices.fee_nano) * 1000 - read * _input_price(worst, body)
    each_pico = _output_price(worst) * (request.sampling.n or 1)
    affordable = left_pico // each_pico if each_pico else most
    return max(FLOOR_TOKENS, min(most, affordable))


def _worst(prices: Prices, request: ChatRequest, input_tokens: int) -> tuple[Rates, ...]:
    """Every row that the request may be charged by: a shorter prompt than the bound falls into a lower one.

    A request that names no tier is taken for a standard one; `auto` may be served by any.
    """
    words = [request.service_tier, *(request.extras.fields.values() if request.extras else ())]
    rows = [*dearest(prices, words)]
    if request.service_tier == "auto":
        rows += (rates for tier in prices.tiers.values() for rates in tier)
    return tuple(rates for rates in rows if input_tokens > rates.above_tokens or rates.above_tokens == 0)


def _input_price(worst: Iterable[Rates], body: bytes) -> int:
    """Any token may be written to a cache: some vendors do so unasked, but for an hour only where the body says it."""
    hour = b'"1h"' in body
    return max(
        max(each.input, each.cache_write, each.cache_write_1h if hour else 0, each.audio_input or 0) for each in worst
    )


def _output_price(worst: Iterable[Rates]) -> int:
    return max(max(each.output, each.audio_output or 0) for each in worst)


def _input_tokens(card: ModelCard, request: ChatRequest, body_bytes: int) -> int | None:
    """Never more than the model's window: a longer prompt is refused unbilled."""
    if _goes_beyond(card, request):
        return None
    tokens = body_bytes + CALL_TOKENS + MESSAGE_TOKENS * (len(request.messages) + 1) + TOOL_TOKENS * len(request.tools)
    if request.tools or (request.output is not None and request.output.kind is not OutputKind.TEXT):
        tokens += TOOLS_TOKENS
    for media in media_of(request):
        counted = _media_tokens(media, card)
        if counted is None:
            return None
        tokens += counted
    return tokens if card.context_window is None else min(tokens, card.context_window)


def _goes_beyond(card: ModelCard, request: ChatRequest) -> bool:
    fields = request.extras.fields if request.extras else {}
    if not card.unbounded.isdisjoint(fields) or any(isinstance(tool, HostedTool) for tool in request.tools):
        return True
    if card.prices is not None and len(named_tiers(card.prices, [request.service_tier, *fields.values()])) > 1:
        return True
    return any(isinstance(part, Opaque) and _refers(part.value) for part in _parts(request))


def _refers(value: Json) -> bool:
    """Whether a block that only its own format understands points to something outside of the body."""
    match value:
        case dict():
            named = value.get("type") == "item_reference"
            return named or any("url" in key.lower() or "file" in key.lower() or _refers(v) for key, v in value.items())
        case list():
            return any(_refers(each) for each in value)
        case _:
            return False


def _parts(request: ChatRequest) -> Iterator[Part]:
    messages = (request.instructions, *request.messages) if request.instructions else request.messages
    for message in messages:
        for part in message.parts:
            yield part
            if isinstance(part, ToolResult):
                yield from part.parts


def media_of(request: ChatRequest) -> Iterator[Media]:
    """Those in the results of tools included."""
    return (part for part in _parts(request) if isinstance(part, Media))


def _media_tokens(media: Media, card: ModelCard) -> int | None:
    """What the media adds to the bytes of the body, its base64 among them: negative where it counts for less."""
    match media.source:
        case Inline(is_text=True):
            return 0
        case Inline(data=data):
            counted = _inline_tokens(media.kind, len(data) * 3 // 4, card)
            return counted - len(data)
        case Url() | FileRef():
            return _image_tokens(card) if media.kind is MediaKind.IMAGE else None


def _inline_tokens(kind: MediaKind, size_bytes: int, card: ModelCard) -> int:
    match kind:
        case MediaKind.IMAGE:
            return _image_tokens(card)
        case MediaKind.DOCUMENT:
            return PAGE_TOKENS * min(PAGES, 1 + size_bytes // PAGE_BYTES)
        case MediaKind.AUDIO:
            return 1 + size_bytes // AUDIO_BYTES_PER_TOKEN
        case MediaKind.VIDEO:
            return VIDEO_TOKENS_PER_BYTE * size_bytes


def _image_tokens(card: ModelCard) -> int:
    return IMAGE_TOKENS if card.image_tokens is None else card.image_tokens
