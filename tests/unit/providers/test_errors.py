"""What of a provider's words reaches the client."""

from __future__ import annotations

import time

import pytest

from prxy.canonical.errors import ProviderRateLimited, ProviderStreamInterrupted
from prxy.providers.errors import attributed, redact, retry_after

SECRETS = [
    "sk-proj-abcdefghijklmnop0123",
    "sk-ant-api03-abcdefgh_ij-klmnop",
    "sk-or-v1-0123456789abcdef",
    "sk-abc***********wxyz",
    "gsk_abcdefghijklmnop",
    "xai-abcdefghijklmnop",
    "pplx-abcdefghijklmnop",
    "csk-abcdefghijklmnop",
    "fw_abcdefghijklmnop",
    "tgp_v1_abcdefghijkl",
    "AIzaSyA-abcdefghijklmnopqrstuvwxyz012345",
    "AQ.Ab8RN6abcdefghijkl",
    "ABSKQmVkcm9ja0FQSUtleQ==",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "prxy_live_0123456789abcdef",
    "prxy_admin_0123456789abcdef",
    "Bearer abcdef.ghijkl-mnop",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "0123456789abcdef0123456789abcdef",
    "org-AbCdEfGhIjKlMnOpQrStUvWx",
    "proj_AbCdEfGhIjKlMnOp",
    "projects/my-secret-project",
    "project 123456789012",
    "account 1234567",
    "123456789012",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/x",
    "arn:aws:iam::123456789012:role/gateway",
    "https://internal.example.com/path?x=1",
    "http://10.0.0.1:8080/v1",
    "10.0.0.1:8080",
    "[fe80::1]:443",
    "localhost:8000",
    "db-7.prod.internal",
    "my-resource.openai.azure.com",
    "7c9e6679-7425-40de-944b-e07fc1f90ae7",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["a {} b", "({})", "'{}'", "key={}, next", "{}.", "x: {}"])
def test_keys_account_ids_and_addresses_are_taken_out(secret: str, around: str) -> None:
    shown = redact(around.format(secret))

    assert "[redacted]" in shown
    assert secret not in shown


@pytest.mark.parametrize(
    "words",
    [
        "messages[2].content[0].type: 'video' is not supported by gpt-4.1-mini",
        "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for claude-3-5-sonnet",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130123 tokens.",
        "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000.",
        "The model `meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8` does not exist",
        "tools.0.custom.input_schema.type: Field required (temperature=0.75)",
        "user messages must have non-empty content; the basic usage is described elsewhere; bearer token is missing",
    ],
)
def test_ordinary_words_stay_as_they_are(words: str) -> None:
    assert redact(words) == words


def test_the_key_of_the_call_is_taken_out_whatever_it_looks_like() -> None:
    assert redact("the key 'hunter two' is bad: hunter two", "hunter two") == "the key '[redacted]' is bad: [redacted]"


def test_a_long_message_is_cut_to_a_thousand_characters() -> None:
    shown = redact("word " * 5_000)

    assert len(shown) == 1_000
    assert shown.endswith("…")


@pytest.mark.parametrize(
    "piece", ["a", "a.", "sk-", "1.", "arn:", "http://", "a-", "[:", "eyJ", "projects/", " ", "A1", "\\"]
)
def test_redacting_takes_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.perf_counter()

    redact(text)

    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="absent"),
        pytest.param({"retry-after": "7"}, "7", id="seconds"),
        pytest.param({"retry-after": "0"}, "0", id="at once"),
        pytest.param({"retry-after": "1.2"}, "2", id="a fraction is rounded up"),
        pytest.param({"retry-after-ms": "1500"}, "2", id="milliseconds are rounded up"),
        pytest.param({"retry-after": "3", "retry-after-ms": "2100"}, "3", id="seconds win"),
        pytest.param({"retry-after": "x", "retry-after-ms": "2100"}, "3", id="nonsense does not"),
        pytest.param({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "Wed, 21 Oct 2026 07:28:00 GMT", id="date"),
        pytest.param({"retry-after": "soon"}, None, id="a word"),
        pytest.param({"retry-after": "-1"}, None, id="negative"),
        pytest.param({"retry-after": "9" * 40}, None, id="beyond reason"),
        pytest.param({"retry-after": "Wed, 99 Oct 2026 07:28:00 GMT"}, None, id="no such day"),
    ],
)
def test_retry_after_is_kept_as_seconds_or_date(headers: dict[str, str], expected: str | None) -> None:
    assert retry_after(headers) == expected


def test_an_error_inside_a_stream_is_named_once_and_redacted() -> None:
    error = ProviderRateLimited("slow down, org-AbCdEfGhIjKl", code="provider_rate_limit", retry_after="3")

    named = attributed(attributed(error, "openai"), "openai")

    assert type(named) is ProviderRateLimited
    assert named.message == "openai: slow down, [redacted]"
    assert named.retry_after == "3"


def test_our_own_words_about_a_broken_stream_are_named_too() -> None:
    assert attributed(ProviderStreamInterrupted("It stopped."), "groq").message == "groq: It stopped."
