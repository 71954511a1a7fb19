"""Whole answers: what Gemini said, and what a Gemini client is told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from prxy.canonical.errors import ProviderBadResponse
from prxy.canonical.parts import Opaque, Reasoning, Refusal, ServerToolCall, Signature, Text, ToolCall
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason, Usage
from prxy.formats import gemini_generate as gemini

REQUEST = ChatRequest(
    format="gemini_generate", model="m", messages=(Message(role=Role.USER, parts=(Text(text="Hi"),)),)
)
CALL = {"functionCall": {"name": "look", "args": {"at": "sea"}}}


def body(*parts: Any, finish: str | None = "STOP", **more: Any) -> Any:
    candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    candidate |= {"finishReason": finish} if finish else {}
    return {"candidates": [candidate], "modelVersion": "gemini-3.5-flash", "responseId": "r-1_A", **more}


def answer(*parts: Any, finish: str | None = "STOP", **more: Any) -> ChatResponse:
    return gemini.parse_response(body(*parts, finish=finish, **more))


def told(*parts: Any, finish: Finish, usage: Usage | None = None) -> Any:
    response = ChatResponse(
        format="elsewhere", id="msg_1", model="other-1", choices=(Choice(parts=parts, finish=finish),), usage=usage
    )
    return gemini.render_response(response, REQUEST)


def test_calls_without_ids_get_different_ids_that_every_client_accepts() -> None:
    """A04, A33."""
    signed = {**CALL, "thoughtSignature": "c2ln" * 1000}

    first, second = answer(signed, CALL).choices[0].parts

    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", one.id) for one in (first, second))
    assert answer(signed, CALL) == answer(signed, CALL)
    assert first.signature == Signature(format="gemini_generate", value="c2ln" * 1000)


def test_equal_calls_of_different_answers_differ() -> None:
    (first,), (second,) = (answer(CALL, responseId=name).choices[0].parts for name in ("a", "b"))

    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id


@pytest.mark.parametrize("given", ["fc-1", "x" * 65, "a|b"])
def test_an_id_that_gemini_gave_is_kept_or_comes_back_to_gemini_clients_as_it_was(given: str) -> None:
    called = body({"functionCall": {"id": given, "name": "look", "args": {}}})

    (call,) = gemini.parse_response(called).choices[0].parts

    assert isinstance(call, ToolCall)
    assert call.id == given or re.fullmatch(r"call_[0-9a-f]{24}", call.id)
    assert gemini.render_response(gemini.parse_response(called), REQUEST) == called


def test_an_id_given_twice_is_made_different() -> None:
    parts = answer(*[{"functionCall": {"id": "same", "name": "look"}}] * 2).choices[0].parts

    assert len({part.id for part in parts if isinstance(part, ToolCall)}) == 2


def test_thoughts_and_signatures_are_kept_apart_from_the_answer() -> None:
    """B01."""
    thought, text = answer({"text": "Hm.", "thought": True}, {"text": "So.", "thoughtSignature": "s"}).choices[0].parts

    assert thought == Reasoning(text="Hm.")
    assert text == Text(text="So.", signature=Signature(format="gemini_generate", value="s"))


@pytest.mark.parametrize(
    ("word", "parts", "reason"),
    [
        ("STOP", ({"text": "a"},), FinishReason.STOP),
        ("STOP", ({"text": "a"}, CALL), FinishReason.TOOL_CALL),
        ("MAX_TOKENS", (CALL,), FinishReason.LENGTH),
        ("SAFETY", (CALL,), FinishReason.CONTENT_FILTER),
        ("RECITATION", (), FinishReason.CONTENT_FILTER),
        ("PROHIBITED_CONTENT", (), FinishReason.CONTENT_FILTER),
        ("SPII", (), FinishReason.CONTENT_FILTER),
        ("BLOCKLIST", (), FinishReason.CONTENT_FILTER),
        ("IMAGE_SAFETY", (), FinishReason.CONTENT_FILTER),
        ("MALFORMED_FUNCTION_CALL", (), FinishReason.ERROR),
        ("UNEXPECTED_TOOL_CALL", (CALL,), FinishReason.ERROR),
        ("LANGUAGE", (), FinishReason.ERROR),
        ("OTHER", (), FinishReason.ERROR),
        ("NEVER_HEARD_OF", ({"text": "a"},), FinishReason.STOP),
        (None, ({"text": "a"},), FinishReason.STOP),
    ],
)
def test_why_an_answer_ended(word: str | None, parts: tuple[Any, ...], reason: FinishReason) -> None:
    """A09, A10, H10, H17."""
    finish = answer(*parts, finish=word).choices[0].finish

    assert (finish.reason, finish.wire_word) == (reason, word or "")
    assert bool(finish.explanation) is (reason in (FinishReason.CONTENT_FILTER, FinishReason.ERROR))
    assert gemini.render_response(answer(*parts, finish=word), REQUEST) == body(*parts, finish=word)


def test_a_reason_written_as_a_number_is_understood_and_kept() -> None:
    numbered = body({"text": "a"}, finish=None)
    numbered["candidates"][0]["finishReason"] = 2

    response = gemini.parse_response(numbered)

    assert response.choices[0].finish.reason is FinishReason.LENGTH
    assert gemini.render_response(response, REQUEST) == numbered


def test_a_blocked_prompt_is_a_filtered_answer_with_its_reason_and_cost() -> None:
    """H07."""
    feedback = {"blockReason": "SAFETY", "blockReasonMessage": "Too rude."}
    blocked = {"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}}

    response = gemini.parse_response(blocked)

    (choice,) = response.choices
    assert (choice.parts, choice.finish.reason) == ((), FinishReason.CONTENT_FILTER)
    assert choice.finish.explanation == "The prompt was blocked (SAFETY): Too rude."
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 0)
    assert gemini.render_response(response, REQUEST) == blocked


def test_an_answer_without_a_candidate_or_a_reason_is_an_error() -> None:
    for empty in ({"candidates": []}, {"responseId": "r"}):
        response = gemini.parse_response(empty)

        assert response.choices[0].finish.reason is FinishReason.ERROR
        assert gemini.render_response(response, REQUEST) == empty


def test_a_malformed_call_is_an_error_with_an_explanation() -> None:
    """H08."""
    malformed = {"candidates": [{"content": {}, "finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "print(("}]}

    finish = gemini.parse_response(malformed).choices[0].finish

    assert (finish.reason, finish.explanation) == (FinishReason.ERROR, "print((")


def test_thoughts_and_the_tool_use_prompt_are_part_of_what_is_counted() -> None:
    """I03, I04."""
    counted = {
        "promptTokenCount": 1000,
        "toolUsePromptTokenCount": 50,
        "cachedContentTokenCount": 800,
        "candidatesTokenCount": 150,
        "thoughtsTokenCount": 8000,
        "totalTokenCount": 9200,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 900}, {"modality": "AUDIO", "tokenCount": 100}],
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}],
        "serviceTier": "standard",
    }

    usage = answer({"text": "a"}, usageMetadata=counted).usage

    assert usage is not None
    assert (usage.input_tokens, usage.cached_input_tokens) == (1050, 800)
    assert (usage.output_tokens, usage.reasoning_tokens) == (8150, 8000)
    assert (usage.audio_input_tokens, usage.audio_output_tokens) == (100, 20)
    assert usage.service_tier == "standard"
    assert gemini.render_response(answer({"text": "a"}, usageMetadata=counted), REQUEST)["usageMetadata"] == counted


def test_no_usage_is_none_and_zero_is_zero() -> None:
    """I09, I10."""
    zero = {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}

    assert answer({"text": "a"}).usage is None
    counted = answer({"text": "a"}, usageMetadata=zero).usage
    assert counted is not None
    assert (counted.input_tokens, counted.output_tokens) == (0, 0)
    assert gemini.render_response(answer({"text": "a"}, usageMetadata=zero), REQUEST)["usageMetadata"] == zero


def test_the_vertex_editions_time_is_read() -> None:
    response = answer({"text": "a"}, createTime="2026-05-27T16:53:45.443719Z")

    assert response.created_at == 1779900825


@pytest.mark.parametrize(
    "broken",
    [
        {"candidates": "none"},
        {"candidates": [5]},
        {"candidates": [{"content": {"parts": [{"text": 5}]}}]},
        {"candidates": [{"content": {"parts": [{"inlineData": {}}]}}]},
        [],
    ],
)
def test_an_answer_of_another_shape_is_a_bad_response(broken: Any) -> None:
    with pytest.raises(ProviderBadResponse, match="not what its API promises"):
        gemini.parse_response(broken)


def test_an_answer_of_another_provider_in_googles_words() -> None:
    parts = (Reasoning(text="Hm."), Text(text="So."), ToolCall(id="toolu_1", name="look", arguments='{"at":"sea"}'))
    usage = Usage(input_tokens=1000, output_tokens=90, cached_input_tokens=800, reasoning_tokens=40)

    given = told(*parts, finish=Finish(reason=FinishReason.TOOL_CALL), usage=usage)

    assert given == {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "Hm.", "thought": True},
                        {"text": "So."},
                        {"functionCall": {"name": "look", "id": "toolu_1", "args": {"at": "sea"}}},
                    ],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 1000,
            "candidatesTokenCount": 50,
            "cachedContentTokenCount": 800,
            "thoughtsTokenCount": 40,
            "totalTokenCount": 1090,
        },
        "modelVersion": "other-1",
        "responseId": "msg_1",
    }


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (FinishReason.STOP, "STOP"),
        (FinishReason.TOOL_CALL, "STOP"),
        (FinishReason.LENGTH, "MAX_TOKENS"),
        (FinishReason.CONTENT_FILTER, "SAFETY"),
        (FinishReason.REFUSAL, "SAFETY"),
        (FinishReason.PAUSE, "OTHER"),
        (FinishReason.ERROR, "OTHER"),
    ],
)
def test_every_end_has_a_word(reason: FinishReason, word: str) -> None:
    (candidate,) = told(Text(text="a"), finish=Finish(reason=reason, explanation="Because."))["candidates"]

    assert (candidate["finishReason"], candidate["finishMessage"]) == (word, "Because.")


def test_a_refusal_is_text_and_what_means_nothing_to_google_is_left_out() -> None:
    secret = Reasoning(signature=Signature(format="elsewhere", value="abc"), redacted=True)
    hosted = ServerToolCall(format="elsewhere", id="s1", name="search")
    riddle = Opaque(format="elsewhere", value={"type": "riddle"})

    (candidate,) = told(secret, hosted, riddle, Refusal(text="No."), finish=Finish(reason=FinishReason.REFUSAL))[
        "candidates"
    ]

    assert candidate["content"]["parts"] == [{"text": "No."}]


@pytest.mark.parametrize(
    ("arguments", "args"), [("", {}), ('{"at":"s', {"input": '{"at":"s'}), ("4 + 4", {"input": "4 + 4"})]
)
def test_arguments_that_are_no_object_travel_inside_one(arguments: str, args: Any) -> None:
    """A32: a call that was cut is told as far as it came."""
    (candidate,) = told(ToolCall(id="c", name="look", arguments=arguments), finish=Finish(reason=FinishReason.LENGTH))[
        "candidates"
    ]

    assert candidate["content"]["parts"][0]["functionCall"]["args"] == args
    assert candidate["finishReason"] == "MAX_TOKENS"


@pytest.mark.parametrize(
    "usage",
    [
        [],
        {"promptTokenCount": "many", "candidatesTokenCount": 1},
        {"promptTokenCount": -7, "candidatesTokenCount": 1},
        {"promptTokenCount": 7, "candidatesTokenCount": 1, "thoughtsTokenCount": True},
        {"promptTokenCount": 7, "candidatesTokenCount": 1, "toolUsePromptTokenCount": "1"},
    ],
)
def test_usage_that_is_not_counts_is_no_usage(usage: Any) -> None:
    assert answer({"text": "a"}, usageMetadata=usage).usage is None


def test_a_link_that_is_no_address_stays_as_it_is() -> None:
    part = {"fileData": {"mimeType": "image/png", "fileUri": "https://[broken"}}

    rendered = gemini.render_response(answer(part), REQUEST)

    assert rendered["candidates"][0]["content"]["parts"] == [part]
