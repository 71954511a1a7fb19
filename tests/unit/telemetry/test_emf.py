"""Metrics are written as CloudWatch reads them, and a caller cannot make new ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace
from tests.unit.telemetry.records import ANSWERED, PLAIN, REFUSAL

from prxy.call_record import CallRecord, Operation, Refusal
from prxy.telemetry.emf import EmfJournal

UNITS = ["Count", "Milliseconds", "None"]
TEXT = {"type": "string", "minLength": 1, "maxLength": 255}
DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "additionalProperties": False,
    "properties": {
        "Namespace": TEXT,
        "Dimensions": {"type": "array", "minItems": 1, "items": {"type": "array", "maxItems": 9, "items": TEXT}},
        "Metrics": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": {
                "type": "object",
                "required": ["Name", "Unit"],
                "additionalProperties": False,
                "properties": {"Name": TEXT, "Unit": {"enum": UNITS}},
            },
        },
    },
}
SCHEMA = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {"type": "array", "minItems": 1, "items": DIRECTIVE},
            },
        }
    },
}
"""After https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/
CloudWatch_Embedded_Metric_Format_Specification.html, as of 2026-11-22. Stricter: only what this project writes."""


def checked(line: str) -> Mapping[str, Any]:
    """A document of the embedded metric format, whose references lead to members of the right kind."""
    document: Mapping[str, Any] = json.loads(line)
    Draft202012Validator(SCHEMA).validate(document)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        values = [value for each in directive["Metrics"] for value in document[each["Name"]]]
        assert all(isinstance(value, float) for value in values)
        assert all(
            isinstance(document[name], str) and document[name] for each in directive["Dimensions"] for name in each
        )
    return document


async def written(capsys: pytest.CaptureFixture[str], noted: CallRecord | Refusal) -> Mapping[str, Any]:
    await EmfJournal("prxy/test").note(noted)
    (line,) = capsys.readouterr().out.splitlines()
    return checked(line)


def metrics(document: Mapping[str, Any]) -> Mapping[str, float]:
    names = [each["Name"] for each in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    return {name: document[name][0] for name in names}


def dimensions(document: Mapping[str, Any]) -> Sequence[Sequence[str]]:
    found: Sequence[Sequence[str]] = document["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    return found


async def test_an_answered_call_is_one_line_with_all_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    document = await written(capsys, ANSWERED)

    assert document["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "prxy/test"
    assert metrics(document) == {
        "Calls": 1,
        "Errors": 0,
        "CacheHits": 0,
        "InputTokens": 1000,
        "OutputTokens": 500,
        "CachedInputTokens": 300,
        "CostUsd": 0.00155,
        "FirstByteMs": 500,
        "TotalMs": 1500,
    }
    assert dimensions(document) == [["service"], ["provider"], ["provider", "model"]]
    assert (document["service"], document["provider"], document["model"]) == ("prxy", "google", "gemini-2.5-flash")
    assert (document["request_id"], document["tenant"], document["project"]) == ("req_1", "acme", "web")


async def test_a_hit_of_a_cache_counts_what_it_saved_and_belongs_to_no_provider(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = await written(capsys, replace(PLAIN, cache="exact-cache", cost_nano=0, saved_nano=450_000))

    assert metrics(document) == {
        "Calls": 1,
        "Errors": 0,
        "CacheHits": 1,
        "CostUsd": 0,
        "SavedUsd": 0.00045,
        "TotalMs": 1500,
    }
    assert (document["provider"], document["model"]) == ("none", "none")


async def test_a_failed_call_counts_by_its_family_of_errors_too(capsys: pytest.CaptureFixture[str]) -> None:
    failed = replace(ANSWERED, status=429, error="provider_rate_limit", error_family="rate_limit", usage=None)

    document = await written(capsys, failed)

    assert metrics(document)["Errors"] == 1
    assert dimensions(document)[-1] == ["service", "error"]
    assert (document["error"], document["error_code"]) == ("rate_limit", "provider_rate_limit")


async def test_names_that_callers_make_up_are_one_metric(capsys: pytest.CaptureFixture[str]) -> None:
    made_up = replace(ANSWERED, requested_model="openai/ft:anything", model="ft:anything", listed_model=None)

    document = await written(capsys, made_up)

    assert document["model"] == "other"
    assert "anything" not in json.dumps(document)


async def test_a_count_of_tokens_is_no_call(capsys: pytest.CaptureFixture[str]) -> None:
    document = await written(capsys, replace(PLAIN, operation=Operation.COUNT_TOKENS, cost_nano=0))

    assert metrics(document) == {"Errors": 0, "TokenCounts": 1}


async def test_who_is_turned_away_at_the_door_counts_as_an_error_alone(capsys: pytest.CaptureFixture[str]) -> None:
    document = await written(capsys, REFUSAL)

    assert metrics(document) == {"Errors": 1}
    assert dimensions(document) == [["service"], ["service", "error"]]
    assert document["error"] == "authentication_error"


async def test_each_call_begins_with_clean_figures(capsys: pytest.CaptureFixture[str]) -> None:
    journal = EmfJournal("prxy/test")

    for noted in (ANSWERED, REFUSAL, ANSWERED):
        await journal.note(noted)

    first, second, third = map(checked, capsys.readouterr().out.splitlines())
    assert metrics(second) == {"Errors": 1}
    assert metrics(third) == metrics(first)
    assert dimensions(third) == dimensions(first)


def test_nothing_of_powertools_is_imported_before_the_first_metric() -> None:
    program = (
        "import sys, asyncio, prxy.wiring; from prxy.telemetry.emf import EmfJournal; journal = EmfJournal('n'); "
        "print(any('powertools' in name for name in sys.modules))"
    )

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "False"
