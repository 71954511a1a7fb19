from __future__ import annotations

import time

import pytest

from prxy.catalog import Catalog, Thinking

CATALOG = Catalog()


@pytest.mark.parametrize(
    ("provider", "name", "expected"),
    [
        ("openai", "gpt-4o", "gpt-4o"),
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("openai", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("openai", "gpt-4.1-nano-2025-04-14", "gpt-4.1-nano"),
        ("openai", "o3-mini-2025-01-31", "o3-mini"),
        ("anthropic", "claude-3-5-haiku-20241022", "claude-3-5-haiku-latest"),
        ("anthropic", "claude-3-haiku-20240307", "claude-3-haiku"),
        ("anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4-0"),
        ("anthropic", "claude-opus-4-20250514", "claude-opus-4-0"),
        ("anthropic", "claude-opus-4-1-20250805", "claude-opus-4-1"),
        ("anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("anthropic", "claude-opus-5-5", "claude-opus-5-5"),
        ("anthropic", "claude-opus-5-20260724", "claude-opus-5"),
        ("google", "gemini-2.0-flash-lite-001", "gemini-2.0-flash-lite"),
        ("google", "gemini-2.5-pro-preview-05-06", "gemini-2.5-pro"),
        ("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", "regional.anthropic.claude-haiku-4-5-20251001-v1:0"),
        (
            "bedrock",
            "global.anthropic.claude-haiku-4-5-20251001-v1:0",
            "global.anthropic.claude-haiku-4-5-20251001-v1:0",
        ),
        ("bedrock", "eu.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        ("bedrock", "us.meta.llama3-3-70b-instruct-v1:0", "meta.llama3-3-70b-instruct-v1:0"),
        ("azure", "gpt-4o", "gpt-4o"),
        ("groq", "openai/gpt-oss-20b", "openai/gpt-oss-20b"),
        ("openrouter", "openai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("prxy", "echo", "echo"),
    ],
)
def test_a_dated_name_finds_its_own_model(provider: str, name: str, expected: str) -> None:
    card = CATALOG.find(provider, name)

    assert card is not None
    assert card.id == expected
    assert card.prices is not None


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai", "gpt-4o-mega"),
        ("openai", "gpt-4"[:3]),
        ("openai", "gpt-4o-minimal-2024-07-18"),
        ("anthropic", "claude-opus-9"),
        ("anthropic", "claude"),
        ("anthropic", "gpt-4o"),
        ("nobody", "gpt-4o"),
        ("vllm", "my-model"),
        ("openai", "text-embedding-4-small"),
    ],
)
def test_a_name_that_only_begins_like_a_model_has_no_price(provider: str, name: str) -> None:
    assert CATALOG.find(provider, name) is None
    assert CATALOG.card(provider, name).prices is None
    assert CATALOG.card(provider, name).id == name


def test_cards_say_what_a_model_can_do() -> None:
    opus = CATALOG.card("anthropic", "claude-opus-5-5")
    sonnet = CATALOG.card("anthropic", "claude-sonnet-4-5-20250929")
    gpt = CATALOG.card("openai", "gpt-5.1")

    assert (opus.thinking, opus.prefill, opus.max_output_tokens) == (Thinking.ADAPTIVE, False, 128_000)
    assert opus.refuses == ("temperature", "top_p", "top_k")
    assert opus.needs_output_limit
    assert (sonnet.thinking, sonnet.prefill, sonnet.max_output_tokens) == (Thinking.BUDGET, True, 64_000)
    assert sonnet.temperature_or_top_p
    assert (gpt.thinking, gpt.output_schema, gpt.needs_output_limit) == (Thinking.EFFORT, True, False)


def test_an_unknown_claude_is_treated_like_the_newest_ones() -> None:
    card = CATALOG.card("anthropic", "claude-sage-9")

    assert (card.thinking, card.prefill, card.output_schema) == (Thinking.ADAPTIVE, False, False)
    assert card.max_output_tokens == 64_000
    assert card.refuses


def test_abilities_follow_the_model_to_other_providers_but_not_what_belongs_to_the_wire() -> None:
    card = CATALOG.card("bedrock", "us.anthropic.claude-opus-4-6-v1")

    assert card.thinking is Thinking.ADAPTIVE
    assert (card.needs_output_limit, card.output_schema) == (False, False)


@pytest.mark.parametrize("name", ["gpt-5-pro", "o3-pro-2025-06-10", "gpt-5.1-codex-max", "gpt-5.3-codex"])
def test_models_of_the_responses_api_alone_are_marked(name: str) -> None:
    assert CATALOG.card("openai", name).responses_only


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "bedrock", "groq", "mistral", "openrouter"])
def test_every_listed_card_has_prices_for_both_directions(provider: str) -> None:
    cards = list(CATALOG.of(provider))

    assert len(cards) > 10
    for card in cards:
        assert card.prices is not None
        assert card.prices.standard[0].above_tokens == 0
        for rows in (card.prices.standard, *card.prices.tiers.values()):
            assert [each.above_tokens for each in rows] == sorted({each.above_tokens for each in rows})
            assert all(each.input >= 0 and each.output >= 0 for each in rows)


def test_the_first_look_up_costs_a_few_milliseconds() -> None:
    started = time.process_time()

    Catalog().card("openai", "gpt-4o")

    assert time.process_time() - started < 0.05
