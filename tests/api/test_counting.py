"""Tokens are counted by the provider where it can, and estimated with a warning where it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator

import anthropic
import pytest
from anthropic.types import ToolParam
from google import genai
from google.genai import errors as gemini_errors
from google.genai import types
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

CLAUDE = "/v1/messages/count_tokens"
GEMINI = "/v1beta/models/{}:countTokens"
ASK = {"messages": [{"role": "user", "content": "How many tokens is this?"}]}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "How many tokens is this?"}]}]}
WEATHER: ToolParam = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def answer(body: object, status: int = 200) -> Answer:
    return Answer(body=json.dumps(body).encode(), status=status)


@pytest.fixture
def claude(gateway: Running) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.api_key, max_retries=0) as client:
        yield client


@pytest.fixture
def gemini(gateway: Running) -> Iterator[genai.Client]:
    with genai.Client(api_key=gateway.api_key, http_options=types.HttpOptions(base_url=gateway.url)) as client:
        yield client


def test_anthropics_counter_is_asked_as_the_client_asked(claude: anthropic.Anthropic, upstream: Upstream) -> None:
    key = upstream.put("count-claude", answer({"input_tokens": 403, "context_management": {"original": 500}}))

    counted = claude.messages.with_raw_response.count_tokens(
        model="claude-sonnet-4-5",
        system="Be brief.",
        messages=[{"role": "user", "content": "What is the weather in Oslo?"}],
        tools=[WEATHER],
        thinking={"type": "enabled", "budget_tokens": 2048},
        extra_headers={"x-provider-key": key},
    )

    assert counted.parse().input_tokens == 403
    assert counted.http_response.json()["context_management"] == {"original": 500}
    assert "x-prxy-warnings" not in counted.headers
    assert counted.headers["x-prxy-provider"] == "anthropic"
    [asked] = upstream.asked[key]
    assert asked.path == CLAUDE
    assert asked.body == {
        "model": "claude-sonnet-4-5",
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "What is the weather in Oslo?"}],
        "tools": [WEATHER],
        "thinking": {"type": "enabled", "budget_tokens": 2048},
    }


def test_googles_counter_answers_a_client_of_anthropics(claude: anthropic.Anthropic, upstream: Upstream) -> None:
    key = upstream.put("count-google", answer({"totalTokens": 31}))

    counted = claude.messages.count_tokens(
        model="gemini-2.5-flash",
        system="Be brief.",
        messages=[{"role": "user", "content": "Hello"}],
        tools=[WEATHER],
        extra_headers={"x-provider-key": key},
    )

    assert counted.input_tokens == 31
    [asked] = upstream.asked[key]
    assert asked.path == GEMINI.format("gemini-2.5-flash")
    whole = asked.body["generateContentRequest"]
    assert whole["model"] == "models/gemini-2.5-flash"
    assert whole["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert whole["tools"][0]["functionDeclarations"][0]["name"] == "get_weather"


def test_a_model_without_a_counter_is_estimated_and_its_provider_left_alone(
    claude: anthropic.Anthropic, upstream: Upstream
) -> None:
    key = upstream.put("count-groq")

    def counted(text: str) -> int:
        raw = claude.messages.with_raw_response.count_tokens(
            model="groq/llama-3.3-70b-versatile",
            messages=[{"role": "user", "content": text}],
            extra_headers={"x-provider-key": key},
        )
        assert raw.headers["x-prxy-warnings"] == "input_tokens"
        return raw.parse().input_tokens

    assert counted("x" * 2_001) - counted("x") == 500
    assert upstream.asked[key] == []


def test_a_picture_is_estimated_by_a_constant_and_not_by_its_bytes(gateway: Running) -> None:
    def estimated(data: str) -> int:
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
        ask = {"model": "prxy/echo", "messages": [{"role": "user", "content": [picture]}]}
        return int(gateway.post(CLAUDE, ask).json()["input_tokens"])

    small, large = estimated("iVBORw0KGgo="), estimated("iVBORw0KGgoA" * 500)

    assert small == large
    assert 1_500 < small < 1_600


def test_the_gemini_client_counts_at_google(gemini: genai.Client, upstream: Upstream) -> None:
    key = upstream.put("gemini-google", answer({"totalTokens": 9, "cachedContentTokenCount": 4}))

    counted = gemini.models.count_tokens(
        model="gemini-2.5-flash",
        contents="How many tokens is this?",
        config={"http_options": {"headers": {"x-provider-key": key}}},
    )

    assert (counted.total_tokens, counted.cached_content_token_count) == (9, 4)
    [asked] = upstream.asked[key]
    assert asked.path == GEMINI.format("gemini-2.5-flash")
    assert asked.body == {"generateContentRequest": {"model": "models/gemini-2.5-flash", **CONTENTS}}


def test_the_gemini_client_counts_at_anthropic(gemini: genai.Client, upstream: Upstream) -> None:
    key = upstream.put("gemini-claude", answer({"input_tokens": 14}))

    counted = gemini.models.count_tokens(
        model="claude-sonnet-4-5",
        contents="How many tokens is this?",
        config={"http_options": {"headers": {"x-provider-key": key}}},
    )

    assert counted.total_tokens == 14
    [asked] = upstream.asked[key]
    assert asked.path == CLAUDE
    assert set(asked.body) == {"model", "messages"}


def test_a_whole_gemini_request_is_counted_with_all_that_the_model_reads(gateway: Running, upstream: Upstream) -> None:
    key = upstream.put("gemini-whole", answer({"input_tokens": 20}))
    whole = {
        "model": "models/claude-sonnet-4-5",
        **CONTENTS,
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "generation_config": {"temperature": 0.5, "maxOutputTokens": 100},
    }

    reply = gateway.post(
        GEMINI.format("anthropic/claude-sonnet-4-5"), {"generate_content_request": whole}, x_provider_key=key
    )

    assert reply.json() == {"totalTokens": 20}
    [asked] = upstream.asked[key]
    assert asked.body["system"] == "Be brief."
    assert not {"temperature", "max_tokens"} & set(asked.body)


def test_a_tool_that_the_counters_wire_cannot_name_is_counted_as_it_would_be_called(
    gateway: Running, upstream: Upstream
) -> None:
    key = upstream.put("gemini-alias", answer({"input_tokens": 20}))
    tools = [{"functionDeclarations": [{"name": "weather.get", "parameters": {"type": "OBJECT"}}]}]

    reply = gateway.post(
        GEMINI.format("claude-sonnet-4-5"),
        {"generateContentRequest": {**CONTENTS, "tools": tools}},
        x_provider_key=key,
    )

    assert reply.status_code == 200, reply.text
    assert "." not in upstream.asked[key][0].body["tools"][0]["name"]


def test_a_whole_gemini_request_reaches_google_in_its_own_spelling(gateway: Running, upstream: Upstream) -> None:
    key = upstream.put("gemini-snake", answer({"totalTokens": 20}))
    whole = {**CONTENTS, "system_instruction": {"parts": [{"text": "Be brief."}]}, "newField": {"of": 2027}}

    gateway.post(GEMINI.format("gemini-2.5-pro"), {"generateContentRequest": whole}, x_provider_key=key)

    [asked] = upstream.asked[key]
    assert asked.body == {"generateContentRequest": {"model": "models/gemini-2.5-pro", **whole}}


def test_a_key_in_the_query_opens_geminis_counter(gateway: Running) -> None:
    path = f"{GEMINI.format('prxy/echo')}?key={gateway.api_key}"

    reply = gateway.http.post(path, json=CONTENTS)

    assert reply.status_code == 200, reply.text
    assert reply.json()["totalTokens"] > 0
    assert reply.headers["x-prxy-warnings"] == "input_tokens"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_field", "model"),
        ({"model": "claude-sonnet-4-5"}, "missing_field", "messages"),
        ({**ASK, "model": "claude-sonnet-4-5", "system": 7}, "invalid_type", "system"),
        ({**ASK, "model": "claude-sonnet-4-5", "api_base": "http://x"}, "unsupported_field", "api_base"),
        ({**ASK, "model": "no-such-model"}, "model_not_found", None),
    ],
    ids=lambda case: case if isinstance(case, str) else None,
)
def test_a_bad_body_is_told_in_anthropics_shape(
    gateway: Running, body: dict[str, object], code: str, param: str | None
) -> None:
    reply = gateway.post(CLAUDE, body)

    assert 400 <= reply.status_code < 500
    assert reply.json()["type"] == "error"
    assert reply.json()["error"]["code"] == code
    assert param is None or f"'{param}'" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "reason", "path"),
    [
        ({}, "missing_field", "contents"),
        ({"contents": 5}, "invalid_type", "contents"),
        ({"generateContentRequest": {}}, "missing_field", "generateContentRequest.contents"),
        ({"generateContentRequest": 5}, "invalid_type", "generateContentRequest"),
        ({"generateContentRequest": CONTENTS, **CONTENTS}, "invalid_value", "contents"),
    ],
)
def test_a_bad_body_is_told_in_geminis_shape(gateway: Running, body: dict[str, object], reason: str, path: str) -> None:
    reply = gateway.post(GEMINI.format("gemini-2.5-flash"), body)

    error = reply.json()["error"]
    assert (reply.status_code, error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["details"][0]["reason"] == reason
    assert f"'{path}'" in error["message"]


@pytest.mark.parametrize(
    ("status", "expected", "type_"),
    [
        (400, 400, "invalid_request_error"),
        (401, 401, "authentication_error"),
        (404, 404, "not_found_error"),
        (429, 429, "rate_limit_error"),
        (500, 502, "api_error"),
        (529, 529, "overloaded_error"),
    ],
)
def test_what_the_counter_refuses_is_told_as_for_an_answer(
    gateway: Running, upstream: Upstream, status: int, expected: int, type_: str
) -> None:
    refusal = {"type": "error", "error": {"type": "whatever", "message": "no, sk-ant-secretsecret1234 is bad"}}
    key = upstream.put(f"count-status-{status}", answer(refusal, status))

    reply = gateway.post(CLAUDE, {**ASK, "model": "claude-sonnet-4-5"}, x_provider_key=key)

    assert (reply.status_code, reply.json()["error"]["type"]) == (expected, type_)
    assert reply.json()["error"]["message"].startswith("anthropic: ")
    assert "secretsecret" not in reply.text


def test_a_refusal_is_the_gemini_clients_own_exception(gemini: genai.Client, upstream: Upstream) -> None:
    key = upstream.put("gemini-refused", answer({"error": {"code": 429, "message": "slow down"}}, 429))

    with pytest.raises(gemini_errors.ClientError) as refused:
        gemini.models.count_tokens(
            model="gemini-2.5-flash", contents="x", config={"http_options": {"headers": {"x-provider-key": key}}}
        )

    assert (refused.value.code, refused.value.status) == (429, "RESOURCE_EXHAUSTED")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"input_tokens": "many"}'])
def test_a_count_that_is_none_is_the_providers_fault(gateway: Running, upstream: Upstream, body: bytes) -> None:
    key = upstream.put(f"no-count-{body.hex()}", Answer(body=body))

    reply = gateway.post(CLAUDE, {**ASK, "model": "claude-sonnet-4-5"}, x_provider_key=key)

    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "provider_bad_response")


def test_a_count_is_free_and_counts_as_a_request(gateway: Running, upstream: Upstream) -> None:
    key = gateway.make_key(limits={"per_day_usd": "0", "requests_per_minute": 2})
    provider = upstream.put("count-limits", answer({"input_tokens": 3}))
    body = {**ASK, "model": "claude-sonnet-4-5"}

    replies = [gateway.post(CLAUDE, body, x_provider_key=provider, authorization=f"Bearer {key}") for _ in range(3)]

    assert [reply.status_code for reply in replies[:2]] == [200, 200]
    assert replies[1].headers["x-ratelimit-remaining-requests"] == "0"
    assert replies[0].headers["x-prxy-cost-usd"] == "0"
    assert (replies[2].status_code, replies[2].json()["error"]["code"]) == (429, "requests_per_minute")
    assert len(upstream.asked[provider]) == 2


def test_a_revoked_key_reaches_no_counter(gateway: Running, upstream: Upstream) -> None:
    made = gateway.admin("POST", "/v1/keys", {"name": "test"}).json()
    provider = upstream.put("count-revoked", answer({"input_tokens": 3}))
    ask = {**ASK, "model": "claude-sonnet-4-5"}
    before = gateway.post(CLAUDE, ask, x_provider_key=provider, authorization=f"Bearer {made['key']}")
    gateway.admin("DELETE", f"/v1/keys/{made['id']}")

    after = gateway.post(CLAUDE, ask, x_provider_key=provider, authorization=f"Bearer {made['key']}")

    assert (before.status_code, after.status_code) == (200, 401)
    assert len(upstream.asked[provider]) == 1


def test_a_hold_of_a_count_is_given_back_when_the_provider_refuses(gateway: Running, upstream: Upstream) -> None:
    key = gateway.make_key(limits={"concurrency": 1})
    provider = upstream.put("count-held", answer({"error": {"message": "no"}}, 400), answer({"input_tokens": 3}))
    body = {**ASK, "model": "claude-sonnet-4-5"}

    replies = [gateway.post(CLAUDE, body, x_provider_key=provider, authorization=f"Bearer {key}") for _ in range(2)]

    assert [reply.status_code for reply in replies] == [400, 200]


def test_the_allow_list_and_the_kind_of_a_key_hold_for_counts(gateway: Running) -> None:
    key = gateway.make_key(models=["gpt-*"])

    listed = gateway.post(CLAUDE, {**ASK, "model": "claude-sonnet-4-5"}, authorization=f"Bearer {key}")
    admin = gateway.post(CLAUDE, {**ASK, "model": "prxy/echo"}, authorization=f"Bearer {gateway.admin_key}")

    assert (listed.status_code, listed.json()["error"]["code"]) == (403, "model_not_allowed")
    assert admin.status_code == 403


def test_a_knob_that_the_target_lacks_is_named_beside_the_estimate(gateway: Running) -> None:
    reply = gateway.post(CLAUDE, {**ASK, "model": "prxy/echo", "top_k": 5})

    assert reply.status_code == 200
    assert reply.headers["x-prxy-warnings"].split(", ") == ["top_k", "input_tokens"]


def test_modules_that_only_serve_answers_are_left_out_of_a_count(gateway: Running, upstream: Upstream) -> None:
    key = upstream.put("count-modules", answer({"input_tokens": 3}))
    body = {**ASK, "model": "claude-sonnet-4-5"}

    replies = [gateway.post(CLAUDE, body, x_provider_key=key, x_prxy_pipe="exact-cache,cost-guard") for _ in range(2)]
    unknown = gateway.post(CLAUDE, body, x_provider_key=key, x_prxy_pipe="no-such-module")

    assert [reply.json() for reply in replies] == [{"input_tokens": 3}] * 2
    assert len(upstream.asked[key]) == 2
    assert unknown.json()["error"]["code"] == "invalid_pipeline"


def test_a_wrong_method_is_told_in_the_wires_shape(gateway: Running) -> None:
    reply = gateway.http.get(CLAUDE)

    assert (reply.status_code, reply.json()["error"]["code"]) == (405, "method_not_allowed")
