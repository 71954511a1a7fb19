"""The most that a call can cost, known before it is made.

Byte-level tokenisers make at most one token of a byte, so the bytes of the rendered body bound its text, keys and
punctuation included. Media count by what vendors make of them at the most. Where a provider may read or do more than
the body holds (hosted tools, files it fetches, conversations it keeps) there is no bound, and None says so.

What a request permits, and the bound covers:

- input of one token for each byte that is not media, for each medium what is stated below, and what vendors wrap
  around a call, its messages and tools; at most the model's window;
- any of it cached, written to a cache (for an hour where the body says so), heard or seen;
- for each of the choices asked for, output up to the limit sent, all of it thought, spoken or drawn. Reasoning counts
  inside the limit: OpenAI (https://developers.openai.com/api/docs/guides/reasoning), Anthropic (a thinking budget is
  a part of `max_tokens`), Google (https://github.com/googleapis/python-genai/issues/2062, measured), and xAI, though
  it reports it apart (https://github.com/evalstate/fast-agent/pull/276, measured), all as of 2026-11-22; others are
  taken to do the same. That pictures do is nowhere said: a model that draws may reach its own maximum;
- service in the tiers that the request names, or in the standard one. `auto` permits all; a request that names none
  is taken for a standard one, which is what vendors do unless the operator's own project there says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from prxy.canonical.parts import (
    FileRef,
    Inline,
    Json,
    Media,
    MediaKind,
    Opaque,
    Part,
    ServerToolResult,
    Text,
    ToolResult,
    Url,
)
from prxy.canonical.request import ChatRequest, HostedTool, OutputKind
from prxy.catalog import ModelCard, Prices, Rates
from prxy.money.prices import nano_from_pico, rows_of

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
SLACK_PART_TOKENS = 64
"""The same for each message, part and tool: some wires wrap them in longer words."""

_BYTES = frozenset({"data", "bytes"})

_encoder = msgspec.json.Encoder()


def bound_nano(card: ModelCard, request: ChatRequest, body: bytes) -> int | None:
    """Nano-USD for the body about to be sent. None: no price is known, or nothing bounds the cost."""
    read = _input_tokens(card, request, len(body))
    worst = None if read is None else _worst(card, request, read)
    if card.prices is None or read is None or worst is None:
        return None
    written = _output_tokens(card, worst, request.sampling.max_output_tokens)
    if written is None:
        return None
    pico = read * _input_price(worst, body) + written * _choices(request) * _output_price(worst)
    return card.prices.fee_nano + nano_from_pico(pico)


def fit_output_cap(card: ModelCard, request: ChatRequest, available_nano: int) -> int | None:
    """The output limit to send where the client gave none: the model's maximum, or what the amount affords.

    Never below a floor: what does not afford even that is refused by the ledger. None: nothing bounds the cost.
    """
    body = _encoder.encode(request)
    read = _input_tokens(card, request, len(body) + _slack(request))
    worst = None if read is None else _worst(card, request, read)
    if card.prices is None or read is None or worst is None:
        return None
    most = card.max_output_tokens or DEFAULT_OUTPUT_TOKENS
    left_pico = (available_nano - card.prices.fee_nano) * 1000 - read * _input_price(worst, body)
    affordable = left_pico // max(1, _output_price(worst) * _choices(request))
    needed = _output_tokens(card, worst, FLOOR_TOKENS) or FLOOR_TOKENS
    return FLOOR_TOKENS if affordable < needed else min(most, affordable)


def _slack(request: ChatRequest) -> int:
    pieces = len(request.messages) + len(request.tools) + len(_parts(request))
    return SLACK_TOKENS + SLACK_PART_TOKENS * pieces


def _choices(request: ChatRequest) -> int:
    return max(1, request.sampling.n or 1)


def _output_tokens(card: ModelCard, worst: Iterable[Rates], limit: int | None) -> int | None:
    """What one choice may hold. A limit below 1 is no limit: no provider takes it."""
    most = card.max_output_tokens
    if limit is None or limit < 1:
        return most
    draws = any(rates.image_output is not None for rates in worst)
    return limit if not draws else None if most is None else max(limit, most)


def _worst(card: ModelCard, request: ChatRequest, input_tokens: int) -> tuple[Rates, ...] | None:
    """Every row that the request may be charged by: a shorter prompt than the bound falls into a lower one.

    None: no price is known for what is asked.
    """
    if card.prices is None:
        return None
    named = [request.service_tier, *(request.extras.fields.values() if request.extras else ())]
    rows = [*card.prices.standard]
    for served in _tiers(card.prices, request):
        priced = rows_of(card.prices, [*named, *served.split("+")])
        if priced is None:
            return None
        rows += priced
    return tuple(rates for rates in rows if input_tokens > rates.above_tokens or rates.above_tokens == 0)


def _tiers(prices: Prices, request: ChatRequest) -> tuple[str, ...]:
    """What a vendor may serve the request in, beside what it names: `auto` leaves the choice to the vendor."""
    return ("", *(tier for tier in prices.tiers if request.service_tier == "auto"))


def _input_price(worst: Sequence[Rates], body: bytes) -> int:
    """Any token may be written to a cache: some vendors do so unasked, but for an hour only where the body says it."""
    usual = max([each.dearest_input for each in worst])
    for_hour = max([each.cache_write_1h for each in worst])
    return for_hour if for_hour > usual and b'"1h"' in body else usual


def _output_price(worst: Iterable[Rates]) -> int:
    return max([each.dearest_output for each in worst])


def _input_tokens(card: ModelCard, request: ChatRequest, body_bytes: int) -> int | None:
    """Never more than the model's window: a longer prompt is refused unbilled."""
    parts = [part for part in _parts(request) if type(part) is not Text]
    if _goes_beyond(card, request, parts):
        return None
    tokens = CALL_TOKENS + MESSAGE_TOKENS * (len(request.messages) + 1) + TOOL_TOKENS * len(request.tools)
    if request.tools or (request.output is not None and request.output.kind is not OutputKind.TEXT):
        tokens += TOOLS_TOKENS
    for media in parts:
        if not isinstance(media, Media):
            continue
        counted = _media_tokens(media, card)
        if counted is None:
            return None
        tokens += counted
        body_bytes -= _base64_bytes(media)
    tokens += max(0, body_bytes)
    return tokens if card.context_window is None else min(tokens, card.context_window)


