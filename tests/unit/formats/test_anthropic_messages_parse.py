"""A client's Anthropic Messages body -> the canonical request."""

from __future__ import annotations

from typing import Any

import pytest

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import CachePoint, Inline, Opaque, Reasoning, Signature, Text, ToolCall, ToolResult
from prxy.canonical.request import ChatRequest, FunctionTool, HostedTool, ReasoningMode, Role, ToolMode
from prxy.formats.anthropic_messages import NAME, parse_request, render_request


def body(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "max_tokens": 64,
        "messages": list(messages) or [{"role": "user", "content": "Hi."}],
        **fields,
    }


def parsed(*messages: Any, **fields: Any) -> ChatRequest:
    return parse_request(body(*messages, **fields), {})


def blocks(*content: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(content)}


def test_a_string_and_a_list_of_one_text_mean_the_same_and_are_given_back_as_they_came() -> None:
    said = parsed({"role": "user", "content": "Hi."}, blocks({"type": "text", "text": "Hi."}))

    first, second = said.messages
    assert first.parts == second.parts == (Text(text="Hi."),)
    assert [message["content"] for message in render_request(said).body["messages"]] == [
        "Hi.",
        [{"type": "text", "text": "Hi."}],
    ]


def test_a_part_that_changed_on_the_way_is_said_as_a_block_where_a_string_cannot_say_it() -> None:
    said = parsed()
    message = said.messages[0]
    marked = type(message)(
        role=message.role, parts=(Text(text="Hi.", cache=CachePoint(ttl="1h")),), extras=message.extras
    )

    rendered = render_request(ChatRequest(format=NAME, model="m", messages=(marked,)))

    block = {"type": "text", "text": "Hi.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert rendered.body["messages"] == [{"role": "user", "content": [block]}]


def test_system_is_the_instructions_and_a_system_message_stays_at_its_place() -> None:
    """C02: a system entry among the messages is not lost."""
    said = parsed(
        {"role": "user", "content": "One."},
        {"role": "system", "content": "Hurry."},
        blocks({"type": "tool_addition", "tool": {"name": "t"}}, role="system"),
        system="Be brief.",
    )

    assert said.instructions is not None
    assert (said.instructions.role, said.instructions.position) == (Role.SYSTEM, 0)
    assert said.instructions.parts == (Text(text="Be brief."),)
    assert [message.role for message in said.messages] == [Role.USER, Role.SYSTEM, Role.SYSTEM]
    assert said.messages[2].parts == (Opaque(format=NAME, value={"type": "tool_addition", "tool": {"name": "t"}}),)


def test_the_input_of_a_call_becomes_compact_json_text() -> None:
    said = parsed(
        blocks({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [1, 2.5, None]}}, role="assistant")
    )

    assert said.messages[0].parts == (ToolCall(id="toolu_1", name="f", arguments='{"a":[1,2.5,null]}'),)


