"""Whole answers and errors of Anthropic Messages, both ways."""

from __future__ import annotations

from typing import Any

import pytest

from prxy.canonical.errors import (
    CostLimitExceeded,
    GatewayError,
    InvalidRequest,
    ProviderAuthentication,
    ProviderBadResponse,
    ProviderError,
    ProviderModelNotFound,
    ProviderOverloaded,
    ProviderPermission,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderTooLarge,
    ProviderUnavailable,
    RateLimited,
    RequestTooLarge,
)
from prxy.canonical.parts import (
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    Signature,
    Text,
    ToolCall,
)
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason, Usage
from prxy.formats.anthropic_messages import NAME, parse_error, parse_response, render_error, render_response

REQUEST = ChatRequest(format=NAME, model="m", messages=(Message(role=Role.USER, parts=(Text(text="Hi."),)),))


def answer(*content: Any, **fields: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
        **fields,
    }


def elsewhere(*parts: Part, finish: Finish | None = None, usage: Usage | None = None) -> ChatResponse:
    choice = Choice(parts=parts, finish=finish or Finish(reason=FinishReason.STOP))
    return ChatResponse(format="elsewhere", id="abc", model="m", choices=(choice,), usage=usage)


def rendered(*parts: Part, **fields: Any) -> dict[str, Any]:
    return render_response(elsewhere(*parts, **fields), REQUEST)


def test_input_tokens_hold_what_was_read_from_and_written_to_the_cache() -> None:
    """I01, I02, I14."""
    usage = parse_response(
        answer(
            usage={
                "input_tokens": 7,
                "cache_read_input_tokens": 10000,
                "cache_creation_input_tokens": 500,
                "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 400},
                "output_tokens": 9,
            }
        )
    ).usage

    assert usage is not None
    assert (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens) == (10507, 10000, 500)
    assert (usage.cache_write_1h_tokens, usage.output_tokens) == (400, 9)


def test_cached_tokens_of_other_vendors_are_taken_out_of_the_input() -> None:
    """I03."""
    usage = rendered(usage=Usage(input_tokens=1000, cached_input_tokens=800, output_tokens=5))["usage"]

    assert usage == {"input_tokens": 200, "cache_read_input_tokens": 800, "output_tokens": 5}


def test_thoughts_are_counted_apart_only_where_the_provider_did() -> None:
    """I16."""
    without = parse_response(answer()).usage
    with_them = parse_response(
        answer(usage={"input_tokens": 1, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}})
    ).usage

    assert without is not None and without.reasoning_tokens is None
    assert with_them is not None and (with_them.reasoning_tokens, with_them.output_tokens) == (4, 9)


def test_zero_usage_is_not_missing_usage() -> None:
    """I09."""
    zero = parse_response(answer(usage={"input_tokens": 0, "output_tokens": 0}))
    missing = parse_response(answer(usage=None))

    assert zero.usage == Usage()
    assert missing.usage is None
    assert rendered()["usage"] == {"input_tokens": 0, "output_tokens": 0}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("tool_use", FinishReason.TOOL_CALL),
        ("pause_turn", FinishReason.PAUSE),
        ("refusal", FinishReason.REFUSAL),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("word_of_the_future", FinishReason.STOP),
    ],
)
def test_every_stop_reason_is_understood_and_said_again(word: str, reason: FinishReason) -> None:
    """H09."""
    response = parse_response(answer(stop_reason=word))

    assert response.choices[0].finish.reason is reason
    assert render_response(response, REQUEST)["stop_reason"] == word


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        (Finish(reason=FinishReason.STOP), "end_turn"),
        (Finish(reason=FinishReason.STOP, stop_sequence="END"), "stop_sequence"),
        (Finish(reason=FinishReason.LENGTH, format="elsewhere", wire_word="MAX_TOKENS"), "max_tokens"),
        (Finish(reason=FinishReason.TOOL_CALL), "tool_use"),
        (Finish(reason=FinishReason.PAUSE), "pause_turn"),
        (Finish(reason=FinishReason.CONTENT_FILTER), "refusal"),
        (Finish(reason=FinishReason.REFUSAL), "refusal"),
        (Finish(reason=FinishReason.ERROR, format="elsewhere", wire_word="OTHER"), "end_turn"),
    ],
)
def test_every_finish_has_a_word_of_this_wire(finish: Finish, word: str) -> None:
    """F05, H10, H17."""
    made = rendered(finish=finish)

    assert (made["stop_reason"], made["stop_sequence"]) == (word, finish.stop_sequence)


def test_an_answer_of_another_vendor_looks_like_one_of_this_wire() -> None:
    made = rendered(
        Reasoning(text="Hm.", signature=Signature(format="elsewhere", value="s")),
        Text(text="Yes."),
        Refusal(text="No."),
        ToolCall(id="call_1", name="f", arguments='{"a": 1}'),
        ToolCall(id="call_2", name="g"),
    )

    assert (made["id"], made["type"], made["role"]) == ("msg_abc", "message", "assistant")
    assert made["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": ""},
        {"type": "text", "text": "Yes."},
        {"type": "text", "text": "No."},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "call_2", "name": "g", "input": {}},
    ]


def test_arguments_that_were_cut_are_kept_whole() -> None:
    """A32."""
    (block,) = rendered(ToolCall(id="c", name="f", arguments='{"a": "b'))["content"]

    assert block["input"] == {"_raw": '{"a": "b'}


def test_an_id_of_a_call_has_at_most_64_characters() -> None:
    """A33."""
    short, long = rendered(ToolCall(id="x.y:0", name="f"), ToolCall(id="x" * 4000, name="f"))["content"]

    assert short["id"] == "x.y:0"
    assert len(long["id"]) <= 64


