"""Errors of providers on this wire, and ours for its clients."""

from __future__ import annotations

from typing import Any

import pytest

from prxy.canonical.errors import (
    CostLimitExceeded,
    InvalidRequest,
    ProviderAuthentication,
    ProviderError,
    ProviderModelNotFound,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
)
from prxy.formats import openai_chat as chat


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}}, "No."),
        ({"error": "No."}, "No."),
        ({"code": "busy", "error": "No."}, "No."),
        ({"object": "error", "message": "No.", "type": "BadRequestError", "code": 400}, "No."),
        ({"detail": "No."}, "No."),
        ({"detail": [{"loc": ["body"], "msg": "No.", "type": "missing"}]}, "No."),
        ({"message": {"detail": [{"msg": "No."}]}}, "No."),
        ([{"error": {"code": 400, "message": "No.", "status": "INVALID_ARGUMENT"}}], "No."),
    ],
)
def test_the_message_is_found_wherever_a_vendor_puts_it(body: Any, message: str) -> None:
    assert chat.parse_error(400, body).message == message


@pytest.mark.parametrize("body", [None, "<html>Bad gateway</html>", {}, [], {"error": {}}, 5])
def test_a_body_that_says_nothing_gives_a_short_constant_message(body: Any) -> None:
    """H04"""
    error = chat.parse_error(502, body)

    assert isinstance(error, ProviderUnavailable)
    assert error.message == "The provider answered with an error and no readable message."


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ProviderRejected),
        (404, ProviderModelNotFound),
        (429, ProviderRateLimited),
        (500, ProviderUnavailable),
        (503, ProviderOverloaded),
        (529, ProviderOverloaded),
    ],
)
def test_the_status_decides_the_class(status: int, kind: type[ProviderError]) -> None:
    """H01"""
    assert type(chat.parse_error(status, {"error": {"message": "No."}})) is kind


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("This model's maximum context length is 8192 tokens.", "context_length_exceeded"),
        ("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.", 400),
        ("Prompt contains 40000 tokens, too large for model with 32768 maximum context length", None),
        ("Please reduce the length of the messages or completion.", "context_length_exceeded"),
    ],
)
def test_a_prompt_that_is_too_long_is_told_by_its_code(message: str, code: Any) -> None:
    """H15"""
    error = chat.parse_error(400, {"error": {"message": message, "code": code}})

    assert isinstance(error, ProviderRejected)
    assert error.code == "context_length_exceeded"


def test_a_rate_limit_by_tokens_is_no_context_overflow() -> None:
    body = {"error": {"message": "Request too large for gpt on tokens per min", "code": "rate_limit_exceeded"}}

    assert type(chat.parse_error(429, body)) is ProviderRateLimited


def test_a_bad_key_is_an_authentication_error_whatever_its_status() -> None:
    assert isinstance(chat.parse_error(400, {"error": "Incorrect API key provided: x"}), ProviderAuthentication)


def test_no_credit_left_stays_a_rate_limit() -> None:
    error = chat.parse_error(429, {"error": {"message": "You exceeded your quota.", "code": "insufficient_quota"}})

    assert type(error) is ProviderRateLimited


def test_the_named_parameter_is_kept() -> None:
    assert chat.parse_error(400, {"error": {"message": "No.", "param": "temperature"}}).param == "temperature"


def test_an_error_is_said_with_its_four_members() -> None:
    """H05"""
    error = InvalidRequest("'n' is 0; it must be from 1 to 128.", param="n")

    assert chat.render_error(error, "req_1") == (
        400,
        {
            "error": {
                "message": "'n' is 0; it must be from 1 to 128.",
                "type": "invalid_request",
                "param": "n",
                "code": "invalid_value",
            }
        },
    )


def test_a_cost_refusal_carries_its_sums() -> None:
    error = CostLimitExceeded("day", limit="5", spent="4.99", estimated="0.02", resets_at="2026-11-23T00:00:00Z")

    status, body = chat.render_error(error, "req_1")

    assert status == 429
    assert body["error"]["code"] == body["error"]["type"] == "cost_limit_per_day"
    assert (body["error"]["limit"], body["error"]["spent"], body["error"]["estimated"]) == ("5", "4.99", "0.02")
