"""Token counts and stop reasons, both ways.

The wire's `input_tokens` leaves out what was read from and written to the cache; the canonical count holds all of it.
https://docs.claude.com/en/docs/build-with-claude/prompt-caching (as of 2026-11)

What a compaction used stands among the `iterations` alone, though it is billed with the rest: `BetaUsage` in
https://github.com/anthropics/anthropic-sdk-python (as of 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Mapping

from prxy.canonical.parts import Json, Wire
from prxy.canonical.response import Finish, FinishReason, Usage
from prxy.formats.anthropic_messages.words import NAME, STOP_REASONS, STOP_WORDS
from prxy.formats.base import make_extras, own_fields
from prxy.formats.lenient import are_counts, count

_DETAILS = "output_tokens_details"
_BREAKDOWN = "cache_creation"
_HOUR = "ephemeral_1h_input_tokens"
_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_KNOWN = frozenset({*_COUNTS, "service_tier"})
CUMULATIVE = frozenset({*_COUNTS, _DETAILS})
"""Counts that `message_delta` states anew."""


def parse_usage(usage: Json) -> Usage | None:
    """None where it holds no counts."""
    if not isinstance(usage, dict) or not _is_counted(usage):
        return None
    plain, output, read, written = (_billed(usage, name) for name in _COUNTS)
    tier = usage.get("service_tier")
    return Usage(
        input_tokens=(plain or 0) + (read or 0) + (written or 0),
        output_tokens=output or 0,
        cached_input_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=_kept_for_hour(usage),
        reasoning_tokens=count(_inner(usage, _DETAILS), "thinking_tokens"),
        service_tier=tier if isinstance(tier, str) else None,
        extras=make_extras(NAME, {key: value for key, value in usage.items() if _is_more(key, value)}),
    )


def _billed(usage: Wire, name: str) -> int | None:
    """The count with that of the compactions."""
    told, beside = count(usage, name), _compacted(usage, name)
    return beside or None if told is None else told + beside


def _kept_for_hour(usage: Wire) -> int | None:
    rows = [_inner(usage, _BREAKDOWN), *(_inner(row, _BREAKDOWN) for row in _compactions(usage))]
    told = [tokens for row in rows if (tokens := count(row, _HOUR)) is not None]
    return sum(told) if told else None


def _compactions(usage: Mapping[str, Json]) -> list[Wire]:
    rows = usage.get("iterations")
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [row for row in found if row.get("type") == "compaction"]


def _compacted(usage: Mapping[str, Json], name: str) -> int:
    return sum(count(row, name) or 0 for row in _compactions(usage))


def _is_more(key: str, value: Json) -> bool:
    """Whether the canonical counts do not say it all."""
    if key == _DETAILS and isinstance(value, Mapping):
        return set(value) != {"thinking_tokens"}
    return key not in _KNOWN and value is not None


def _is_counted(usage: Wire) -> bool:
    return (
        are_counts(usage, *_COUNTS)
        and usage.get("input_tokens") is not None
        and usage.get("output_tokens") is not None
        and are_counts(_inner(usage, _BREAKDOWN), _HOUR)
        and are_counts(_inner(usage, _DETAILS), "thinking_tokens")
        and all(are_counts(row, *_COUNTS) for row in _compactions(usage))
    )


def _inner(usage: Wire, name: str) -> Wire:
    details = usage.get(name)
    return details if isinstance(details, dict) else {}


def render_usage(usage: Usage | None) -> Wire:
    """The two counts that every client reads are always there."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    own, apart = own_fields(usage.extras, NAME), (usage.cached_input_tokens or 0) + (usage.cache_write_tokens or 0)
    whole = {
        "input_tokens": usage.input_tokens - apart,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
    }
    said: Wire = {
        **{name: None if n is None else max(n - _compacted(own, name), 0) for name, n in whole.items()},
        _BREAKDOWN: _breakdown(usage),
        _DETAILS: None if usage.reasoning_tokens is None else {"thinking_tokens": usage.reasoning_tokens},
        "service_tier": usage.service_tier,
    }
    return {**{key: value for key, value in said.items() if value is not None}, **own}


def _breakdown(usage: Usage) -> Wire | None:
    if usage.cache_write_1h_tokens is None:
        return None
    short = (usage.cache_write_tokens or 0) - usage.cache_write_1h_tokens
    return {"ephemeral_5m_input_tokens": max(short, 0), _HOUR: usage.cache_write_1h_tokens}


def parse_finish(word: Json, stop_sequence: Json, details: Json) -> Finish:
    """A word from the future is an ordinary end."""
    spoken = word if isinstance(word, str) else ""
    return Finish(
        reason=STOP_REASONS.get(spoken, FinishReason.STOP),
        format=NAME,
        wire_word=spoken,
        stop_sequence=stop_sequence if isinstance(stop_sequence, str) else None,
        explanation=_explanation(details),
    )


def _explanation(details: Json) -> str | None:
    match details:
        case {"explanation": str(words)}:
            return words
        case _:
            return None


def render_finish(finish: Finish) -> Wire:
    word = STOP_WORDS[finish.reason]
    if finish.format == NAME and finish.wire_word:
        word = finish.wire_word
    elif finish.reason is FinishReason.STOP and finish.stop_sequence is not None:
        word = "stop_sequence"
    return {"stop_reason": word, "stop_sequence": finish.stop_sequence}