def test_what_no_client_of_this_wire_could_read_is_left_out_of_an_answer() -> None:
    made = rendered(
        Reasoning(redacted=True, signature=Signature(format="elsewhere", value="s")),
        ServerToolCall(format="elsewhere", id="1", name="search"),
        Opaque(format="elsewhere", value={}),
        Media(kind=MediaKind.AUDIO, source=Inline(media_type="audio/wav", data="AA")),
        Media(kind=MediaKind.IMAGE, source=Inline(media_type="image/png", data="AA")),
    )

    source = {"type": "base64", "media_type": "image/png", "data": "AA"}
    assert made["content"] == [{"type": "image", "source": source}]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"type": "error", "error": {}},
        answer(content="text"),
        answer({"type": "text"}),
        answer({"type": "tool_use", "id": "1", "name": "f", "input": None}),
    ],
)
def test_an_answer_that_breaks_the_wires_promise_is_called_bad(body: Any) -> None:
    with pytest.raises(ProviderBadResponse):
        parse_response(body)


# Errors


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("invalid_request_error", ProviderRejected),
        ("authentication_error", ProviderAuthentication),
        ("billing_error", ProviderPermission),
        ("permission_error", ProviderPermission),
        ("not_found_error", ProviderModelNotFound),
        ("request_too_large", ProviderTooLarge),
        ("rate_limit_error", ProviderRateLimited),
        ("timeout_error", ProviderTimeout),
        ("api_error", ProviderUnavailable),
        ("overloaded_error", ProviderOverloaded),
        ("error_of_the_future", ProviderUnavailable),
    ],
)
def test_without_a_status_the_type_of_an_error_decides(word: str, kind: type[ProviderError]) -> None:
    error = parse_error(0, {"type": "error", "error": {"type": word, "message": "No."}})

    assert (type(error), error.message) == (kind, "No.")


def test_the_status_decides_before_the_type() -> None:
    assert type(parse_error(429, {"error": {"type": "api_error", "message": "No."}})) is ProviderRateLimited


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000",
    ],
)
def test_a_prompt_that_does_not_fit_has_its_own_code(message: str) -> None:
    """H15."""
    error = parse_error(400, {"type": "error", "error": {"type": "invalid_request_error", "message": message}})

    assert (type(error), error.code) == (ProviderRejected, "context_length_exceeded")


@pytest.mark.parametrize("body", [None, "<html>Bad Gateway</html>", {}, {"error": "no"}])
def test_a_body_without_a_message_is_not_repeated(body: Any) -> None:
    """H04, H06."""
    error = parse_error(502, body)

    assert (type(error), error.message) == (ProviderUnavailable, "The provider answered with status 502.")


@pytest.mark.parametrize(
    ("error", "status", "word", "code"),
    [
        (InvalidRequest("x"), 400, "invalid_request_error", "invalid_value"),
        (RequestTooLarge("x"), 413, "request_too_large", "request_too_large"),
        (RateLimited("x"), 429, "rate_limit_error", "requests_per_minute"),
        (ProviderRateLimited("x"), 429, "rate_limit_error", "provider_rate_limit"),
        (ProviderAuthentication("x"), 401, "authentication_error", "provider_authentication"),
        (ProviderPermission("x"), 403, "permission_error", "provider_permission"),
        (ProviderModelNotFound("x"), 404, "not_found_error", "model_not_found"),
        (ProviderUnavailable("x"), 502, "api_error", "provider_unavailable"),
        (ProviderOverloaded("x"), 529, "overloaded_error", "provider_overloaded"),
        (ProviderTimeout("x"), 504, "timeout_error", "provider_timeout"),
        (GatewayError("x"), 500, "api_error", "internal_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, GatewayError) else None,
)
def test_errors_speak_this_wires_words(error: GatewayError, status: int, word: str, code: str) -> None:
    """H01, H05."""
    assert render_error(error, "req_1") == (
        status,
        {"type": "error", "error": {"type": word, "message": "x", "code": code}, "request_id": "req_1"},
    )


def test_a_cost_refusal_keeps_its_own_type_and_says_the_amounts() -> None:
    error = CostLimitExceeded("day", limit="1", spent="0.9", estimated="0.2", resets_at="2026-11-23T00:00:00Z")

    status, body = render_error(error, "req_1")

    assert (status, body["error"]["type"], body["error"]["code"]) == (429, "cost_limit_per_day", "cost_limit_per_day")
    amounts = {name: body["error"][name] for name in ("limit", "spent", "estimated", "resets_at")}
    assert amounts == {"limit": "1", "spent": "0.9", "estimated": "0.2", "resets_at": "2026-11-23T00:00:00Z"}


def test_the_path_of_a_fault_is_told() -> None:
    _, body = render_error(InvalidRequest("'messages' is missing.", param="messages"), "req_1")

    assert body["error"]["param"] == "messages"


@pytest.mark.parametrize(
    "usage",
    [
        [],
        "many",
        {"input_tokens": "7", "output_tokens": 1},
        {"input_tokens": -7, "output_tokens": 1},
        {"input_tokens": 7, "output_tokens": True},
        {"input_tokens": 7, "output_tokens": 1, "cache_read_input_tokens": 0.5},
        {"input_tokens": 7, "output_tokens": 1, "output_tokens_details": {"thinking_tokens": "1"}},
    ],
)
def test_usage_that_is_not_counts_is_no_usage(usage: Any) -> None:
    assert parse_response(answer(usage=usage)).usage is None
