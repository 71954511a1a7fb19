"""What a call did cost: every token once, in integers, rounded up once at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prxy.canonical.parts import Json
from prxy.canonical.response import Usage
from prxy.catalog import ModelCard, Prices, Rates

PICO_PER_NANO = 1000


def cost_nano(card: ModelCard, usage: Usage) -> int | None:
    """Nano-USD, rounded up; None where no price is known. The tier is the one that the provider says has served."""
    if card.prices is None:
        return None
    said = [usage.service_tier, *(usage.extras.fields.values() if usage.extras else ())]
    rates = reached(dearest(card.prices, said), usage.input_tokens)
    return card.prices.fee_nano + nano_from_pico(_input_pico(rates, usage) + _output_pico(rates, usage))


def nano_from_pico(pico: int) -> int:
    """Rounded up."""
    return -(-pico // PICO_PER_NANO)


def named_tiers(prices: Prices, words: Iterable[Json]) -> frozenset[str]:
    """Those of the words that name a tier with prices of its own. A word without one is charged as standard."""
    return frozenset(word for word in words if isinstance(word, str) and word in prices.tiers)


def dearest(prices: Prices, words: Iterable[Json]) -> Sequence[Rates]:
    """The rows of the tier that was named, the highest where several were; the standard ones where none was."""
    tiers = [prices.tiers[word] for word in named_tiers(prices, words)]
    return max(tiers, key=lambda rows: rows[0].output) if tiers else prices.standard


def reached(rows: Sequence[Rates], input_tokens: int) -> Rates:
    """The row that a prompt of that length is charged by."""
    return next(rates for rates in reversed(rows) if input_tokens > rates.above_tokens or rates.above_tokens == 0)


def _input_pico(rates: Rates, usage: Usage) -> int:
    """Cached, written and heard tokens are parts of the input: what is left of it is charged as text."""
    left = usage.input_tokens
    cached = min(usage.cached_input_tokens or 0, left)
    left -= cached
    written = min(usage.cache_write_tokens or 0, left)
    left -= written
    for_hour = min(usage.cache_write_1h_tokens or 0, written)
    heard = min(usage.audio_input_tokens or 0, left)
    left -= heard
    return (
        left * rates.input
        + cached * rates.cached_input
        + (written - for_hour) * rates.cache_write
        + for_hour * rates.cache_write_1h
        + heard * (rates.input if rates.audio_input is None else rates.audio_input)
    )


def _output_pico(rates: Rates, usage: Usage) -> int:
    """Reasoning is output like any other."""
    spoken = min(usage.audio_output_tokens or 0, usage.output_tokens)
    audio = rates.output if rates.audio_output is None else rates.audio_output
    return (usage.output_tokens - spoken) * rates.output + spoken * audio
