"""Requests of other formats, for a model that is served by Responses."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from prxy.canonical.errors import InvalidRequest, UnsupportedFeature
from prxy.canonical.parts import Inline, Media, MediaKind, Part, Reasoning, Signature, Text, ToolCall, ToolResult
from prxy.canonical.request import (
    ChatRequest,
    FunctionTool,
    HostedTool,
    Instructions,
    Message,
    OutputFormat,
    OutputKind,
    ReasoningOptions,
    Role,
    Sampling,
    ToolChoice,
    ToolMode,
)
from prxy.formats import openai_responses as responses

CALL = ToolCall(id="call_1", name="tide_at", arguments='{"port":"Goes"}')


def message(role: Role, *parts: Part, **more: Any) -> Message:
    return Message(role=role, parts=parts, at="messages[0]", **more)


QUESTION = message(Role.USER, Text(text="Which tide is it?"))


def request(*messages: Message, **more: Any) -> ChatRequest:
    return ChatRequest(format="elsewhere", model="gpt-5-pro", messages=messages or (QUESTION,), **more)


def rendered(*messages: Message, **more: Any) -> Any:
    return responses.render_request(request(*messages, **more)).body


def lost(*messages: Message, **more: Any) -> list[str]:
    return [loss.field for loss in responses.render_request(request(*messages, **more)).losses]


def test_a_question_is_a_user_item_and_nothing_is_stored() -> None:
    assert rendered() == {
        "model": "gpt-5-pro",
        "input": [{"role": "user", "content": "Which tide is it?"}],
        "store": False,
    }


def test_instructions_are_the_first_item() -> None:
    body = rendered(instructions=Instructions(role=Role.SYSTEM, parts=(Text(text="Brief."),), at="system"))

    assert body["input"][0] == {"role": "system", "content": "Brief."}
    assert "instructions" not in body


def test_calls_and_results_are_items_of_their_own_with_media_as_a_list() -> None:
    image = Media(kind=MediaKind.IMAGE, source=Inline(media_type="image/png", data="AAAA"))
    result = ToolResult(call_id="call_1", parts=(Text(text="See"), image))

    body = rendered(QUESTION, message(Role.ASSISTANT, Text(text="Wait."), CALL), message(Role.TOOL, result))

    assert body["input"][1:] == [
        {"role": "assistant", "content": "Wait."},
        {"type": "function_call", "call_id": "call_1", "name": "tide_at", "arguments": '{"port":"Goes"}'},
        {
            "type": "function_call_output",
            "call_id": "call_1",
            "output": [
                {"type": "input_text", "text": "See"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
            ],
        },
    ]


def test_the_result_of_a_free_form_call_is_one_too() -> None:
    call = ToolCall(id="call_1", name="steer", arguments="north", freeform=True)

    body = rendered(message(Role.ASSISTANT, call), message(Role.TOOL, ToolResult(call_id="call_1")))

    assert [item["type"] for item in body["input"]] == ["custom_tool_call", "custom_tool_call_output"]


def test_a_call_without_a_result_is_given_one_before_anything_else_is_said() -> None:
    body = rendered(QUESTION, message(Role.ASSISTANT, CALL), message(Role.USER, Text(text="Never mind.")))

    assert [item.get("type") for item in body["input"]] == [None, "function_call", "function_call_output", None]
    assert "no result" in body["input"][2]["output"]


def test_a_result_that_no_call_waits_for_is_told_as_text() -> None:
    body = rendered(QUESTION, message(Role.TOOL, ToolResult(call_id="call_7", parts=(Text(text="2 m"),))))

    assert body["input"][1] == {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "Result of the tool call call_7:"},
            {"type": "input_text", "text": "2 m"},
        ],
    }


def test_only_thoughts_that_openai_encrypted_go_back() -> None:
    own = Reasoning(text="Moon", signature=Signature(format="openai_responses", value="gAAA"))
    other = Reasoning(text="Sun", signature=Signature(format="elsewhere", value="s"))
    turn = message(Role.ASSISTANT, own, other, Text(text="High."))

    body = rendered(turn, QUESTION)

    assert body["input"][0] == {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "Moon"}],
        "encrypted_content": "gAAA",
    }
    assert body["input"][1] == {"role": "assistant", "content": "High."}
    assert lost(turn, QUESTION) == ["messages[0].reasoning"]


def test_long_call_ids_are_shortened_alike_in_call_and_result() -> None:
    call = structs.replace(CALL, id="x" * 100)

    body = rendered(message(Role.ASSISTANT, call), message(Role.TOOL, ToolResult(call_id="x" * 100)))

    first, second = (item["call_id"] for item in body["input"])
    assert first == second
    assert len(first) <= 64


def test_functions_are_flat_and_say_that_they_are_not_strict() -> None:
    body = rendered(tools=(FunctionTool(name="f", description="F."),), parallel_tool_calls=False)

    assert body["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": "F.",
            "parameters": {"type": "object", "properties": {}},
            "strict": False,
        }
    ]
    assert body["parallel_tool_calls"] is False


def test_a_choice_is_said_only_where_there_are_tools() -> None:
    choice = ToolChoice(mode=ToolMode.NAMED, names=("f",))

    assert "tool_choice" not in rendered(tool_choice=choice)
    assert rendered(tool_choice=choice, tools=(FunctionTool(name="f"),))["tool_choice"] == {
        "type": "function",
        "name": "f",
    }


def test_limit_effort_and_schema_have_their_own_places() -> None:
    body = rendered(
        sampling=Sampling(max_output_tokens=99, temperature=0.5),
        reasoning=ReasoningOptions(effort="high", include=True),
        output=OutputFormat(kind=OutputKind.SCHEMA, schema={"type": "object"}, strict=True),
        stream=True,
    )

    assert (body["max_output_tokens"], body["temperature"], body["stream"]) == (99, 0.5, True)
    assert body["reasoning"] == {"effort": "high", "summary": "auto"}
    assert body["include"] == ["reasoning.encrypted_content"]
    assert body["text"] == {
        "format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": True}
    }


def test_knobs_without_a_place_are_losses() -> None:
    sampling = Sampling(
        top_k=3, seed=1, stop=("x",), frequency_penalty=0.1, presence_penalty=0.1, logit_bias={"1": 1}, top_logprobs=2
    )

    fields = lost(message(Role.USER, Text(text="Hi"), name="Ann"), sampling=sampling, metadata={"a": "b"})

    assert fields == [
        "sampling.top_k",
        "sampling.seed",
        "sampling.frequency_penalty",
        "sampling.presence_penalty",
        "sampling.stop",
        "sampling.logit_bias",
        "sampling.top_logprobs",
        "metadata",
        "messages[0].name",
    ]


def test_several_choices_and_another_vendors_tools_are_refused() -> None:
    with pytest.raises(UnsupportedFeature) as several:
        rendered(sampling=Sampling(n=2))
    with pytest.raises(UnsupportedFeature) as hosted:
        rendered(tools=(HostedTool(format="elsewhere", value={"type": "x"}, at="tools[0]"),))

    assert several.value.param == "sampling.n"
    assert hosted.value.param == "tools[0]"


def test_a_conversation_that_says_nothing_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        rendered(Message(role=Role.ASSISTANT, parts=(Text(text=""),)))
