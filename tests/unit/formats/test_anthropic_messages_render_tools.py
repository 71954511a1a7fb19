"""Tools and their results in requests of other formats -> bodies for Anthropic."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.formats.anthropic_requests import F, G, assistant, body, call, result, said, turns

from prxy.canonical.errors import InvalidRequest, UnsupportedFeature
from prxy.canonical.parts import (
    CachePoint,
    Inline,
    Media,
    MediaKind,
    Text,
    ToolResult,
)
from prxy.canonical.request import (
    FreeformTool,
    FunctionTool,
    HostedTool,
    ReasoningMode,
    ReasoningOptions,
    Role,
    ToolChoice,
    ToolMode,
)


@pytest.mark.parametrize("arguments", ["", "{}", "  "])
def test_a_call_of_the_past_without_arguments_has_an_empty_input(arguments: str) -> None:
    """A07."""
    made = body(said("Go."), assistant(call("c1", arguments)), result("c1", "ok"))

    assert made["messages"][1]["content"][0]["input"] == {}


@pytest.mark.parametrize("arguments", ['{"path":"a', "[1]", "NaN", '"text"'])
def test_malformed_arguments_of_the_past_are_refused_by_name(arguments: str) -> None:
    """A08."""
    with pytest.raises(InvalidRequest) as caught:
        body(said("Go."), assistant(call("call_7", arguments)), result("call_7", "ok"))

    assert caught.value.param == "messages[1].content[0]"
    assert "messages[1]" in caught.value.message
    assert "call_7" in caught.value.message


def test_results_that_came_apart_are_one_turn() -> None:
    """A13."""
    made = turns(
        said("Go."), assistant(call("a"), call("b"), call("c")), result("a", "1"), result("b", "2"), result("c", "3")
    )

    assert made == [
        ("user", ["Go."]),
        ("assistant", [("call", "a"), ("call", "b"), ("call", "c")]),
        ("user", [("result", "a"), ("result", "b"), ("result", "c")]),
    ]


def test_results_stand_before_text_and_media_of_their_turn() -> None:
    """A15."""
    image = Media(kind=MediaKind.IMAGE, source=Inline(media_type="image/png", data="AAAA"))
    made = turns(
        said("Go."), assistant(call("a")), said("See:", ToolResult(call_id="a", parts=(Text(text="1"),)), image)
    )

    assert made[2] == ("user", [("result", "a"), "See:", "image"])


def test_a_call_without_a_result_gets_an_error_for_one() -> None:
    """A16."""
    made = body(said("Go."), assistant(call("a"), call("b")), result("a", "1"), said("Well?"))

    a, b, text = made["messages"][2]["content"]
    assert (a["tool_use_id"], b["tool_use_id"], text["text"]) == ("a", "b", "Well?")
    assert "is_error" not in a
    assert b["is_error"] is True


def test_a_conversation_that_ends_in_a_call_ends_in_its_missing_result() -> None:
    """A16."""
    assert turns(said("Go."), assistant(call("a")))[-1] == ("user", [("result", "a")])


def test_a_result_whose_call_is_unknown_becomes_text_of_the_user() -> None:
    """A17."""
    made = turns(said("Go."), assistant("Fine."), result("gone", "42"), said("And?"))

    assert made[2] == ("user", ["Result of the tool call gone:", "42", "And?"])


def test_a_second_result_of_one_call_becomes_text() -> None:
    made = turns(said("Go."), assistant(call("a")), result("a", "1"), result("a", "2"))

    assert made[2] == ("user", [("result", "a"), "Result of the tool call a:", "2"])


def test_long_and_odd_ids_get_safe_ones_for_call_and_result_alike() -> None:
    """A19."""
    one, two = "call|" + "x" * 85 + "1", "call|" + "x" * 85 + "2"

    made = body(said("Go."), assistant(call(one), call(two)), result(one, "1"), result(two, "2"))

    called = [block["id"] for block in made["messages"][1]["content"]]
    answered = [block["tool_use_id"] for block in made["messages"][2]["content"]]
    assert called == answered
    assert len(set(called)) == 2
    assert all(len(one) <= 64 and one.replace("_", "").replace("-", "").isalnum() for one in called)


def test_a_safe_id_is_left_alone() -> None:
    """A19."""
    made = turns(said("Go."), assistant(call("call_AbC-1")), result("call_AbC-1", "1"))

    assert made[1] == ("assistant", [("call", "call_AbC-1")])


def test_a_tool_whose_name_the_wire_lacks_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        body(tools=(FunctionTool(name="server/read file", at="tools[0]"),))

    assert (caught.value.param, caught.value.code) == ("tools[0]", "unsupported_parameter")
    assert "server/read file" in caught.value.message


def test_a_bad_name_that_a_model_once_made_up_does_not_block_the_conversation() -> None:
    """A21."""
    made = body(said("Go."), assistant(call("a", name="a.b")), result("a", "no such tool"))

    assert made["messages"][1]["content"][0]["name"] == "a_b"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(mode=ToolMode.AUTO), {"type": "auto"}),
        (ToolChoice(mode=ToolMode.NONE), {"type": "none"}),
        (ToolChoice(mode=ToolMode.REQUIRED), {"type": "any"}),
        (ToolChoice(mode=ToolMode.NAMED, names=("f",)), {"type": "tool", "name": "f"}),
        (None, None),
    ],
    ids=["auto", "none", "required", "named", "absent"],
)
def test_tool_choice_is_said_by_the_table(choice: ToolChoice | None, expected: Any) -> None:
    """A22."""
    assert body(tools=(F, G), tool_choice=choice).get("tool_choice") == expected


@pytest.mark.parametrize(("mode", "word"), [(ToolMode.ALLOWED, "auto"), (ToolMode.ALLOWED_REQUIRED, "any")])
def test_allowed_tools_are_the_only_ones_offered(mode: ToolMode, word: str) -> None:
    """A22."""
    made = body(tools=(F, G), tool_choice=ToolChoice(mode=mode, names=("g",)))

    assert ([tool["name"] for tool in made["tools"]], made["tool_choice"]) == (["g"], {"type": word})


def test_a_forced_call_of_no_tool_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="tool_choice"):
        body(tool_choice=ToolChoice(mode=ToolMode.REQUIRED))


def test_a_forced_call_with_a_thinking_budget_is_refused_naming_both() -> None:
    """A24."""
    with pytest.raises(InvalidRequest) as caught:
        body(
            tools=(F,),
            tool_choice=ToolChoice(mode=ToolMode.REQUIRED),
            reasoning=ReasoningOptions(mode=ReasoningMode.ON, budget_tokens=1024),
        )

    assert caught.value.param == "tool_choice"
    assert "tool_choice" in caught.value.message
    assert "reasoning" in caught.value.message


def test_a_forced_call_goes_with_adaptive_thinking() -> None:
    """A24."""
    made = body(
        tools=(F,),
        tool_choice=ToolChoice(mode=ToolMode.REQUIRED),
        reasoning=ReasoningOptions(mode=ReasoningMode.ADAPTIVE, effort="high"),
    )

    assert (made["tool_choice"], made["thinking"]) == ({"type": "any"}, {"type": "adaptive"})
    assert made["output_config"] == {"effort": "high"}


def test_parallel_calls_are_disabled_without_a_choice_too() -> None:
    """A25."""
    made = body(tools=(F,), parallel_tool_calls=False)

    assert made["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_parallel_calls_are_the_default_and_mean_nothing_without_tools() -> None:
    """A25."""
    assert "tool_choice" not in body(tools=(F,), parallel_tool_calls=True)
    assert "tool_choice" not in body(parallel_tool_calls=False)


def test_media_in_a_result_stay_in_the_result() -> None:
    """A30, A31."""
    pdf = Media(kind=MediaKind.DOCUMENT, source=Inline(media_type="application/pdf", data="JVBE"), name="a.pdf")
    image = Media(kind=MediaKind.IMAGE, source=Inline(media_type="image/png", data="AAAA"))
    answered = said(ToolResult(call_id="a", parts=(Text(text="See"), image, pdf)), role=Role.TOOL)

    made = body(said("Go."), assistant(call("a")), answered)

    assert made["messages"][2]["content"][0]["content"] == [
        {"type": "text", "text": "See"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {
            "type": "document",
            "title": "a.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
        },
    ]


def test_a_tool_without_a_schema_gets_the_empty_one_and_keeps_what_it_said() -> None:
    """I12: a breakpoint on a tool."""
    tool = FunctionTool(name="f", description="Does.", strict=True, cache=CachePoint())

    assert body(tools=(tool,))["tools"] == [
        {
            "name": "f",
            "description": "Does.",
            "input_schema": {"type": "object", "properties": {}},
            "strict": True,
            "cache_control": {"type": "ephemeral"},
        }
    ]


@pytest.mark.parametrize(
    "tool",
    [FreeformTool(name="p", at="tools[0]"), HostedTool(format="elsewhere", value={"type": "search"}, at="tools[0]")],
    ids=["free-form", "hosted"],
)
def test_a_tool_that_the_wire_lacks_is_refused(tool: Any) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        body(tools=(tool,))

    assert (caught.value.param, caught.value.code) == ("tools[0]", "unsupported_parameter")
