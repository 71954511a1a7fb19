"""Answers: read from providers of this wire, and said to its clients."""

from __future__ import annotations

from typing import Any

import pytest

from prxy.canonical.errors import ProviderBadResponse, ProviderRejected
from prxy.canonical.parts import (
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Text,
    ToolCall,
)
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason, Usage
from prxy.formats import openai_chat as chat

REQUEST = ChatRequest(
    format="openai_chat", model="gpt-5", messages=(Message(role=Role.USER, parts=(Text(text="Hi"),)),)
)


def body(message: Any, finish: str | None = "stop", **more: Any) -> Any:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], **more}


def parts_of(message: Any) -> tuple[Part, ...]:
    return chat.parse_response(body(message)).choices[0].parts


def foreign(*parts: Part, finish: Finish | None = None, usage: Usage | None = None) -> Any:
    ended = finish or Finish(reason=FinishReason.STOP)
    choice = Choice(parts=parts, finish=ended)
    response = ChatResponse(format="elsewhere", id="msg_1", model="m-1", choices=(choice,), usage=usage)
    return chat.render_response(response, REQUEST)


def message_of(*parts: Part) -> Any:
    return foreign(*parts)["choices"][0]["message"]


@pytest.mark.parametrize("answer", [{}, {"choices": None}, {"choices": []}, {"choices": ["a"]}, {"choices": [{}]}])
def test_an_answer_without_choices_is_bad(answer: Any) -> None:
    with pytest.raises(ProviderBadResponse):
        chat.parse_response(answer)


def test_an_error_with_status_200_is_that_error() -> None:
    """H03"""
    with pytest.raises(ProviderRejected) as caught:
        chat.parse_response({"error": {"message": "Too much.", "code": 400}})

    assert caught.value.message == "Too much."


def test_thoughts_text_refusal_and_calls_are_parts_in_this_order() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "tide", "arguments": "{}"}}
    message = {"content": "Hm", "refusal": "No.", "tool_calls": [call], "reasoning_content": "Think."}

    kinds = [type(part) for part in parts_of(message)]

    assert kinds == [Reasoning, Text, Refusal, ToolCall]


def test_arguments_sent_as_an_object_become_text() -> None:
    (call,) = parts_of({"tool_calls": [{"id": "a", "function": {"name": "tide", "arguments": {"port": "Brest"}}}]})

    assert isinstance(call, ToolCall)
    assert call.arguments == '{"port":"Brest"}'


def test_a_message_without_a_role_is_read() -> None:
    answer = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}

    assert chat.parse_response(answer).choices[0].parts == (Text(text="Hi"),)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("tool_calls", FinishReason.TOOL_CALL),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("eos", FinishReason.STOP),
        (None, FinishReason.STOP),
    ],
)
def test_every_finish_is_understood_and_comes_back_in_its_own_word(word: str | None, reason: FinishReason) -> None:
    """H10"""
    response = chat.parse_response(body({"content": "Hi"}, word))

    assert response.choices[0].finish.reason is reason
    assert chat.render_response(response, REQUEST)["choices"][0]["finish_reason"] == word


def test_a_forced_call_that_ends_in_stop_is_a_tool_call() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "tide", "arguments": "{}"}}

    response = chat.parse_response(body({"content": None, "tool_calls": [call]}))

    assert response.choices[0].finish.reason is FinishReason.TOOL_CALL
    assert chat.render_response(response, REQUEST)["choices"][0]["finish_reason"] == "stop"


def usage_of(**usage: Any) -> Usage:
    found = chat.parse_response(body({"content": "Hi"}, usage=usage)).usage
    assert found is not None
    return found


def test_prompt_tokens_include_the_cached_ones() -> None:
    """I03"""
    usage = usage_of(
        prompt_tokens=1000,
        completion_tokens=5,
        prompt_tokens_details={"cached_tokens": 800, "cache_write_tokens": 50, "audio_tokens": 3},
        completion_tokens_details={"reasoning_tokens": 4, "audio_tokens": 1},
    )

    assert (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens) == (1000, 800, 50)
    assert (usage.output_tokens, usage.reasoning_tokens) == (5, 4)
    assert (usage.audio_input_tokens, usage.audio_output_tokens) == (3, 1)


def test_reasoning_counted_beside_the_completion_is_added_to_it() -> None:
    """I04"""
    apart = usage_of(
        prompt_tokens=10, completion_tokens=5, total_tokens=115, completion_tokens_details={"reasoning_tokens": 100}
    )
    inside = usage_of(
        prompt_tokens=10, completion_tokens=105, total_tokens=115, completion_tokens_details={"reasoning_tokens": 100}
    )

    assert apart.output_tokens == inside.output_tokens == 105


