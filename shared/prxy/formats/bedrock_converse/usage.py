"""Token counts and stop reasons, both ways.

The wire's `inputTokens` leaves out what was read from and written to the cache; the canonical count holds all of it.
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Mapping

from prxy.canonical.errors import ProviderBadResponse
from prxy.canonical.parts import Json, Wire
from prxy.canonical.response import Finish, FinishReason, Usage
from prxy.formats.base import make_extras, own_fields
from prxy.formats.bedrock_converse.words import NAME, STOP_REASONS, STOP_WORDS

_READ, _WRITTEN, _DETAILS = "cacheReadInputTokens", "cacheWriteInputTokens", "cacheDetails"
_KNOWN = frozenset({"inputTokens", "outputTokens", "totalTokens", _READ, _WRITTEN})
_TOTAL = "totalTokens"


def parse_usage(usage: Json) -> Usage:
    """Raises ProviderBadResponse where a count is no number of tokens."""
    if not isinstance(usage, Mapping):
        raise ProviderBadResponse("The answer's usage is not an object.")
    read, written = _count(usage, _READ), _count(usage, _WRITTEN)
    plain, output, total = _count(usage, "inputTokens") or 0, _count(usage, "outputTokens") or 0, _count(usage, _TOTAL)
    whole = plain + (read or 0) + (written or 0)
    more = {key: value for key, value in usage.items() if key not in _KNOWN and value is not None}
    if total is not None and total != whole + output:
        more[_TOTAL] = total
    return Usage(
        input_tokens=whole,
        output_tokens=output,
        cached_input_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=_hour(usage.get(_DETAILS)),
        extras=make_extras(NAME, more),
    )


def _count(usage: Mapping[str, Json], name: str) -> int | None:
    value = usage.get(name)
    if value is not None and (type(value) is not int or value < 0):
        raise ProviderBadResponse(f"The answer's usage says {name} in something else than a count.")
    return value


def _hour(details: Json) -> int | None:
    """Of the tokens written: those kept for an hour, None where the lifetimes are not told apart."""
    if not isinstance(details, list):
        return None
    rows = [row for row in details if isinstance(row, Mapping)]
    return sum(_count(row, "inputTokens") or 0 for row in rows if row.get("ttl") == "1h") if rows else None


def render_usage(usage: Usage | None) -> Wire:
    """The counts that every client reads are always there."""
    if usage is None:
        return {"inputTokens": 0, "outputTokens": 0, _TOTAL: 0}
    apart = (usage.cached_input_tokens or 0) + (usage.cache_write_tokens or 0)
    said: Wire = {
        "inputTokens": max(usage.input_tokens - apart, 0),
        "outputTokens": usage.output_tokens,
        _TOTAL: usage.input_tokens + usage.output_tokens,
        _READ: usage.cached_input_tokens,
        _WRITTEN: usage.cache_write_tokens,
    }
    return {**{key: value for key, value in said.items() if value is not None}, **own_fields(usage.extras, NAME)}


def parse_finish(word: Json) -> Finish:
    """A word from the future is an ordinary end."""
    spoken = word if isinstance(word, str) else ""
    return Finish(reason=STOP_REASONS.get(spoken, FinishReason.STOP), format=NAME, wire_word=spoken)


def render_finish(finish: Finish) -> str:
    if finish.format == NAME and finish.wire_word:
        return finish.wire_word
    if finish.reason is FinishReason.STOP and finish.stop_sequence is not None:
        return "stop_sequence"
    return STOP_WORDS[finish.reason]
