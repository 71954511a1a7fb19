"""What a call used: wire <-> canonical.

`input_tokens` includes cached ones and `output_tokens` includes reasoning
(https://platform.openai.com/docs/api-reference/responses/object, as of 2026-11).
"""

from __future__ import annotations

from prxy.canonical.parts import Json, Wire
from prxy.canonical.response import Usage
from prxy.formats.base import make_extras, own_fields
from prxy.formats.lenient import are_counts, count
from prxy.formats.openai_responses.words import NAME

_COUNTS = ("input_tokens", "output_tokens", "total_tokens")
_DETAILS = ("cached_tokens", "cache_write_tokens", "reasoning_tokens", "audio_tokens", "image_tokens")


def parse_usage(body: Wire) -> Usage | None:
    """The usage of a response object, None where it has none, or holds no counts, or a total of more than them."""
    usage = body.get("usage")
    if not isinstance(usage, dict) or not usage:
        return None
    read, written = _object(usage.get("input_tokens_details")), _object(usage.get("output_tokens_details"))
    if not (are_counts(usage, *_COUNTS) and are_counts(read, *_DETAILS) and are_counts(written, *_DETAILS)):
        return None
    tier, whole = body.get("service_tier"), (count(usage, "input_tokens") or 0) + (count(usage, "output_tokens") or 0)
    if (count(usage, "total_tokens") or 0) > whole:
        return None
    return Usage(
        input_tokens=count(usage, "input_tokens") or 0,
        output_tokens=count(usage, "output_tokens") or 0,
        cached_input_tokens=count(read, "cached_tokens"),
        cache_write_tokens=count(read, "cache_write_tokens"),
        reasoning_tokens=count(written, "reasoning_tokens"),
        audio_input_tokens=count(read, "audio_tokens"),
        audio_output_tokens=count(written, "audio_tokens"),
        image_input_tokens=count(read, "image_tokens"),
        image_output_tokens=count(written, "image_tokens"),
        service_tier=tier if isinstance(tier, str) else None,
        extras=make_extras(NAME, usage),
    )


def _object(value: Json) -> Wire:
    return value if isinstance(value, dict) else {}


def render_usage(usage: Usage) -> Wire:
    """This wire's own report as it came; otherwise the sums, with 0 where the provider did not say."""
    own = own_fields(usage.extras, NAME)
    if own:
        return dict(own)
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input_tokens or 0,
            "cache_write_tokens": usage.cache_write_tokens or 0,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
