"""Requests of Chat clients: what is understood, what comes back as it was, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import (
    CachePoint,
    Extras,
    FileRef,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from prxy.canonical.request import (
    ChatRequest,
    FreeformTool,
    FunctionTool,
    HostedTool,
    OutputKind,
    Role,
    ToolMode,
)
from prxy.formats import openai_chat as chat

QUESTION = {"role": "user", "content": "Which tide is it?"}


def parsed(*messages: Any, **more: Any) -> ChatRequest:
    return chat.parse_request({"model": "gpt-5", "messages": list(messages) or [QUESTION], **more}, {})


def returned(*messages: Any, **more: Any) -> Any:
    return chat.render_request(parsed(*messages, **more)).body


def refusal(*messages: Any, **more: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parsed(*messages, **more)
    return caught.value


def test_the_first_system_message_is_hoisted_from_wherever_it_stands_and_later_ones_stay() -> None:
    """C01, C04"""
    request = parsed(QUESTION, {"role": "developer", "content": "Brief."}, {"role": "system", "content": "Now long."})

    assert request.instructions is not None
    assert (request.instructions.role, request.instructions.position, request.instructions.at) == (
        Role.DEVELOPER,
        1,
        "messages[1]",
    )
    assert [(message.role, message.at) for message in request.messages] == [
        (Role.USER, "messages[0]"),
        (Role.SYSTEM, "messages[2]"),
    ]


def test_system_messages_return_to_their_places() -> None:
    """C01, C03: a server that wants them all first says so itself."""
    messages = [QUESTION, {"role": "system", "content": "Brief."}, QUESTION, {"role": "developer", "content": "Long."}]

    assert returned(*messages)["messages"] == messages


def test_a_name_of_a_participant_is_kept() -> None:
    """C11"""
    request = parsed({**QUESTION, "name": "ann"})

    assert request.messages[0].name == "ann"
    assert chat.render_request(request).body["messages"] == [{**QUESTION, "name": "ann"}]


def test_a_content_that_is_one_object_is_refused_by_its_path() -> None:
    """C10"""
    error = refusal({"role": "user", "content": {"type": "text", "text": "Hi"}})

    assert (error.param, error.code) == ("messages[0].content", "invalid_type")


@pytest.mark.parametrize(
    ("message", "param", "code"),
    [
        ({"content": "Hi"}, "messages[0].role", "missing_field"),
        ({"role": "pirate", "content": "Hi"}, "messages[0].role", "invalid_value"),
        ({"role": "user"}, "messages[0].content", "missing_field"),
        ({"role": "user", "content": ["Hi"]}, "messages[0].content[0]", "invalid_type"),
        ({"role": "user", "content": [{"text": "Hi"}]}, "messages[0].content[0].type", "missing_field"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text", "missing_field"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
            "messages[0].content[0].image_url.url",
            "missing_field",
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf"}}]},
            "messages[0].content[0].file.file_data",
            "missing_field",
        ),
        ({"role": "tool", "content": "6 m"}, "messages[0].tool_call_id", "missing_field"),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"arguments": "{}"}}]},
            "messages[0].tool_calls[0].function.name",
            "missing_field",
        ),
        ({**QUESTION, "api_base": "https://example.com"}, "messages[0].api_base", "unsupported_field"),
    ],
)
def test_a_faulty_message_is_refused_by_its_path(message: Any, param: str, code: str) -> None:
    error = refusal(message)

    assert (error.param, error.code) == (param, code)
    assert f"'{param}'" in error.message


@pytest.mark.parametrize(
    ("field", "value", "param", "code"),
    [
        ("temperature", 2.1, "temperature", "invalid_value"),
        ("temperature", "hot", "temperature", "invalid_type"),
        ("top_p", 1.5, "top_p", "invalid_value"),
        ("n", 0, "n", "invalid_value"),
        ("max_completion_tokens", 0, "max_completion_tokens", "invalid_value"),
        ("stop", 5, "stop", "invalid_type"),
        ("logit_bias", {"50256": "no"}, "logit_bias.50256", "invalid_type"),
        ("stream_options", [], "stream_options", "invalid_type"),
        ("tools", [{"function": {"name": "moon"}}], "tools[0].type", "missing_field"),
        ("tools", [{"type": "function", "function": {}}], "tools[0].function.name", "missing_field"),
        ("tool_choice", "sometimes", "tool_choice", "invalid_value"),
        ("tool_choice", {"type": "function", "function": {}}, "tool_choice.function.name", "missing_field"),
        ("response_format", {"type": "yaml"}, "response_format.type", "invalid_value"),
        ("api_key", "sk-1", "api_key", "unsupported_field"),
    ],
)
def test_a_faulty_knob_is_refused_by_its_path(field: str, value: Any, param: str, code: str) -> None:
    error = refusal(**{field: value})

    assert (error.param, error.code) == (param, code)


def test_both_words_for_the_token_limit_at_once_are_refused() -> None:
    assert refusal(max_tokens=1, max_completion_tokens=2).param == "max_tokens"


def test_the_word_of_the_client_for_the_token_limit_comes_back_from_either_dialect() -> None:
    """F07"""
    for word in ("max_tokens", "max_completion_tokens"):
        request = parsed(**{word: 7})

        assert request.sampling.max_output_tokens == 7
        assert chat.render_request(request).body[word] == 7
        assert chat.render_compatible_request(request).body[word] == 7


def test_stop_is_understood_as_a_string_and_as_a_list() -> None:
    """F04"""
    assert parsed(stop="END").sampling.stop == ("END",)
    assert returned(stop="END")["stop"] == "END"
    assert returned(stop=["END"])["stop"] == ["END"]


def test_an_echoed_assistant_message_with_odd_nulls_and_objects_is_accepted() -> None:
    """C12"""
    message = {
        "role": "assistant",
        "content": "Hi",
        "refusal": None,
        "annotations": None,
        "thinking_blocks": None,
        "provider_specific_fields": {"refusal": None},
    }

    assert returned(message)["messages"] == [
        {"role": "assistant", "content": "Hi", "provider_specific_fields": {"refusal": None}}
    ]


def test_thoughts_in_the_history_come_first_and_return_under_their_own_word() -> None:
    """B11, B12"""
    for word in ("reasoning_content", "reasoning"):
        message = {"role": "assistant", "content": "High.", word: "Look it up."}
        request = parsed(message)

        first, second = request.messages[0].parts
        assert isinstance(first, Reasoning)
        assert (first.text, second) == ("Look it up.", Text(text="High."))
        assert chat.render_request(request).body["messages"] == [message]


BESIDE_CONTENT = Extras(format="openai_chat", spelling=frozenset({"beside:tool_calls"}))


def test_calls_of_both_kinds_keep_their_raw_arguments() -> None:
    """A07, A08"""
    calls = [
        {"id": "a", "type": "function", "function": {"name": "tide", "arguments": '{"port":"B'}},
        {"id": "b", "type": "function", "function": {"name": "moon", "arguments": ""}},
        {"id": "c", "type": "custom", "custom": {"name": "note", "input": "full moon"}},
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    request = parsed(message)

    assert request.messages[0].parts == (
        ToolCall(id="a", name="tide", arguments='{"port":"B', extras=BESIDE_CONTENT),
        ToolCall(id="b", name="moon", extras=BESIDE_CONTENT),
        ToolCall(id="c", name="note", arguments="full moon", freeform=True, extras=BESIDE_CONTENT),
    )
    assert chat.render_request(request).body["messages"] == [message]


def test_a_tool_message_is_a_result_with_its_media() -> None:
    """A31"""
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}
    message = {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "See"}, file]}
    request = parsed(message)

    (result,) = request.messages[0].parts
    assert isinstance(result, ToolResult)
    assert (request.messages[0].role, result.call_id) == (Role.TOOL, "a")
    assert isinstance(result.parts[1], Media)
    assert chat.render_request(request).body["messages"] == [message]


def test_media_are_read_by_kind_and_source() -> None:
    """D02, D03"""
    content = [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "file", "file": {"file_data": "JVBERi0x"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]

    media = [part for part in parsed({"role": "user", "content": content}).messages[0].parts if isinstance(part, Media)]

    assert [(part.kind, part.source) for part in media] == [
        (MediaKind.IMAGE, Url(url="https://example.com/a.png")),
        (MediaKind.IMAGE, Inline(media_type="image/png", data="iVBO")),
        (MediaKind.AUDIO, Inline(media_type="audio/wav", data="UklG")),
        (MediaKind.DOCUMENT, Inline(media_type="application/pdf", data="JVBERi0=")),
        (MediaKind.DOCUMENT, Inline(media_type="application/pdf", data="JVBERi0x")),
        (MediaKind.DOCUMENT, FileRef(format="openai_chat", id="file-1")),
    ]


def test_an_image_given_as_a_plain_string_comes_back_as_one() -> None:
    message = {"role": "user", "content": [{"type": "image_url", "image_url": "https://example.com/a.png"}]}

    assert returned(message)["messages"] == [message]


def test_an_unknown_part_is_opaque_and_comes_back_as_it_was() -> None:
    part = {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}
    request = parsed({"role": "user", "content": [part]})

    assert request.messages[0].parts == (Opaque(format="openai_chat", value=part),)
    assert chat.render_request(request).body["messages"][0]["content"] == [part]


def test_breakpoints_of_both_vendors_are_cache_points() -> None:
    content = [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "b", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ]

    first, second = parsed({"role": "user", "content": content}).messages[0].parts

    assert isinstance(first, Text)
    assert isinstance(second, Text)
    assert (first.cache, second.cache) == (CachePoint(ttl="1h"), CachePoint())


def test_a_refusal_is_understood_beside_the_content_and_in_it() -> None:
    beside = {"role": "assistant", "content": None, "refusal": "No."}
    inside = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    request = parsed(beside, inside)

    for message in request.messages:
        (part,) = message.parts
        assert isinstance(part, Refusal)
        assert part.text == "No."
    assert chat.render_request(request).body["messages"] == [beside, inside]


def test_tools_are_functions_free_forms_or_hosted() -> None:
    grammar = {"syntax": "regex", "definition": "[a-z]+"}
    tools = [
        {"type": "function", "function": {"name": "moon", "parameters": {"type": "object"}, "strict": True}},
        {"type": "custom", "custom": {"name": "note", "format": {"type": "grammar", "grammar": grammar}}},
        {"type": "browser_search", "depth": 1},
    ]
    request = parsed(tools=tools)

    assert request.tools == (
        FunctionTool(name="moon", parameters={"type": "object"}, strict=True, at="tools[0]"),
        FreeformTool(name="note", grammar=grammar, at="tools[1]"),
        HostedTool(format="openai_chat", value=tools[2], at="tools[2]"),
    )
    assert chat.render_request(request).body["tools"] == tools


@pytest.mark.parametrize(
    ("choice", "mode", "names"),
    [
        ("none", ToolMode.NONE, ()),
        ("auto", ToolMode.AUTO, ()),
        ("required", ToolMode.REQUIRED, ()),
        ("any", ToolMode.REQUIRED, ()),
        ({"type": "function", "function": {"name": "moon"}}, ToolMode.NAMED, ("moon",)),
        ({"type": "custom", "custom": {"name": "note"}}, ToolMode.NAMED, ("note",)),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "moon"}}]},
            },
            ToolMode.ALLOWED,
            ("moon",),
        ),
    ],
)
def test_every_tool_choice_is_understood_and_comes_back(choice: Any, mode: ToolMode, names: tuple[str, ...]) -> None:
    """A22"""
    request = parsed(tool_choice=choice, tools=[{"type": "function", "function": {"name": "moon"}}])

    assert request.tool_choice is not None
    assert (request.tool_choice.mode, request.tool_choice.names) == (mode, names)
    assert chat.render_request(request).body["tool_choice"] == choice


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ({"type": "text"}, OutputKind.TEXT),
        ({"type": "json_object"}, OutputKind.JSON),
        ({"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": True}}, OutputKind.SCHEMA),
        ({"type": "json_schema", "schema": {"type": "object"}}, OutputKind.SCHEMA),
    ],
)
def test_every_output_format_is_understood_and_comes_back(form: Any, kind: OutputKind) -> None:
    request = parsed(response_format=form)

    assert request.output is not None
    assert request.output.kind is kind
    assert chat.render_request(request).body["response_format"] == form


def test_unknown_fields_pass_and_null_is_absent() -> None:
    body = returned(store=True, verbosity="low", future={"a": [1]}, temperature=None, tools=None)

    assert {name: body[name] for name in body if name not in ("model", "messages")} == {
        "store": True,
        "verbosity": "low",
        "future": {"a": [1]},
    }


def test_a_stream_is_always_asked_for_its_usage_and_the_clients_wish_is_remembered() -> None:
    """G13"""
    silent = parsed(stream=True, stream_options={"include_obfuscation": False})
    asking = parsed(stream=True, stream_options={"include_usage": True})

    assert (silent.include_usage, asking.include_usage) == (False, True)
    options = chat.render_request(silent).body["stream_options"]
    assert options == {"include_obfuscation": False, "include_usage": True}


def test_legacy_functions_come_back_as_they_were() -> None:
    messages = [
        QUESTION,
        {"role": "assistant", "content": None, "function_call": {"name": "moon", "arguments": "{}"}},
        {"role": "function", "name": "moon", "content": "full"},
    ]

    body = returned(*messages, functions=[{"name": "moon"}], function_call="auto")

    assert body["messages"] == messages
    assert (body["functions"], body["function_call"]) == ([{"name": "moon"}], "auto")


def test_one_more_system_message_leaves_everything_before_it_as_it_was() -> None:
    """C01"""
    before = [{"role": "system", "content": "Brief."}, QUESTION]

    longer = returned(*before, {"role": "system", "content": "Now long."})["messages"]

    assert longer[: len(before)] == returned(*before)["messages"]
