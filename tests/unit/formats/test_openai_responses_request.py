"""Requests of Responses clients: what is understood, what comes back as it was, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from prxy.canonical.errors import InvalidRequest, UnsupportedFeature
from prxy.canonical.parts import (
    FileRef,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Reasoning,
    Refusal,
    ServerToolCall,
    Signature,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from prxy.canonical.request import ChatRequest, FreeformTool, FunctionTool, HostedTool, OutputKind, Role, ToolMode
from prxy.canonical.stream import merge_extras
from prxy.formats import FORMATS
from prxy.formats import openai_responses as responses
from prxy.formats.base import foreign_losses, make_extras

QUESTION = {"role": "user", "content": "Which tide is it?"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "tide_at", "arguments": '{"port":"Goes"}'}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "2 m"}


def parsed(*items: Any, **more: Any) -> ChatRequest:
    return responses.parse_request({"model": "gpt-5", "input": list(items) or [QUESTION], **more}, {})


def returned(*items: Any, **more: Any) -> Any:
    return responses.render_request(parsed(*items, **more)).body


def refusal(body: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        responses.parse_request({"model": "gpt-5", **body}, {})
    return caught.value


def parts_of(request: ChatRequest) -> list[Any]:
    return [part for message in request.messages for part in message.parts]


def test_a_text_as_input_is_one_user_message_and_comes_back_as_a_text() -> None:
    request = responses.parse_request({"model": "m", "input": "Hi"}, {})

    assert [(message.role, message.parts) for message in request.messages] == [(Role.USER, (Text(text="Hi"),))]
    assert responses.render_request(request).body == {"model": "m", "input": "Hi"}


def test_instructions_apart_win_and_system_items_stay_among_the_messages() -> None:
    request = parsed({"role": "developer", "content": "Brief."}, QUESTION, instructions="Dutch.")

    assert request.instructions is not None
    assert request.instructions.parts == (Text(text="Dutch."),)
    assert [message.role for message in request.messages] == [Role.DEVELOPER, Role.USER]


def test_without_them_the_first_system_item_is_hoisted_from_its_place() -> None:
    request = parsed(QUESTION, {"role": "system", "content": "Brief."}, {"role": "system", "content": "Long."})

    assert request.instructions is not None
    assert (request.instructions.position, request.instructions.at) == (1, "input[1]")
    assert [message.role for message in request.messages] == [Role.USER, Role.SYSTEM]


def test_what_the_model_made_in_one_go_is_one_turn_of_the_assistant() -> None:
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]}

    request = parsed(QUESTION, reasoning, said, CALL, RESULT)

    assert [message.role for message in request.messages] == [Role.USER, Role.ASSISTANT, Role.TOOL]
    thought, text, call = request.messages[1].parts
    assert isinstance(thought, Reasoning)
    assert thought.signature == Signature(format="openai_responses", value="gAAA")
    assert isinstance(text, Text)
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.arguments) == ("call_1", "tide_at", '{"port":"Goes"}')


def test_two_assistant_items_come_back_as_two_and_two_parts_of_one_as_one() -> None:
    one = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}],
    }
    two = {"role": "assistant", "content": "c"}

    body = returned(QUESTION, one, two)

    assert body["input"] == [QUESTION, one, two]
    assert isinstance(parts_of(parsed(one))[1], Refusal)


def test_ids_and_statuses_are_no_loss_to_another_wire() -> None:
    typed = {"type": "message", "role": "user", "content": "Hi", "id": "msg_1", "status": "completed"}
    answer = {
        "type": "message",
        "role": "assistant",
        "id": "msg_2",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Ho", "annotations": [], "logprobs": []}],
    }

    rendered = FORMATS["openai_chat"].render_request(parsed(typed, answer, QUESTION, store=False))

    assert rendered.losses == ()


def test_images_files_and_sounds_are_media_of_their_kind() -> None:
    content = [
        {"type": "input_image", "image_url": "https://img.example/a.png"},
        {"type": "input_image", "file_id": "file-1", "detail": "high"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://files.example/a.pdf"},
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
    ]

    request = parsed({"role": "user", "content": content})

    media = [(part.kind, part.source) for part in parts_of(request) if isinstance(part, Media)]
    assert media == [
        (MediaKind.IMAGE, Url(url="https://img.example/a.png")),
        (MediaKind.IMAGE, FileRef(format="openai_responses", id="file-1")),
        (MediaKind.DOCUMENT, Inline(media_type="application/pdf", data="JVBERi0=")),
        (MediaKind.DOCUMENT, Url(url="https://files.example/a.pdf")),
        (MediaKind.AUDIO, Inline(media_type="audio/wav", data="UklG")),
    ]


def test_results_are_tool_messages_with_text_or_parts() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}

    request = parsed(QUESTION, CALL, {**RESULT, "output": [{"type": "input_text", "text": "See"}, image]})

    result = request.messages[-1].parts[0]
    assert isinstance(result, ToolResult)
    assert result.call_id == "call_1"
    assert [type(part) for part in result.parts] == [Text, Media]


def test_items_of_hosted_tools_pass_to_openai_and_to_nobody_else() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
    reference = {"type": "item_reference", "id": "msg_1"}

    request = parsed(QUESTION, search, reference)

    assert [type(part) for part in request.messages[1].parts] == [ServerToolCall, Opaque]
    assert returned(QUESTION, search, reference)["input"] == [QUESTION, search, reference]
    with pytest.raises(UnsupportedFeature):
        FORMATS["openai_chat"].render_request(request)


def test_pieces_of_a_summary_are_one_text_and_come_back_as_pieces() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "One"}, {"type": "summary_text", "text": "Two"}],
        "content": [{"type": "reasoning_text", "text": "Three"}],
    }

    (thought,) = parts_of(parsed(item))

    assert thought.text == "One\n\nTwo\n\nThree"
    assert returned(item, QUESTION)["input"] == [item, QUESTION]


def test_tools_are_flat_and_a_hosted_one_stays_as_it_is() -> None:
    function = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
    custom = {
        "type": "custom",
        "name": "c",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: /a/"},
    }
    hosted = {"type": "file_search", "vector_store_ids": ["vs_1"]}

    request = parsed(tools=[function, custom, hosted])

    assert [type(tool) for tool in request.tools] == [FunctionTool, FreeformTool, HostedTool]
    assert isinstance(request.tools[1], FreeformTool)
    assert request.tools[1].grammar == {"syntax": "lark", "definition": "start: /a/"}
    assert returned(tools=[function, custom, hosted])["tools"] == [function, custom, hosted]


@pytest.mark.parametrize(
    ("choice", "mode", "names"),
    [
        ("required", ToolMode.REQUIRED, ()),
        ({"type": "function", "name": "f"}, ToolMode.NAMED, ("f",)),
        ({"type": "custom", "name": "c"}, ToolMode.NAMED, ("c",)),
        ({"type": "web_search"}, ToolMode.NAMED, ("web_search",)),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
            ToolMode.ALLOWED,
            ("f",),
        ),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "mcp", "server_label": "s"}]},
            ToolMode.ALLOWED_REQUIRED,
            ("mcp",),
        ),
    ],
    ids=repr,
)
def test_a_choice_among_tools_is_understood_and_comes_back(choice: Any, mode: ToolMode, names: tuple[str]) -> None:
    request = parsed(tool_choice=choice)

    assert request.tool_choice is not None
    assert (request.tool_choice.mode, request.tool_choice.names) == (mode, names)
    assert returned(tool_choice=choice)["tool_choice"] == choice


def test_the_form_of_the_answer_and_the_effort_are_read_from_their_objects() -> None:
    form = {"type": "json_schema", "name": "tide", "schema": {"type": "object"}, "strict": True}

    request = parsed(text={"format": form, "verbosity": "low"}, reasoning={"effort": "low", "summary": "auto"})

    assert request.output is not None
    assert (request.output.kind, request.output.name, request.output.strict) == (OutputKind.SCHEMA, "tide", True)
    assert request.reasoning is not None
    assert (request.reasoning.effort, request.reasoning.include) == ("low", True)


@pytest.mark.parametrize("field", ["previous_response_id", "conversation", "background", "prompt"])
@pytest.mark.parametrize("target", ["openai_chat", "anthropic_messages", "gemini_generate"])
def test_what_openai_keeps_for_the_client_cannot_be_asked_of_another_provider(field: str, target: str) -> None:
    value: Any = {"background": True, "prompt": {"id": "pmpt_1"}}.get(field, "resp_1")
    request = parsed(max_output_tokens=100, **{field: value})

    with pytest.raises(UnsupportedFeature) as caught:
        FORMATS[target].render_request(request)

    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", field)
    assert responses.render_request(request).body[field] == value


def test_storing_is_a_loss_to_another_provider_and_not_storing_is_none() -> None:
    chat = FORMATS["openai_chat"]

    assert [loss.field for loss in chat.render_request(parsed(store=True)).losses] == ["store"]
    assert chat.render_request(parsed(store=False, background=False, truncation="disabled")).losses == ()


def test_a_binding_field_stays_binding_when_extras_are_merged() -> None:
    request = parsed(prompt={"id": "pmpt_1"})

    merged = merge_extras(request.extras, make_extras("openai_responses", {"more": 1}))

    with pytest.raises(UnsupportedFeature):
        list(foreign_losses(merged, "elsewhere"))


def test_an_input_may_be_missing_where_openai_keeps_one() -> None:
    body = {"model": "m", "conversation": "conv_1"}

    assert responses.render_request(responses.parse_request(body, {})).body == body


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_field", "input"),
        ({"input": 3}, "invalid_type", "input"),
        ({"input": [3]}, "invalid_type", "input[0]"),
        ({"input": [{"type": "message", "content": "x"}]}, "missing_field", "input[0].role"),
        ({"input": [{"role": "tool", "content": "x"}]}, "invalid_value", "input[0].role"),
        ({"input": [{"role": "user"}]}, "missing_field", "input[0].content"),
        ({"input": [{"role": "user", "content": [{"text": "x"}]}]}, "missing_field", "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "missing_field", None),
        ({"input": [{"type": "function_call", "name": "f"}]}, "missing_field", "input[0].call_id"),
        ({"input": [{**RESULT, "output": {"a": 1}}]}, "invalid_type", "input[0].output"),
        ({"input": "x", "text": {"format": {}}}, "missing_field", "text.format.type"),
        ({"input": "x", "tools": [{"type": "function"}]}, "missing_field", "tools[0].name"),
        ({"input": "x", "max_output_tokens": "9"}, "invalid_type", "max_output_tokens"),
        ({"input": "x", "api_base": "http://evil.example"}, "unsupported_field", "api_base"),
        ({"input": [{**QUESTION, "api_key": "k"}]}, "unsupported_field", "input[0].api_key"),
    ],
    ids=repr,
)
def test_a_bad_field_is_refused_by_its_path(body: Any, code: str, param: str | None) -> None:
    error = refusal(body)

    assert error.code == code
    assert param is None or error.param == param