def test_a_result_keeps_its_error_flag_and_its_parts() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    said = parsed(blocks({"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True, "content": [image]}))

    (result,) = said.messages[0].parts
    assert isinstance(result, ToolResult)
    assert (result.call_id, result.is_error) == ("toolu_1", True)
    assert [getattr(part, "source", None) for part in result.parts] == [Inline(media_type="image/png", data="AAAA")]


def test_thoughts_carry_the_signature_of_this_format() -> None:
    """B06, B08: an empty text with a signature is kept, and a hidden thought is not a thought with text."""
    said = parsed(
        blocks(
            {"type": "thinking", "thinking": "", "signature": "czE="},
            {"type": "redacted_thinking", "data": "cmVk"},
            role="assistant",
        )
    )

    assert said.messages[0].parts == (
        Reasoning(signature=Signature(format=NAME, value="czE=")),
        Reasoning(redacted=True, signature=Signature(format=NAME, value="cmVk")),
    )


def test_tools_of_the_client_and_tools_of_the_provider_are_told_apart() -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    said = parsed(
        tools=[{"name": "f", "input_schema": {"type": "object"}, "strict": True, "defer_loading": True}, search]
    )

    function, hosted = said.tools
    assert isinstance(function, FunctionTool)
    assert (function.name, function.strict, function.at) == ("f", True, "tools[0]")
    assert hosted == HostedTool(format=NAME, value=search, at="tools[1]")


@pytest.mark.parametrize(
    ("choice", "mode", "names", "parallel"),
    [
        ({"type": "auto"}, ToolMode.AUTO, (), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolMode.REQUIRED, (), False),
        ({"type": "tool", "name": "f"}, ToolMode.NAMED, ("f",), None),
        ({"type": "none"}, ToolMode.NONE, (), None),
    ],
    ids=["auto", "any", "tool", "none"],
)
def test_tool_choice_is_read_by_the_table(choice: Any, mode: ToolMode, names: Any, parallel: bool | None) -> None:
    """A22."""
    said = parsed(tools=[{"name": "f", "input_schema": {}}], tool_choice=choice)

    assert said.tool_choice is not None
    assert (said.tool_choice.mode, said.tool_choice.names, said.parallel_tool_calls) == (mode, names, parallel)


def test_thinking_and_effort_become_reasoning() -> None:
    budget = parsed(thinking={"type": "enabled", "budget_tokens": 2048}).reasoning
    adaptive = parsed(thinking={"type": "adaptive", "display": "omitted"}, output_config={"effort": "high"}).reasoning

    assert budget is not None and adaptive is not None
    assert (budget.mode, budget.budget_tokens) == (ReasoningMode.ON, 2048)
    assert (adaptive.mode, adaptive.effort, adaptive.include) == (ReasoningMode.ADAPTIVE, "high", False)


def test_the_user_is_what_metadata_says_whatever_it_is() -> None:
    """C16: some clients put a JSON text there."""
    said = parsed(metadata={"user_id": '{"device_id":"0"}'})

    assert said.user == '{"device_id":"0"}'
    assert said.metadata is None


def test_unknown_nulls_and_objects_in_a_message_are_no_fault() -> None:
    """C12: a client may echo what another library put there."""
    message = {"role": "assistant", "content": "Hi.", "thinking_blocks": None, "provider_specific_fields": {"x": 1}}

    rendered = render_request(parsed(message)).body["messages"][0]

    assert rendered == {"role": "assistant", "content": "Hi.", "provider_specific_fields": {"x": 1}}


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"max_tokens": None}, "max_tokens", "missing_field"),
        ({"max_tokens": "64"}, "max_tokens", "invalid_type"),
        ({"model": None}, "model", "missing_field"),
        ({"messages": []}, "messages", "missing_field"),
        ({"messages": "Hi."}, "messages", "invalid_type"),
        ({"messages": ["Hi."]}, "messages[0]", "invalid_type"),
        ({"messages": [{"content": "Hi."}]}, "messages[0].role", "missing_field"),
        ({"messages": [{"role": "tool", "content": "Hi."}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_field"),
        # C10: one block in place of a list of blocks
        ({"messages": [{"role": "user", "content": {"type": "text"}}]}, "messages[0].content", "invalid_type"),
        ({"messages": [blocks({"text": "Hi."})]}, "messages[0].content[0].type", "missing_field"),
        ({"messages": [blocks({"type": "text"})]}, "messages[0].content[0].text", "missing_field"),
        ({"messages": [blocks({"type": "image"})]}, "messages[0].content[0].source", "missing_field"),
        (
            {"messages": [blocks({"type": "image", "source": {"type": "base64", "data": "AA"}})]},
            "messages[0].content[0].source.media_type",
            "missing_field",
        ),
        ({"messages": [blocks({"type": "tool_use", "id": "1", "name": "f"})]}, "messages[0].content[0].input", None),
        ({"messages": [blocks({"type": "tool_result"})]}, "messages[0].content[0].tool_use_id", "missing_field"),
        ({"system": 3}, "system", "invalid_type"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"stop_sequences": [1]}, "stop_sequences[0]", "invalid_type"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema", "missing_field"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.type", "invalid_value"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name", "missing_field"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens", "missing_field"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema", "missing_field"),
        ({"api_base": "https://example.com"}, "api_base", "unsupported_field"),
    ],
)
def test_a_fault_is_named_by_its_path(fields: dict[str, Any], param: str, code: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(body(**fields), {})

    assert caught.value.param == param
    assert caught.value.code == (code or "missing_field")
    assert param in caught.value.message
