"""What a model answered, why it stopped, and what it used."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from prxy.canonical.parts import Extras, Part


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    """The model declined of its own accord."""
    TOOL_CALL = "tool_call"
    PAUSE = "pause"
    """The provider interrupted a long turn; the client sends the answer back to go on."""
    ERROR = "error"
    """The model produced something unusable, for instance a malformed call."""


class Finish(Struct, frozen=True, kw_only=True, omit_defaults=True):
    reason: FinishReason
    format: str = ""
    wire_word: str = ""
    """The provider's own word, so that the same format can say it again."""
    stop_sequence: str | None = None
    """Which stop sequence fired, where the provider tells."""
    explanation: str | None = None
    """The provider's own words on why it blocked or failed."""


class Usage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of one call. None: the provider did not say; 0: it said none."""

    input_tokens: int = 0
    """Everything the model read, including cached_input_tokens and cache_write_tokens."""
    output_tokens: int = 0
    """Everything the model wrote, including reasoning_tokens."""
    cached_input_tokens: int | None = None
    """Of input_tokens: read from the provider's prompt cache."""
    cache_write_tokens: int | None = None
    """Of input_tokens: written to the provider's prompt cache, all lifetimes."""
    cache_write_1h_tokens: int | None = None
    """Of cache_write_tokens: kept for an hour (priced higher)."""
    reasoning_tokens: int | None = None
    """Of output_tokens: thought, not shown as the answer."""
    audio_input_tokens: int | None = None
    """Of input_tokens."""
    audio_output_tokens: int | None = None
    """Of output_tokens."""
    image_input_tokens: int | None = None
    """Of input_tokens: pictures, films and pages of documents."""
    image_output_tokens: int | None = None
    """Of output_tokens: pictures and films."""
    cached_audio_tokens: int | None = None
    """Of both audio_input_tokens and cached_input_tokens."""
    service_tier: str | None = None
    """The tier that served the call, where the provider reports it."""
    extras: Extras | None = None


class Choice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    parts: tuple[Part, ...]
    finish: Finish
    extras: Extras | None = None


class ChatResponse(Struct, frozen=True, kw_only=True, omit_defaults=True):
    format: str
    """Name of the format that the provider spoke."""
    id: str
    model: str
    """What the provider reports."""
    created_at: int | None = None
    """Unix seconds, where the provider reports them."""
    choices: tuple[Choice, ...]
    usage: Usage | None = None
    extras: Extras | None = None
