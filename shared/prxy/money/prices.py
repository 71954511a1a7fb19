"""What a call did cost: every token once, in integers, rounded up once at the end.

Where a report does not say how many of its tokens are of a dearer kind, all that may be are charged as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prxy.canonical.parts import Json
from prxy.canonical.response import Usage
from prxy.catalog import ModelCard, Prices, Rates

PICO_PER_NANO = 1000
PREMIUM = frozenset({"priority", "fast", "performance"})
"""Vendors' words for tiers that cost more than the standard one: without a price of their own, nobody knows it."""


def cost_nano(card: ModelCard, usage: Usage) -> int | None:
    """Nano-USD, rounded up; None where no price is known. The tier is the one that the provider says has served."""
    if card.prices is None:
        return None
    rows = rows_of(card.prices, [usage.service_tier, *(usage.extras.fields.values() if usage.extras else ())])
    if rows is None:
        return None
    rates = reached(rows, usage.input_tokens)
    return card.prices.fee_nano + nano_from_pico(_input_pico(rates, usage) + _output_pico(rates, usage))


def nano_from_pico(pico: int) -> int:
    """Rounded up."""
    return -(-pico // PICO_PER_NANO)


def rows_of(prices: Prices, words: Iterable[Json]) -> Sequence[Rates] | None:
    """The rows of the tier, or of the tiers together, that the words name; the standard ones where they name none.

    None: what they name costs more than the standard tier, and no price is known for it.
    """
    said = {word.lower() for word in words if isinstance(word, str)}
    if not said:
        return prices.standard
    priced = {word for tier in prices.tiers for word in tier.split("+")}
    named = said & (priced | PREMIUM)
    return prices.tiers.get("+".join(sorted(named))) if named else prices.standard


def reached(rows: Sequence[Rates], input_tokens: int) -> Rates:
    """The row that a prompt of that length is charged by."""
    return next(rates for rates in reversed(rows) if input_tokens > rates.above_tokens or rates.above_tokens == 0)


def _input_pico(rates: Rates, usage: Usage) -> int:
    """Cached, written, heard and seen tokens are parts of the input: what is left of it is charged as text."""
    cached = min(usage.cached_input_tokens or 0, usage.input_tokens)
    written = min(usage.cache_write_tokens or 0, usage.input_tokens - cached)
    for_hour = min(usage.cache_write_1h_tokens or 0, written)
    fresh = usage.input_tokens - cached - written
    heard = usage.audio_input_tokens
    heard_again = _cached_audio(usage, cached, fresh)
    cached_audio = rates.cached_input if rates.cached_audio is None else rates.cached_audio
    kinds = (
        (rates.audio_input, None if heard is None else heard - heard_again),
        (rates.image_input, usage.image_input_tokens),
    )
    return (
        _split(fresh, rates.input, kinds)
        + (cached - heard_again) * rates.cached_input
        + heard_again * cached_audio
        + (written - for_hour) * rates.cache_write
        + for_hour * rates.cache_write_1h
    )


def _cached_audio(usage: Usage, cached: int, fresh: int) -> int:
    """Where the report does not say, text is taken to come from the cache first: what is heard anew costs the most."""
    if usage.audio_input_tokens is None:
        return cached
    told = usage.cached_audio_tokens
    least = max(0, usage.audio_input_tokens - fresh)
    return min(least if told is None else told, cached, usage.audio_input_tokens)


def _output_pico(rates: Rates, usage: Usage) -> int:
    """Reasoning is output like any other, unless it has a price."""
    reasoning = rates.output if rates.reasoning is None else rates.reasoning
    kinds = (
        (rates.image_output, usage.image_output_tokens),
        (rates.audio_output, usage.audio_output_tokens),
        (reasoning, usage.reasoning_tokens),
    )
    return _split(usage.output_tokens, rates.output, kinds)


def _split(tokens: int, plain: int, kinds: Iterable[tuple[int | None, int | None]]) -> int:
    """Pico-USD of tokens of which some are of kinds with a price, given as (price, tokens)."""
    left, rest, pico = tokens, plain, 0
    for price, count in kinds:
        if price is not None and count is None:
            rest = max(rest, price)
        elif price is not None and count is not None:
            part = min(count, left)
            left -= part
            pico += part * price
    return pico + left * rest
