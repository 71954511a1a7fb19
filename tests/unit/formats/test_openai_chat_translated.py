"""Requests of other wires, said in Chat Completions."""

from __future__ import annotations

from typing import Any

import pytest

from prxy.canonical.errors import UnsupportedFeature
from prxy.canonical.parts import (
    CachePoint,
    Extras,
    FileRef,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    ServerToolCall,
    Signature,
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
    Instructions,
    Message,
    ReasoningOptions,
    Role,
    Sampling,
    ToolChoice,
    ToolMode,
)
from prxy.formats import openai_chat as chat

IMAGE = Media(kind=MediaKind.IMAGE, source=Inline(media_type="image/png", data="iVBO"))
IMAGE_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}


def user(*parts: Part, at: str = "messages[0]") -> Message:
    return Message(role=Role.USER, parts=parts, at=at)


def assistant(*parts: Part) -> Message:
    return Message(role=Role.ASSISTANT, parts=parts, at="messages[1]")


def foreign(*messages: Message, **more: Any) -> ChatRequest:
    spoken = messages or (user(Text(text="Hi")),)
    return ChatRequest(format="elsewhere", model="gpt-5", messages=spoken, **more)


def messages_of(*messages: Message, **more: Any) -> Any:
    return chat.render_request(foreign(*messages, **more)).body["messages"]


def call(id_: str, arguments: str = "{}") -> ToolCall:
    return ToolCall(id=id_, name="tide", arguments=arguments)


def result(id_: str, *parts: Any, **more: Any) -> ToolResult:
    return ToolResult(call_id=id_, parts=parts, **more)


def test_results_of_two_turns_follow_their_calls_in_call_order_before_what_the_user_says() -> None:
    """A12, A14, A15"""
    said = messages_of(
        assistant(call("a"), call("b")),
        user(Text(text="Wait."), result("b", Text(text="B"))),
        user(result("a", Text(text="A")), Text(text="Now.")),
    )

    assert [(message["role"], message.get("tool_call_id"), message["content"]) for message in said] == [
        ("assistant", None, None),
        ("tool", "a", "A"),
        ("tool", "b", "B"),
        ("user", None, "Wait."),
        ("user", None, "Now."),
    ]


def test_media_of_a_result_lead_the_user_message_that_follows() -> None:
    """A30"""
    said = messages_of(assistant(call("a")), user(result("a", Text(text="See."), IMAGE), Text(text="And?")))

    assert said[1:] == [
        {"role": "tool", "tool_call_id": "a", "content": "See."},
        {"role": "user", "content": [IMAGE_PART, {"type": "text", "text": "And?"}]},
    ]


def test_a_result_of_media_alone_says_where_they_are() -> None:
    """A30, A31"""
    said = messages_of(assistant(call("a")), user(result("a", IMAGE)))

    assert said[1]["content"] == "The result is the media in the next message."
    assert said[2] == {"role": "user", "content": [IMAGE_PART]}


def test_a_failed_result_keeps_its_text_and_declares_the_lost_mark() -> None:
    request = foreign(assistant(call("a")), user(result("a", Text(text="boom"), is_error=True), at="messages[2]"))

    rendered = chat.render_request(request)

    assert rendered.body["messages"][1]["content"] == "boom"
    assert [loss.field for loss in rendered.losses] == ["messages[2].is_error"]


def test_a_call_without_arguments_says_an_empty_object() -> None:
    """A07"""
    said = messages_of(assistant(call("a", "")))

    assert said[0]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert said[0]["content"] is None


def test_long_ids_are_shortened_alike_in_call_and_result_and_stay_different() -> None:
    """A19"""
    first, second = "x" * 80 + "|1", "x" * 80 + "|2"

    said = messages_of(
        assistant(call(first), call(second)), user(result(first, Text(text="1")), result(second, Text(text="2")))
    )

    ids = [made["id"] for made in said[0]["tool_calls"]]
    assert ids == [message["tool_call_id"] for message in said[1:]]
    assert len(set(ids)) == 2
    assert all(len(id_) <= 64 for id_ in ids)


def test_thoughts_go_back_only_to_compatible_vendors_and_never_into_text() -> None:
    """B11, B12"""
    signature = Signature(format="elsewhere", value="s")
    request = foreign(assistant(Reasoning(text="Hm.", signature=signature), Text(text="Yes."), call("a")))

    openai = chat.render_request(request).body["messages"][0]
    vendor = chat.render_compatible_request(request).body["messages"][0]

    assert "reasoning_content" not in openai
    assert vendor["reasoning_content"] == "Hm."
    assert openai["content"] == vendor["content"] == "Yes."
    assert chat.render_request(request).losses == ()


def test_empty_texts_are_dropped_and_messages_of_nothing_else_too() -> None:
    """C05"""
    said = messages_of(user(Text(text="")), assistant(Text(text=""), call("a")), user(Text(text=""), Text(text="So?")))

    assert [message["content"] for message in said] == [None, "So?"]