def _goes_beyond(card: ModelCard, request: ChatRequest, parts: Sequence[Part]) -> bool:
    fields = request.extras.fields if request.extras else {}
    if not card.unbounded.isdisjoint({*fields, *_types(fields)}):
        return True
    if HostedTool in map(type, request.tools):
        return True
    return any(_reaches_out(part) for part in parts)


def _types(value: Json) -> Iterator[str]:
    """What the objects in it say that they are."""
    match value:
        case Mapping():
            yield from (word for word in (value.get("type"),) if isinstance(word, str))
            for each in value.values():
                yield from _types(each)
        case list():
            for each in value:
                yield from _types(each)
        case _:
            return


def _reaches_out(part: Part) -> bool:
    """Whether a block that only its own format understands points to something outside of the body, or holds media."""
    match part:
        case Opaque(value=value):
            return _refers(value) or _holds_bytes(value)
        case ServerToolResult(value=value):
            return _holds_bytes(value)
        case _:
            return False


def _holds_bytes(value: Json) -> bool:
    """Whether anything in it is under a name that wires give to media in base64."""
    match value:
        case dict():
            return any((key in _BYTES and isinstance(v, str)) or _holds_bytes(v) for key, v in value.items())
        case list():
            return any(_holds_bytes(each) for each in value)
        case _:
            return False


def _refers(value: Json) -> bool:
    """Whether anything in it names something outside of the body."""
    match value:
        case dict():
            named = value.get("type") == "item_reference"
            return named or any("url" in key.lower() or "file" in key.lower() or _refers(v) for key, v in value.items())
        case list():
            return any(_refers(each) for each in value)
        case _:
            return False


def _parts(request: ChatRequest) -> list[Part]:
    """Those in the results of tools included."""
    messages = (request.instructions, *request.messages) if request.instructions else request.messages
    parts = [part for message in messages for part in message.parts]
    if ToolResult not in map(type, parts):
        return parts
    return [each for part in parts for each in ((part, *part.parts) if type(part) is ToolResult else (part,))]


def media_of(request: ChatRequest) -> list[Media]:
    """Those in the results of tools included."""
    return [part for part in _parts(request) if type(part) is Media]


def _media_tokens(media: Media, card: ModelCard) -> int | None:
    """What a vendor makes of it at the most, beside the bytes of the body that are not its base64."""
    match media.source:
        case Inline(is_text=True):
            return 0
        case Inline(data=data):
            return _inline_tokens(media.kind, len(data) * 3 // 4, card)
        case Url() | FileRef():
            return _image_tokens(card) if media.kind is MediaKind.IMAGE else None


def _base64_bytes(media: Media) -> int:
    match media.source:
        case Inline(is_text=False, data=data):
            return len(data)
        case _:
            return 0


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
