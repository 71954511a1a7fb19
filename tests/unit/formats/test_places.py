"""Errors about a part name its place in the client's own body, whichever wire refuses it."""

from __future__ import annotations

from typing import Any

import pytest

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import Media, MediaKind, Text, Url
from prxy.canonical.request import ChatRequest, Message, Role, Sampling
from prxy.formats import FORMATS
from prxy.formats.places import part_path

VIDEO = {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}
ODD = {"type": "novelty", "value": 1}
CALL = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
BROKEN = {"id": "b", "type": "function", "function": {"name": "look", "arguments": '{"at'}}


def chat(*messages: Any) -> tuple[str, Any, dict[str, str]]:
    return "openai_chat", {"model": "m", "max_tokens": 9, "messages": list(messages)}, {}


def anthropic(*messages: Any, **more: Any) -> tuple[str, Any, dict[str, str]]:
    return "anthropic_messages", {"model": "m", "max_tokens": 9, "messages": list(messages), **more}, {}


def gemini(*contents: Any, **more: Any) -> tuple[str, Any, dict[str, str]]:
    return "gemini_generate", {"contents": list(contents), **more}, {"model": "m", "method": "generateContent"}


def said(role: str, *content: Any, **more: Any) -> Any:
    return {"role": role, "content": [{"type": "text", "text": "See:"}, *content], **more}


TOOL_USE = {"type": "tool_use", "id": "a", "name": "look", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "See:"}, ODD]}
ODD_PART = {"novelty": {"value": 1}}
PLACES = {
    "chat, content": (chat(said("user"), said("user", VIDEO)), "messages[1].content[1]"),
    "chat, system": (chat(said("system", VIDEO), said("user")), "messages[0].content[1]"),
    "chat, after thoughts": (
        chat(said("user"), said("assistant", VIDEO, reasoning_content="Hm.")),
        "messages[1].content[1]",
    ),
    "chat, tool result": (
        chat(
            said("user"),
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            said("tool", VIDEO, tool_call_id="a"),
        ),
        "messages[2].content[1]",
    ),
    "anthropic, content": (anthropic(said("user", ODD)), "messages[0].content[1]"),
    "anthropic, tool result": (
        anthropic(said("user"), said("assistant", TOOL_USE), {"role": "user", "content": [RESULT]}),
        "messages[2].content[0].content[1]",
    ),
    "anthropic, system": (anthropic(said("user"), system=[{"type": "text", "text": "Be."}, ODD]), "system[1]"),
    "gemini, part": (gemini({"role": "user", "parts": [{"text": "See:"}, ODD_PART]}), "contents[0].parts[1]"),
    "gemini, system": (
        gemini(
            {"role": "user", "parts": [{"text": "Go."}]},
            systemInstruction={"parts": [{"text": "Be."}, ODD_PART]},
        ),
        "systemInstruction.parts[1]",
    ),
}


@pytest.mark.parametrize("target", ["openai_chat", "anthropic_messages", "gemini_generate"])
@pytest.mark.parametrize(("asked", "path"), PLACES.values(), ids=PLACES)
def test_content_that_a_wire_lacks_is_refused_by_its_place(
    asked: tuple[str, Any, dict[str, str]], path: str, target: str
) -> None:
    name, body, route = asked
    if name == target:
        pytest.skip("A format says everything of its own.")
    request = FORMATS[name].parse_request(body, route)

    with pytest.raises(InvalidRequest) as refusal:
        FORMATS[target].render_request(request)

    assert (refusal.value.param, refusal.value.code) == (path, "unsupported_content")
    assert refusal.value.message.startswith(f"'{path}' ")


@pytest.mark.parametrize("target", ["anthropic_messages", "gemini_generate"])
def test_a_broken_call_is_refused_by_its_place_among_the_calls(target: str) -> None:
    name, body, route = chat(said("user"), {"role": "assistant", "content": "Hm.", "tool_calls": [CALL, BROKEN]})
    request = FORMATS[name].parse_request(body, route)

    with pytest.raises(InvalidRequest, match="'b' of 'look'") as refusal:
        FORMATS[target].render_request(request)

    assert (refusal.value.param, refusal.value.code) == ("messages[1].tool_calls[1]", "invalid_value")


def test_a_part_that_no_client_sent_is_in_the_messages() -> None:
    made = Media(kind=MediaKind.VIDEO, source=Url(url="https://example.com/a.mp4"))
    message = Message(role=Role.USER, parts=(Text(text="Hi."),), at="messages[0]")
    request = ChatRequest(format="elsewhere", model="m", messages=(message,), sampling=Sampling(max_output_tokens=9))

    assert part_path(request, made) == "messages"
