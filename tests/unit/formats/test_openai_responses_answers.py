"""Answers for Responses clients and answers of OpenAI, whole; the official client reads what is made here."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.responses import Response, ResponseFunctionToolCall, ResponseReasoningItem

from prxy.canonical.errors import ProviderBadResponse, ProviderUnavailable
from prxy.canonical.parts import Inline, Media, MediaKind, Part, Reasoning, Refusal, ServerToolCall, Text, ToolCall
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason, Usage
from prxy.formats import openai_responses as responses

REQUEST: dict[str, Any] = {
    "model": "claude-9",
    "input": "Which tide is it?",
    "instructions": "Brief.",
    "temperature": 0.2,
    "max_output_tokens": 50,
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}],
    "tool_choice": "auto",
    "text": {"verbosity": "low"},
    "metadata": {"a": "b"},
}
THOUGHT, WORDS = Reasoning(text="Moon."), Text(text="High tide.")
CALL = ToolCall(id="toolu_1", name="f", arguments="{}")


def asked() -> ChatRequest:
    return responses.parse_request(REQUEST, {})


def answer(*parts: Part, reason: FinishReason = FinishReason.STOP) -> ChatResponse:
    return ChatResponse(
        format="elsewhere",
        id="msg_9",
        model="claude-9-1",
        created_at=1790000000,
        choices=(Choice(parts=parts, finish=Finish(reason=reason)),),
        usage=Usage(input_tokens=10, output_tokens=5, cached_input_tokens=4, reasoning_tokens=2),
    )


def told(*parts: Part, reason: FinishReason = FinishReason.STOP) -> Any:
    return responses.render_response(answer(*parts, reason=reason), asked())


def body(**more: Any) -> Any:
    return {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed", **more}


def test_the_official_client_reads_an_answer_of_another_provider() -> None:
    wire = told(THOUGHT, WORDS, CALL, reason=FinishReason.TOOL_CALL)

    response = Response.model_validate(wire, strict=False)

    assert response.output_text == "High tide."
    assert [type(item).__name__ for item in response.output] == [
        "ResponseReasoningItem",
        "ResponseOutputMessage",
        "ResponseFunctionToolCall",
    ]
    assert (response.id, response.status, response.model) == ("resp_msg_9", "completed", "claude-9-1")
    assert isinstance(response.output[0], ResponseReasoningItem)
    assert response.output[0].summary[0].text == "Moon."
    assert isinstance(response.output[2], ResponseFunctionToolCall)
    assert (response.output[2].call_id, response.output[2].arguments) == ("toolu_1", "{}")
    assert response.usage is not None
    assert (response.usage.total_tokens, response.usage.input_tokens_details.cached_tokens) == (15, 4)


def test_the_answer_repeats_what_was_asked() -> None:
    wire = told(WORDS)

    assert (wire["instructions"], wire["temperature"], wire["max_output_tokens"]) == ("Brief.", 0.2, 50)
    assert (wire["tools"], wire["tool_choice"]) == (REQUEST["tools"], "auto")
    assert wire["text"] == {"verbosity": "low", "format": {"type": "text"}}
    assert (wire["store"], wire["previous_response_id"], wire["truncation"]) == (False, None, "disabled")
    assert (wire["metadata"], wire["error"], wire["incomplete_details"]) == ({"a": "b"}, None, None)


def test_ids_of_items_follow_from_the_id_of_the_answer_and_their_place() -> None:
    first, second = told(THOUGHT, WORDS, CALL), told(THOUGHT, WORDS, CALL)

    ids = [item["id"] for item in first["output"]]
    assert ids == ["rs_msg_9_0", "msg_msg_9_1", "fc_msg_9_2"]
    assert first == second


def test_texts_in_a_row_are_parts_of_one_message() -> None:
    wire = told(Text(text="a"), Text(text="b"), Refusal(text="no"))

    (item,) = wire["output"]
    assert [part["type"] for part in item["content"]] == ["output_text", "output_text", "refusal"]


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        (FinishReason.STOP, "completed", None),
        (FinishReason.LENGTH, "incomplete", "max_output_tokens"),
        (FinishReason.CONTENT_FILTER, "incomplete", "content_filter"),
        (FinishReason.REFUSAL, "incomplete", "content_filter"),
        (FinishReason.PAUSE, "incomplete", "pause"),
        (FinishReason.ERROR, "incomplete", "error"),
    ],
)
def test_the_status_tells_why_the_answer_ended(reason: FinishReason, status: str, why: str | None) -> None:
    wire = told(WORDS, reason=reason)

    assert wire["status"] == status
    assert wire["incomplete_details"] == (None if why is None else {"reason": why})


def test_an_image_is_a_generated_one_and_another_vendors_own_tools_are_left_out() -> None:
    image = Media(kind=MediaKind.IMAGE, source=Inline(media_type="image/png", data="AAAA"))

    wire = told(ServerToolCall(format="elsewhere", id="s", name="search"), image)

    (item,) = wire["output"]
    assert (item["type"], item["result"]) == ("image_generation_call", "AAAA")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"output": []}, FinishReason.STOP),
        (
            {"output": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]},
            FinishReason.TOOL_CALL,
        ),
        ({"output": [], "status": "queued"}, FinishReason.PAUSE),
        ({"output": [], "status": "incomplete", "incomplete_details": {"reason": "new"}}, FinishReason.ERROR),
        (
            {"output": [], "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            FinishReason.LENGTH,
        ),
    ],
    ids=repr,
)
def test_why_openai_stopped_is_read_from_status_reason_and_items(more: Any, reason: FinishReason) -> None:
    assert responses.parse_response(body(**more)).choices[0].finish.reason is reason


def test_a_failed_answer_is_its_error() -> None:
    with pytest.raises(ProviderUnavailable, match="Something broke"):
        responses.parse_response(
            body(status="failed", output=[], error={"code": "server_error", "message": "Something broke."})
        )


@pytest.mark.parametrize("output", [None, {}, ["x"]], ids=repr)
def test_an_answer_without_output_is_called_bad(output: Any) -> None:
    with pytest.raises(ProviderBadResponse):
        responses.parse_response(body(output=output))


def test_a_content_part_of_the_future_stands_beside_the_text_and_hides_none() -> None:
    item = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "a"}, {"type": "hologram", "x": 1}],
    }

    answered = responses.parse_response(body(output=[item]))

    rendered = responses.render_response(answered, asked())
    assert [part["type"] for each in rendered["output"] for part in each["content"]] == ["output_text", "hologram"]


def test_usage_includes_what_was_cached_and_thought() -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 130,
    }

    found = responses.parse_response(body(output=[], usage=usage)).usage

    assert found is not None
    assert (found.input_tokens, found.cached_input_tokens) == (100, 60)
    assert (found.output_tokens, found.reasoning_tokens) == (30, 20)


@pytest.mark.parametrize("lie", [{"input_tokens": -5}, {"input_tokens": 5, "output_tokens": "3"}], ids=repr)
def test_usage_that_holds_no_counts_is_none(lie: Any) -> None:
    assert responses.parse_response(body(output=[], usage=lie)).usage is None
