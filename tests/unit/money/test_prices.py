"""Invoices worked out by hand from the vendors' price pages as of November 2026."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

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
    # https://platform.claude.com/docs/en/about-claude/pricing: Opus 4.6 $5, $6.25, $10, $0.50, $25; as of 2026-11-22
    "Opus 4.6, written for 5 minutes": (
        ("anthropic", "claude-opus-4-6"),
        Usage(input_tokens=100_000, cache_write_tokens=100_000, cache_write_1h_tokens=0),
        625_000_000,
    ),
    "Opus 4.6, written for an hour": (
        ("anthropic", "claude-opus-4-6"),
        Usage(input_tokens=100_000, cache_write_tokens=100_000, cache_write_1h_tokens=100_000),
        1_000_000_000,
    ),
    "Opus 4.6, read again": (
        ("anthropic", "claude-opus-4-6"),
        Usage(input_tokens=100_000, cached_input_tokens=100_000, cache_write_tokens=0),
        50_000_000,
    ),
    "Opus 5.5, fast and in the US only": (
        ("anthropic", "claude-opus-5-5"),
        Usage(
            input_tokens=1_000,
            output_tokens=1_000,
            extras=Extras(format="anthropic.messages", fields={"speed": "fast", "inference_geo": "us"}),
        ),
        # ($4 + $20) x 2 x 1.1
        8_800_000 + 44_000_000,
    ),
    # https://docs.x.ai/developers/models/grok-4.20-0309: from 200,000 on, not above it; as of 2026-11-22
    "Grok 4.20, just short": (
        ("xai", "grok-4.20-0309-reasoning"),
        Usage(input_tokens=199_999, output_tokens=1_000),
        199_999 * 1_250 + 1_000 * 2_500,
    ),
    "Grok 4.20, long": (
        ("xai", "grok-4.20-0309-reasoning"),
        Usage(input_tokens=200_000, cached_input_tokens=100_000, output_tokens=1_000),
        100_000 * 2_500 + 100_000 * 400 + 1_000 * 5_000,
    ),
    # https://ai.google.dev/gemini-api/docs/pricing: 1,290 tokens of a picture, $0.0387 ($0.039); as of 2026-11-22
    "Gemini 2.5 Flash Image, one picture": (
        ("google", "gemini-2.5-flash-image"),
        Usage(input_tokens=10, image_input_tokens=0, output_tokens=1_290, image_output_tokens=1_290),
        10 * 300 + 38_700_000,
    ),
    # The same page: 1,120 tokens, $0.134; text and thoughts at $12
    "Gemini 3 Pro Image, one picture, some thoughts and words": (
        ("google", "gemini-3-pro-image-preview"),
        Usage(input_tokens=100, output_tokens=1_420, reasoning_tokens=200, image_output_tokens=1_120),
        100 * 2_000 + 300 * 12_000 + 134_400_000,
    ),
    "Gemini 3 Pro Image, which does not say what it drew": (
        ("google", "gemini-3-pro-image-preview"),
        Usage(input_tokens=100, output_tokens=1_420, reasoning_tokens=200),
        100 * 2_000 + 200 * 12_000 + 1_220 * 120_000,
    ),
    "Gemini 2.5 Flash hears again what it has heard": (
        ("google", "gemini-2.5-flash"),
        Usage(input_tokens=2_000, cached_input_tokens=1_500, audio_input_tokens=1_500, cached_audio_tokens=1_500),
        500 * 300 + 1_500 * 100,
    ),
    "Gemini 2.5 Flash does not say what came from the cache": (
        ("google", "gemini-2.5-flash"),
        Usage(input_tokens=2_000, cached_input_tokens=1_500, audio_input_tokens=1_500),
        # As few as can be of what was heard: 1,000 of 1,500
        500 * 1_000 + 500 * 30 + 1_000 * 100,
    ),
    "gpt-audio hears and speaks": (
        ("openai", "gpt-audio"),
        Usage(input_tokens=1_000, audio_input_tokens=900, output_tokens=500, audio_output_tokens=400),
        100 * 2_500 + 900 * 32_000 + 100 * 10_000 + 400 * 64_000,
    ),
    "gpt-audio does not say what it heard": (
        ("openai", "gpt-audio"),
        Usage(input_tokens=1_000, output_tokens=500, audio_output_tokens=0),
        1_000 * 32_000 + 500 * 10_000,
    ),
    "Sonar Pro, with its fee for a wide search": (
        ("perplexity", "sonar-pro"),
        Usage(input_tokens=1_000, output_tokens=1_000),
        14_000_000 + 3_000_000 + 15_000_000,
    ),
    "Claude on OpenRouter, which does not say for how long it was cached": (
        ("openrouter", "anthropic/claude-sonnet-4.6"),
        Usage(input_tokens=1_000, cache_write_tokens=1_000),
        6_000_000,
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


def test_a_dearer_tier_without_a_price_is_unknown_and_not_standard() -> None:
    usage = Usage(input_tokens=1_000, output_tokens=1_000, service_tier="PRIORITY")

    assert cost("google", "gemini-2.5-pro", usage) is None
    assert cost("google", "gemini-2.5-pro", replace(usage, service_tier="standard")) == 1_250_000 + 10_000_000


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("perplexity", "sonar-deep-research"),
        ("openrouter", "perplexity/sonar"),
        ("openai", "gpt-4o-search-preview"),
        ("openai", "gpt-4o-audio-preview"),
        ("openai", "gpt-5-image"),
    ],
)
def test_a_model_that_bills_for_more_than_its_list_says_has_no_price(provider: str, model: str) -> None:
    assert cost(provider, model, Usage(input_tokens=1, output_tokens=1)) is None


TOKENS = st.none() | st.integers(min_value=0, max_value=1_000_000)
FLAT = ModelCard(
    id="flat",
    prices=Prices(standard=(Rates(0, *[7_000] * 11),)),
)


@given(
    read=st.integers(min_value=0, max_value=1_000_000),
    written=st.integers(min_value=0, max_value=1_000_000),
    parts=st.tuples(*[TOKENS] * 9),
)
def test_every_token_is_counted_once_however_the_usage_splits_it(
    read: int, written: int, parts: tuple[int | None, ...]
) -> None:
    cached, cache_write, hour, reasoning, audio_in, audio_out, image_in, image_out, cached_audio = parts
    usage = Usage(
        input_tokens=read,
        output_tokens=written,
        cached_input_tokens=cached,
        cache_write_tokens=cache_write,
        cache_write_1h_tokens=hour,
        reasoning_tokens=reasoning,
        audio_input_tokens=audio_in,
        audio_output_tokens=audio_out,
        image_input_tokens=image_in,
        image_output_tokens=image_out,
        cached_audio_tokens=cached_audio,
    )

    assert cost_nano(FLAT, usage) == 7 * (read + written)