def test_vendors_get_the_older_words() -> None:
    """C04"""
    instructions = Instructions(role=Role.DEVELOPER, parts=(Text(text="Brief."), Text(text="Calm.")), at="system")
    request = foreign(instructions=instructions, sampling=Sampling(max_output_tokens=9))

    openai, vendor = chat.render_request(request).body, chat.render_compatible_request(request).body

    assert openai["messages"][0]["role"] == "developer"
    assert [part["text"] for part in openai["messages"][0]["content"]] == ["Brief.", "Calm."]
    assert vendor["messages"][0] == {"role": "system", "content": "Brief.\n\nCalm."}
    assert (openai["max_completion_tokens"], vendor["max_tokens"]) == (9, 9)


def test_documents_go_inline_as_files_with_a_name() -> None:
    """D02"""
    pdf = Media(kind=MediaKind.DOCUMENT, source=Inline(media_type="application/pdf", data="JVBERi0="), name="tides")
    text = Media(kind=MediaKind.DOCUMENT, source=Inline(media_type="text/plain", data="é", is_text=True))

    content = messages_of(user(pdf, text))[0]["content"]

    assert content == [
        {"type": "file", "file": {"filename": "tides.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "file", "file": {"filename": "document.txt", "file_data": "data:text/plain;base64,w6k="}},
    ]


@pytest.mark.parametrize(
    "part",
    [
        Media(kind=MediaKind.VIDEO, source=Inline(media_type="video/mp4", data="AA")),
        Media(kind=MediaKind.AUDIO, source=Url(url="https://example.com/a.wav")),
        Media(kind=MediaKind.DOCUMENT, source=Url(url="https://example.com/a.pdf")),
        Media(kind=MediaKind.IMAGE, source=FileRef(format="elsewhere", id="f")),
        Media(kind=MediaKind.DOCUMENT, source=FileRef(format="elsewhere", id="f")),
        Opaque(format="elsewhere", value={"type": "odd"}),
    ],
)
def test_content_that_the_wire_lacks_is_refused_by_its_place(part: Part) -> None:
    """D07"""
    with pytest.raises(UnsupportedFeature) as caught:
        messages_of(user(Text(text="See"), part, at="messages[4]"))

    assert (caught.value.param, caught.value.code) == ("messages[4].content[1]", "unsupported_content")
    assert "'messages[4].content[1]' is " in caught.value.message


def test_work_of_another_providers_tools_is_refused() -> None:
    with pytest.raises(UnsupportedFeature):
        messages_of(assistant(ServerToolCall(format="elsewhere", id="s", name="search")))


def test_a_hosted_tool_of_another_provider_is_refused_as_a_parameter() -> None:
    """A35"""
    tool = HostedTool(format="elsewhere", value={"type": "web_search"}, at="tools[1]")

    with pytest.raises(UnsupportedFeature) as caught:
        chat.render_request(foreign(tools=(tool,)))

    assert (caught.value.param, caught.value.code) == ("tools[1]", "unsupported_parameter")


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (ToolChoice(mode=ToolMode.AUTO), "auto"),
        (ToolChoice(mode=ToolMode.NONE), "none"),
        (ToolChoice(mode=ToolMode.REQUIRED), "required"),
        (ToolChoice(mode=ToolMode.NAMED, names=("moon",)), {"type": "function", "function": {"name": "moon"}}),
        (ToolChoice(mode=ToolMode.NAMED, names=("note",)), {"type": "custom", "custom": {"name": "note"}}),
        (
            ToolChoice(mode=ToolMode.ALLOWED, names=("moon",)),
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "moon"}}]},
            },
        ),
    ],
)
def test_every_tool_choice_has_a_form(choice: ToolChoice, said: Any) -> None:
    """A22"""
    tools = (FunctionTool(name="moon"), FreeformTool(name="note"))

    assert chat.render_request(foreign(tools=tools, tool_choice=choice)).body["tool_choice"] == said


def test_knobs_without_a_place_are_declared() -> None:
    request = foreign(
        user(Text(text="Hi", cache=CachePoint())),
        sampling=Sampling(top_k=5, temperature=0.3),
        reasoning=ReasoningOptions(budget_tokens=2048),
        metadata={"a": "b"},
        service_tier="standard_only",
        user="u-1",
        extras=Extras(format="elsewhere", fields={"container": "c"}),
    )

    rendered = chat.render_request(request)

    assert {loss.field for loss in rendered.losses} == {
        "sampling.top_k",
        "reasoning.budget_tokens",
        "metadata",
        "service_tier",
        "container",
        "messages[0].cache_control",
    }
    assert {name: rendered.body[name] for name in rendered.body if name not in ("model", "messages")} == {
        "temperature": 0.3,
        "user": "u-1",
    }


def test_effort_is_said_in_the_wires_word() -> None:
    rendered = chat.render_request(foreign(reasoning=ReasoningOptions(effort="high", budget_tokens=4096)))

    assert rendered.body["reasoning_effort"] == "high"
    assert rendered.losses == ()
