"""What a call used: wire <-> canonical.

`prompt_tokens` includes cached ones and `completion_tokens` includes reasoning
(https://platform.openai.com/docs/api-reference/chat/object, as of 2026-11).
"""

from __future__ import annotations

from typing import cast

from prxy.canonical.parts import Json, Wire
from prxy.canonical.response import Usage
from prxy.formats.base import make_extras
from prxy.formats.lenient import are_counts, count
from prxy.formats.openai_chat.words import NAME

_COUNTS = (
    *("prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens"),
    *("prompt_cache_hit_tokens", "cached_tokens"),
)
_DETAILS = ("cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "reasoning_tokens")


def usage_of(chunk: Wire) -> Wire | None:
    """The usage object of a body or chunk, also where Groq (`x_groq`) and Moonshot (the choice) put it.

    https://console.groq.com/docs/api-reference, https://platform.moonshot.ai/docs/api/chat (as of 2026-11)
    """
    holders = (chunk, chunk.get("x_groq"), *(chunk.get("choices") or ())[:1])
    found = (holder["usage"] for holder in holders if isinstance(holder, dict) and holder.get("usage"))
    usage = next(found, None)
    return usage if isinstance(usage, dict) else None


def parse_usage(usage: Wire, service_tier: Json = None) -> Usage | None:
    """`service_tier` is what the body says beside it; a tier inside (Mistral) wins.

    None where it holds no counts, or a total of more than them.
    """
    prompt, completion = _object(usage, "prompt_tokens_details"), _object(usage, "completion_tokens_details")
    if not (are_counts(usage, *_COUNTS) and are_counts(prompt, *_DETAILS) and are_counts(completion, *_DETAILS)):
        return None
    read, written = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
    if read is None or written is None:
        return None
    reasoning = _first(count(completion, "reasoning_tokens"), count(usage, "reasoning_tokens"))
    total = count(usage, "total_tokens") or 0
    if reasoning and (reasoning > written or total == read + written + reasoning):
        # xAI reports reasoning beside completion_tokens: https://docs.x.ai/docs/guides/reasoning (as of 2026-11)
        written += reasoning
    if total > read + written:
        return None
    tier = usage.get("service_tier") or service_tier
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cached_input_tokens=_first(
            count(prompt, "cached_tokens"),
            count(usage, "prompt_cache_hit_tokens"),  # DeepSeek
            count(usage, "cached_tokens"),  # Moonshot
        ),
        cache_write_tokens=count(prompt, "cache_write_tokens"),
        reasoning_tokens=reasoning,
        audio_input_tokens=count(prompt, "audio_tokens"),
        audio_output_tokens=count(completion, "audio_tokens"),
        image_input_tokens=count(prompt, "image_tokens"),
        image_output_tokens=count(completion, "image_tokens"),
        service_tier=tier if isinstance(tier, str) else None,
        extras=make_extras(NAME, usage),
    )


def _object(holder: Wire, name: str) -> Wire:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _first(*counts: int | None) -> int | None:
    for found in counts:
        if found is not None:
            return found
    return None


def render_usage(usage: Usage) -> Wire:
    """This wire's own report as it came; otherwise the sums, with details only where the provider gave them."""
    if usage.extras is not None and usage.extras.format == NAME:
        return cast("Wire", usage.extras.fields)
    wire: Wire = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    prompt = {
        "cached_tokens": usage.cached_input_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "audio_tokens": usage.audio_input_tokens,
        "image_tokens": usage.image_input_tokens,
    }
    completion = {
        "reasoning_tokens": usage.reasoning_tokens,
        "audio_tokens": usage.audio_output_tokens,
        "image_tokens": usage.image_output_tokens,
    }
    for name, details in (("prompt_tokens_details", prompt), ("completion_tokens_details", completion)):
        known = {key: tokens for key, tokens in details.items() if tokens is not None}
        if known:
            wire[name] = known
    return wire
