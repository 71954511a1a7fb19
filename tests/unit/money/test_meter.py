"""Which reports of usage may be charged by."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from tests.strategies import usages

from prxy.canonical.errors import ProviderBadResponse
from prxy.canonical.events import PartStart, UsageUpdate
from prxy.canonical.parts import Text
from prxy.canonical.response import Usage
from prxy.formats.anthropic_messages.usage import parse_usage as from_anthropic
from prxy.formats.anthropic_messages.usage import render_usage as to_anthropic
from prxy.formats.bedrock_converse.usage import parse_usage as from_bedrock
from prxy.formats.gemini_generate.outcome import parse_usage as from_gemini
from prxy.formats.openai_chat.usage import parse_usage as from_chat
from prxy.formats.openai_responses.usage import parse_usage as from_responses
from prxy.money.meter import Meter


def metered(*reports: Usage) -> Usage | None:
    meter = Meter()
    for report in reports:
        meter.add(UsageUpdate(usage=report))
        meter.add(PartStart(index=0, part=Text(text="a")))
    return meter.usage


@given(usage=usages())
def test_a_report_that_adds_up_is_charged_by(usage: Usage) -> None:
    assert metered(usage) == usage


@pytest.mark.parametrize(
    "parts",
    [
        {"cached_input_tokens": 11},
        {"cached_input_tokens": 6, "cache_write_tokens": 5},
        {"cache_write_tokens": 2, "cache_write_1h_tokens": 3},
        {"audio_input_tokens": 6, "image_input_tokens": 5},
        {"cached_input_tokens": 5, "audio_input_tokens": 3, "cached_audio_tokens": 4},
        {"reasoning_tokens": 11},
        {"reasoning_tokens": 4, "audio_output_tokens": 4, "image_output_tokens": 3},
        {"cached_input_tokens": -1},
        {"input_tokens": -1},
        {"input_tokens": 10**12},
        {"output_tokens": 10**12},
    ],
    ids=str,
)
def test_a_report_that_contradicts_itself_is_none_though_an_earlier_one_was_sound(parts: dict[str, int]) -> None:
    sound = Usage(input_tokens=10, output_tokens=10)

    assert metered(sound, Usage(**{"input_tokens": 10, "output_tokens": 10, **parts})) is None


LIES = [-1, 1.5, "12", 10**12, True, [], {}]


@pytest.mark.parametrize("lie", LIES, ids=repr)
def test_a_count_that_cannot_be_one_makes_the_report_none_in_every_format(lie: Any) -> None:
    details = {"image_tokens": lie}

    assert from_chat({"prompt_tokens": 9, "completion_tokens": lie}) is None
    assert from_chat({"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": lie}) is None
    assert from_chat({"prompt_tokens": 9, "completion_tokens": 9, "completion_tokens_details": details}) is None
    assert from_responses({"usage": {"input_tokens": lie, "output_tokens": 9}}) is None
    assert from_responses({"usage": {"input_tokens": 9, "output_tokens": 9, "output_tokens_details": details}}) is None
    assert from_anthropic({"input_tokens": lie, "output_tokens": 9}) is None
    assert from_anthropic(compacted({"input_tokens": 1, "output_tokens": lie})) is None
    assert from_gemini({"promptTokenCount": lie}) is None


@pytest.mark.parametrize("lie", LIES, ids=repr)
def test_bedrocks_counts_are_refused_or_not_charged_by(lie: Any) -> None:
    try:
        usage = from_bedrock({"inputTokens": 9, "outputTokens": lie})
    except ProviderBadResponse:
        return

    assert metered(usage) is None


def test_a_total_of_more_than_its_parts_is_no_report() -> None:
    assert from_chat({"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 99}) is None
    assert from_responses({"usage": {"input_tokens": 9, "output_tokens": 9, "total_tokens": 99}}) is None


def test_reasoning_beside_the_answer_is_output_even_without_a_total() -> None:
    usage = from_chat(
        {"prompt_tokens": 9, "completion_tokens": 10, "completion_tokens_details": {"reasoning_tokens": 30}}
    )

    assert usage is not None
    assert (usage.output_tokens, usage.reasoning_tokens) == (40, 30)


def test_gemini_tells_what_was_seen_drawn_and_heard_from_the_cache() -> None:
    usage = from_gemini(
        {
            "promptTokenCount": 1_000,
            "cachedContentTokenCount": 300,
            "candidatesTokenCount": 1_300,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 100},
                {"modality": "IMAGE", "tokenCount": 258},
                {"modality": "DOCUMENT", "tokenCount": 342},
                {"modality": "AUDIO", "tokenCount": 300},
            ],
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 300}],
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1_290}],
        }
    )

    assert usage is not None
    assert (usage.image_input_tokens, usage.image_output_tokens) == (600, 1_290)
    assert (usage.audio_input_tokens, usage.cached_audio_tokens, usage.audio_output_tokens) == (300, 300, 0)


def test_kinds_that_gemini_does_not_list_or_miscounts_are_unknown() -> None:
    silent = from_gemini({"promptTokenCount": 9})
    wrong = from_gemini({"promptTokenCount": 9, "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": "9"}]})

    assert silent is not None
    assert wrong is not None
    assert silent.image_input_tokens is None
    assert wrong.audio_input_tokens is None


def compacted(row: dict[str, Any]) -> dict[str, Any]:
    rows = [{"type": "compaction", **row}, {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000}]
    return {
        "input_tokens": 23_000,
        "output_tokens": 1_000,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "iterations": rows,
    }


def test_a_compaction_is_billed_with_the_call_and_rendered_apart() -> None:
    report = compacted({"input_tokens": 180_000, "output_tokens": 3_500, "cache_read_input_tokens": 500})

    usage = from_anthropic(report)

    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens) == (203_500, 4_500, 500)
    assert to_anthropic(usage) == report
