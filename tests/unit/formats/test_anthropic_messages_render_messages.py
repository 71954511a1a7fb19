"""Conversations of other formats -> bodies for Anthropic: thoughts, turns, media."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.unit.formats.anthropic_requests import assistant, body, call, losses, request, result, said, turns

from prxy.canonical.errors import InvalidRequest, UnsupportedFeature
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
    Signature,
    Text,
    ToolResult,
    Url,
)
from prxy.canonical.request import (
    ChatRequest,
    Instructions,
    Message,
    ReasoningMode,
    ReasoningOptions,
    Role,
    Sampling,
)
from prxy.formats.anthropic_messages import NAME, render_request


def test_signed_thoughts_are_replayed_in_their_order_and_untouched() -> None:
    """B05, B06, B07, B08."""
    thoughts = (
        Reasoning(text="One. ", signature=Signature(format=NAME, value="s1")),
        Reasoning(redacted=True, signature=Signature(format=NAME, value="r1")),
        Reasoning(signature=Signature(format=NAME, value="s2")),
    )

    made = body(said("Go."), assistant(*thoughts, call("a")), result("a", "1"))

    assert made["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "One. ", "signature": "s1"},
        {"type": "redacted_thinking", "data": "r1"},
        {"type": "thinking", "thinking": "", "signature": "s2"},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
    ]


def test_thoughts_that_the_provider_did_not_sign_are_left_out_and_named() -> None:
    """B12: they never become text of the user."""
    unsigned = assistant(
        Reasoning(text="Hm."), Reasoning(text="Hm!", signature=Signature(format="elsewhere", value="s")), "Yes."
    )

    made = request(said("Go."), unsigned, said("Why?"))

    assert render_request(made).body["messages"][1]["content"] == [{"type": "text", "text": "Yes."}]
    assert losses(made) == ["messages[1].reasoning"]


@pytest.mark.parametrize(
    ("options", "thinking", "config"),
    [
        (ReasoningOptions(mode=ReasoningMode.OFF, effort="none"), {"type": "disabled"}, None),
        (
            ReasoningOptions(mode=ReasoningMode.ON, budget_tokens=2048, effort="medium"),
            {"type": "enabled", "budget_tokens": 2048},
            None,
        ),
        (ReasoningOptions(mode=ReasoningMode.ON, budget_tokens=-1), {"type": "adaptive"}, None),
        (ReasoningOptions(mode=ReasoningMode.ADAPTIVE, effort="low"), {"type": "adaptive"}, {"effort": "low"}),
        (
            ReasoningOptions(mode=ReasoningMode.ADAPTIVE, include=True),
            {"type": "adaptive", "display": "summarized"},
            None,
        ),
        (ReasoningOptions(mode=ReasoningMode.ADAPTIVE, include=False), {"type": "adaptive"}, None),
        (ReasoningOptions(effort="high"), None, {"effort": "high"}),
    ],
    ids=["off", "budget", "dynamic", "adaptive", "shown", "not shown", "effort"],
)
def test_reasoning_is_said_as_the_layer_above_chose(options: ReasoningOptions, thinking: Any, config: Any) -> None:
    """B13, B17."""
    made = body(reasoning=options)

    assert (made.get("thinking"), made.get("output_config")) == (thinking, config)


def test_later_system_messages_stay_at_their_place_in_the_turn_of_the_user() -> None:
    """C01, C02, C04."""
    made = body(
        said("One."),
        said("Be kind.", role=Role.SYSTEM),
        assistant("Two."),
        said("Be quick.", role=Role.DEVELOPER),
        assistant("Three."),
        instructions=Instructions(role=Role.SYSTEM, parts=(Text(text="Rules."),)),
    )

    assert made["system"] == "Rules."
    assert [(turn["role"], [block["text"] for block in turn["content"]]) for turn in made["messages"]] == [
        ("user", ["One.", "Be kind."]),
        ("assistant", ["Two."]),
        ("user", ["Be quick."]),
        ("assistant", ["Three."]),
    ]


def test_a_system_message_added_at_the_end_changes_nothing_before_it() -> None:
    """C01."""
    rules = Instructions(role=Role.SYSTEM, parts=(Text(text="Rules."),))
    before = body(said("One."), assistant("Two."), said("Three."), instructions=rules)

    after = body(said("One."), assistant("Two."), said("Three."), said("Hurry.", role=Role.SYSTEM), instructions=rules)

    assert after["system"] == before["system"]
    assert after["messages"][:2] == before["messages"][:2]
    assert after["messages"][2]["content"][:1] == before["messages"][2]["content"]


@pytest.mark.parametrize("blank", ["", " \n"])
def test_no_blank_text_reaches_the_provider(blank: str) -> None:
    """C05."""
    made = body(
        said(blank, "Go."),
        assistant(blank, call("a")),
        result("a", blank),
        assistant(blank),
        said("On."),
        instructions=Instructions(role=Role.SYSTEM, parts=(Text(text=blank),)),
    )

    assert "system" not in made
    assert made["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Go."}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}, {"type": "text", "text": "On."}]},
    ]


def test_neighbours_of_one_role_become_one_turn_and_nothing_is_put_between() -> None:
    """C06."""
    made = turns(said("1"), said("2"), assistant("3"), assistant("4"), said("5"))

    assert made == [("user", ["1", "2"]), ("assistant", ["3", "4"]), ("user", ["5"])]


@pytest.mark.parametrize("messages", [(), (Message(role=Role.USER, parts=(Text(text=" "),)),)], ids=["none", "blank"])
def test_a_request_that_says_nothing_is_refused(messages: tuple[Message, ...]) -> None:
    """C07."""
    rules = Instructions(role=Role.SYSTEM, parts=(Text(text="Rules."),))
    made = ChatRequest(
        format="elsewhere",
        model="m",
        messages=messages,
        instructions=rules,
        sampling=Sampling(max_output_tokens=1),
    )

    with pytest.raises(InvalidRequest) as caught:
        render_request(made)

    assert caught.value.param == "messages"


def test_blanks_at_the_end_of_a_prefill_are_trimmed() -> None:
    """C09."""
    assert turns(said("Go."), assistant("Answer: \n"))[-1] == ("assistant", ["Answer:"])


def test_the_name_of_a_participant_is_reported_as_lost() -> None:
    """C11."""
    made = request(Message(role=Role.USER, parts=(Text(text="Hi."),), name="ann"))

    assert losses(made) == ["messages[0].name"]


def test_fields_of_another_dialect_are_reported_and_not_sent() -> None:
    """C13, C14."""
    made = request(cache_key="k", extras=Extras(format="elsewhere", fields={"logit_bias_type": "x"}))

    rendered = render_request(made)

    assert [loss.field for loss in rendered.losses] == ["logit_bias_type", "cache_key"]
    assert set(rendered.body) == {"model", "messages", "max_tokens"}


def test_system_parts_keep_their_order_and_their_breakpoint() -> None:
    """C17, I12."""
    parts = (Text(text="A"), Text(text="B", cache=CachePoint(ttl="1h")), Text(text="C"))

    made = body(instructions=Instructions(role=Role.SYSTEM, parts=parts))

    assert made["system"] == [
        {"type": "text", "text": "A"},
        {"type": "text", "text": "B", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "C"},
    ]


def test_breakpoints_on_messages_and_results_are_kept() -> None:
    """I12."""
    answered = said(ToolResult(call_id="a", parts=(Text(text="1"),), cache=CachePoint()), role=Role.TOOL)

    made = body(said(Text(text="Go.", cache=CachePoint())), assistant(call("a")), answered)

    assert made["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert made["messages"][2]["content"][0]["cache_control"] == {"type": "ephemeral"}


def test_a_document_arrives_with_the_same_bytes() -> None:
    """D02."""
    pdf = Media(kind=MediaKind.DOCUMENT, source=Inline(media_type="application/pdf", data="JVBERi0="))

    assert body(said(pdf))["messages"][0]["content"] == [
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
    ]


def test_a_text_file_is_sent_as_plain_text() -> None:
    data = base64.b64encode("a,b\n1,ü".encode()).decode()
    table = Media(kind=MediaKind.DOCUMENT, source=Inline(media_type="text/csv", data=data), name="t.csv")

    assert body(said(table))["messages"][0]["content"] == [
        {
            "type": "document",
            "title": "t.csv",
            "source": {"type": "text", "media_type": "text/plain", "data": "a,b\n1,ü"},
        }
    ]


def test_an_image_by_address_is_left_for_the_provider_to_fetch() -> None:
    """D04."""
    image = Media(kind=MediaKind.IMAGE, source=Url(url="https://example.com/a.png"))

    made = body(said(image))

    assert made["messages"][0]["content"][0]["source"] == {"type": "url", "url": "https://example.com/a.png"}


@pytest.mark.parametrize(
    "part",
    [
        Media(kind=MediaKind.AUDIO, source=Inline(media_type="audio/wav", data="AA")),
        Media(kind=MediaKind.VIDEO, source=Url(url="https://example.com/a.mp4")),
        Media(kind=MediaKind.IMAGE, source=Inline(media_type="image/tiff", data="AA")),
        Media(kind=MediaKind.IMAGE, source=Url(url="gs://bucket/a.png")),
        Media(kind=MediaKind.IMAGE, source=FileRef(format="elsewhere", id="file-1")),
        Media(kind=MediaKind.DOCUMENT, source=Inline(media_type="application/msword", data="AA")),
        Media(kind=MediaKind.DOCUMENT, source=Inline(media_type="text/plain", data="//8=")),
        Opaque(format="elsewhere", value={"type": "novelty"}),
    ],
    ids=["audio", "video", "tiff", "bucket", "file", "word", "not UTF-8", "opaque"],
)
def test_what_no_block_can_hold_is_refused_naming_the_part_and_what_works(part: Part) -> None:
    """D07."""
    with pytest.raises(UnsupportedFeature) as caught:
        body(said("Hear:", part))

    assert (caught.value.param, caught.value.code) == ("messages[0].content[1]", "unsupported_content")
    assert "'messages[0].content[1]' is " in caught.value.message
    assert "use text" in caught.value.message