def test_deepseeks_word_for_cached_tokens_is_understood() -> None:
    assert usage_of(prompt_tokens=20, completion_tokens=1, prompt_cache_hit_tokens=16).cached_input_tokens == 16


def test_usage_of_zero_is_not_usage_unknown() -> None:
    """I09, I16"""
    assert usage_of(prompt_tokens=0, completion_tokens=0) == usage_of(prompt_tokens=0, completion_tokens=0)
    assert usage_of(prompt_tokens=0, completion_tokens=0).reasoning_tokens is None
    assert chat.parse_response(body({"content": "Hi"})).usage is None


def test_the_tier_that_served_the_call_is_told() -> None:
    response = chat.parse_response(
        body({"content": "Hi"}, usage={"prompt_tokens": 1, "completion_tokens": 1}, service_tier="flex")
    )

    assert response.usage is not None
    assert response.usage.service_tier == "flex"


def test_an_answer_of_another_wire_has_the_envelope_of_this_one() -> None:
    answer = foreign(Text(text="Hi"), usage=Usage(input_tokens=10507, output_tokens=3, cached_input_tokens=10000))

    assert answer == {
        "id": "chatcmpl-msg_1",
        "object": "chat.completion",
        "created": 0,
        "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 10507,
            "completion_tokens": 3,
            "total_tokens": 10510,
            "prompt_tokens_details": {"cached_tokens": 10000},
        },
    }


def test_thoughts_are_beside_the_content_and_never_in_it() -> None:
    """B12, B15"""
    signature = Signature(format="elsewhere", value="s")

    message = message_of(Reasoning(text="Hm.", signature=signature), Reasoning(redacted=True), Text(text="Yes."))

    assert message == {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}


def test_a_call_of_another_wire_has_arguments_that_are_json_and_a_short_id() -> None:
    """A05, A33"""
    message = message_of(ToolCall(id="t" * 4000, name="moon"))

    (call,) = message["tool_calls"]
    assert call["function"] == {"name": "moon", "arguments": "{}"}
    assert len(call["id"]) <= 64
    assert message["content"] is None


def test_unfinished_arguments_are_delivered_as_they_are() -> None:
    """A32"""
    message = message_of(ToolCall(id="a", name="moon", arguments='{"day":'))

    assert message["tool_calls"][0]["function"]["arguments"] == '{"day":'


@pytest.mark.parametrize("reason", list(FinishReason))
def test_every_reason_has_a_word_of_this_wire(reason: FinishReason) -> None:
    """H09, H17"""
    choice = foreign(Text(text="Hi"), finish=Finish(reason=reason, format="elsewhere", wire_word="ODD"))["choices"][0]

    assert choice["finish_reason"] in {"stop", "length", "tool_calls", "content_filter"}


def test_an_ending_without_a_word_is_explained_beside_it() -> None:
    """H08, H09"""
    finish = Finish(reason=FinishReason.ERROR, format="elsewhere", wire_word="MALFORMED", explanation="Bad call.")

    choice = foreign(finish=finish)["choices"][0]

    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("stop", "MALFORMED")
    assert choice["finish_message"] == "Bad call."
    assert choice["message"]["content"] == ""


def test_a_generated_image_is_where_openrouter_puts_it() -> None:
    image = Media(kind=MediaKind.IMAGE, source=Inline(media_type="image/png", data="iVBO"))

    assert message_of(image)["images"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
    ]


def test_the_work_of_a_providers_own_tools_is_left_out_of_the_answer() -> None:
    message = message_of(
        ServerToolCall(format="elsewhere", id="s", name="search"),
        ServerToolResult(format="elsewhere", call_id="s", value={}),
        Opaque(format="elsewhere", value={}),
        Text(text="Found."),
    )

    assert message == {"role": "assistant", "content": "Found."}


@pytest.mark.parametrize(
    "usage",
    [
        [],
        {"prompt_tokens": "7", "completion_tokens": 1},
        {"prompt_tokens": -7, "completion_tokens": 1},
        {"prompt_tokens": 7, "completion_tokens": 1.5},
        {"prompt_tokens": 7, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": True}},
        {"prompt_tokens": 7, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": "1"}},
    ],
)
def test_usage_that_is_not_counts_is_no_usage(usage: Any) -> None:
    assert chat.parse_response(body({"content": "Hi"}, usage=usage)).usage is None


def test_a_null_inside_a_thinking_chunk_is_no_text() -> None:
    pieces = [{"type": "text", "text": None}, {"type": "text", "text": "Hm"}]
    answer = chat.parse_response(body({"content": [{"type": "thinking", "thinking": pieces}]}))

    (part,) = answer.choices[0].parts
    assert isinstance(part, Reasoning)
    assert part.text == "Hm"
