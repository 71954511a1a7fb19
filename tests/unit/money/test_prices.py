"""Invoices worked out by hand from the vendors' price pages as of November 2026."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prxy.canonical.parts import Extras
from prxy.canonical.response import Usage
from prxy.catalog import Catalog, ModelCard, Prices, Rates
from prxy.money.prices import cost_nano

CATALOG = Catalog()


def cost(provider: str, model: str, usage: Usage) -> int | None:
    return cost_nano(CATALOG.card(provider, model), usage)


INVOICES = {
    "gpt-4o, cached": (
        ("openai", "gpt-4o"),
        Usage(input_tokens=10_000, cached_input_tokens=4_000, output_tokens=1_000),
        # 6,000 x $2.50 + 4,000 x $1.25 + 1,000 x $10, per million
        15_000_000 + 5_000_000 + 10_000_000,
    ),
    "gpt-4o-mini, dated": (
        ("openai", "gpt-4o-mini-2024-07-18"),
        Usage(input_tokens=1_000, output_tokens=1_000),
        150_000 + 600_000,
    ),
    "gpt-5.4 at priority": (
        ("openai", "gpt-5.4"),
        Usage(input_tokens=1_000, output_tokens=1_000, service_tier="priority"),
        5_000_000 + 30_000_000,
    ),
    "gpt-5.5 above 272,000": (
        ("openai", "gpt-5.5"),
        Usage(input_tokens=300_000, output_tokens=100),
        300_000 * 10_000 + 100 * 45_000,
    ),
    "gpt-5.5 at exactly 272,000": (
        ("openai", "gpt-5.5"),
        Usage(input_tokens=272_000, output_tokens=100),
        272_000 * 5_000 + 100 * 30_000,
    ),
    "o3, reasoning is output": (
        ("openai", "o3"),
        Usage(input_tokens=100, output_tokens=5_000, reasoning_tokens=4_900),
        100 * 2_000 + 5_000 * 8_000,
    ),
    "Sonnet 4.6 with both caches": (
        ("anthropic", "claude-sonnet-4-6"),
        Usage(
            input_tokens=100_000,
            cached_input_tokens=50_000,
            cache_write_tokens=30_000,
            cache_write_1h_tokens=10_000,
            output_tokens=2_000,
        ),
        # 20,000 x $3 + 50,000 x $0.30 + 20,000 x $3.75 + 10,000 x $6 + 2,000 x $15
        60_000_000 + 15_000_000 + 75_000_000 + 60_000_000 + 30_000_000,
    ),
    "Opus 5.5, fast": (
        ("anthropic", "claude-opus-5-5"),
        Usage(
            input_tokens=1_000,
            output_tokens=1_000,
            extras=Extras(format="anthropic.messages", fields={"speed": "fast"}),
        ),
        8_000_000 + 40_000_000,
    ),
    "Opus 4.6, in the US only": (
        ("anthropic", "claude-opus-4-6"),
        Usage(
            input_tokens=1_000,
            output_tokens=1_000,
            service_tier="standard",
            extras=Extras(format="anthropic.messages", fields={"inference_geo": "us"}),
        ),
        5_500_000 + 27_500_000,
    ),
    "Haiku 4.5 in a region of Bedrock": (
        ("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
        Usage(input_tokens=1_000, output_tokens=1_000),
        1_100_000 + 5_500_000,
    ),
    "Gemini 2.5 Pro, long, cached, thinking": (
        ("google", "gemini-2.5-pro"),
        Usage(input_tokens=250_000, cached_input_tokens=100_000, output_tokens=8_150, reasoning_tokens=8_000),
        150_000 * 2_500 + 100_000 * 250 + 8_150 * 15_000,
    ),
    "Gemini 3 Flash hears": (
        ("google", "gemini-3-flash-preview"),
        Usage(input_tokens=2_000, audio_input_tokens=1_500, output_tokens=10),
        500 * 500 + 1_500 * 1_000 + 10 * 3_000,
    ),
    "gpt-oss on Groq, fractions round up once": (
        ("groq", "openai/gpt-oss-20b"),
        Usage(input_tokens=3, cached_input_tokens=1, output_tokens=1),
        # 2 x 75 + 1 x 37.5 + 1 x 300 = 487.5 nano-USD
        488,
    ),
    "echo": (("prxy", "echo"), Usage(input_tokens=1_000_000, output_tokens=1_000_000), 3_000_000_000),
    "nothing used": (("openai", "gpt-4o"), Usage(), 0),
}


@pytest.mark.parametrize("name", INVOICES)
def test_the_cost_is_the_vendors_invoice_to_the_nano(name: str) -> None:
    (provider, model), usage, expected_nano = INVOICES[name]

    assert cost(provider, model, usage) == expected_nano


def test_an_unknown_price_is_not_zero() -> None:
    assert cost("openai", "gpt-99", Usage(input_tokens=1)) is None


TOKENS = st.none() | st.integers(min_value=0, max_value=1_000_000)
FLAT = ModelCard(
    id="flat",
    prices=Prices(standard=(Rates(0, 7_000, 7_000, 7_000, 7_000, 7_000, 7_000, 7_000),)),
)


@given(
    read=st.integers(min_value=0, max_value=1_000_000),
    written=st.integers(min_value=0, max_value=1_000_000),
    parts=st.tuples(TOKENS, TOKENS, TOKENS, TOKENS, TOKENS, TOKENS),
)
def test_every_token_is_counted_once_however_the_usage_splits_it(
    read: int, written: int, parts: tuple[int | None, ...]
) -> None:
    cached, cache_write, hour, reasoning, audio_in, audio_out = parts
    usage = Usage(
        input_tokens=read,
        output_tokens=written,
        cached_input_tokens=cached,
        cache_write_tokens=cache_write,
        cache_write_1h_tokens=hour,
        reasoning_tokens=reasoning,
        audio_input_tokens=audio_in,
        audio_output_tokens=audio_out,
    )

    assert cost_nano(FLAT, usage) == 7 * (read + written)
