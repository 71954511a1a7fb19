"""Structured output through a forced tool: nothing of the tool reaches the client."""

from __future__ import annotations

import pytest

from prxy.canonical.events import StreamEvent
from prxy.canonical.parts import Text, ToolCall
from prxy.canonical.request import (
    ChatRequest,
    FunctionTool,
    Message,
    OutputFormat,
    OutputKind,
    ReasoningMode,
    ReasoningOptions,
    Role,
    ToolMode,
)
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason
from prxy.canonical.stream import fold, through, unfold
from prxy.emulation import TOOL_NAME, AnswerFromTool, forced_tool

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
OUTPUT = OutputFormat(kind=OutputKind.SCHEMA, name="answer", schema=SCHEMA)
REQUEST = ChatRequest(
    format="openai_chat", model="m", messages=(Message(role=Role.USER, parts=(Text(text="x"),)),), output=OUTPUT
)


def test_the_schema_becomes_a_tool_that_must_be_called() -> None:
    asked = forced_tool(REQUEST, OUTPUT)

    assert asked.output is None
    assert asked.tools[-1].name == TOOL_NAME  # type: ignore[union-attr]
    assert asked.tool_choice is not None
    assert (asked.tool_choice.mode, asked.tool_choice.names) == (ToolMode.NAMED, (TOOL_NAME,))


@pytest.mark.parametrize(
    ("extra", "mode"),
    [
        ({"tools": (FunctionTool(name="look"),)}, ToolMode.REQUIRED),
        ({"reasoning": ReasoningOptions(mode=ReasoningMode.ON, budget_tokens=2048)}, ToolMode.AUTO),
    ],
    ids=["beside other tools", "while thinking"],
)
def test_the_model_keeps_the_freedom_it_needs(extra: dict[str, object], mode: ToolMode) -> None:
    """A24, E03."""
    request = ChatRequest(format="openai_chat", model="m", messages=REQUEST.messages, output=OUTPUT, **extra)  # type: ignore[arg-type]

    choice = forced_tool(request, OUTPUT).tool_choice

    assert choice is not None
    assert choice.mode is mode


def answer(*parts: Text | ToolCall) -> list[StreamEvent]:
    finish = Finish(reason=FinishReason.TOOL_CALL, format="anthropic_messages", wire_word="tool_use")
    choice = Choice(parts=parts, finish=finish)
    response = ChatResponse(format="anthropic_messages", id="1", model="m", choices=(choice,))
    return list(unfold(response))


def test_the_call_comes_back_as_text_and_an_ordinary_stop() -> None:
    """E01, E02."""
    events = answer(ToolCall(id="c", name=TOOL_NAME, arguments='{"a":"b"}'))

    choice = fold(through(AnswerFromTool(), events)).choices[0]

    assert choice.parts == (Text(text='{"a":"b"}'),)
    assert choice.finish.reason is FinishReason.STOP


def test_a_call_of_the_clients_own_tool_stays_a_call() -> None:
    """E03."""
    call = ToolCall(id="c", name="look", arguments="{}")

    choice = fold(through(AnswerFromTool(), answer(call))).choices[0]

    assert choice.parts == (call,)
    assert choice.finish.reason is FinishReason.TOOL_CALL


def test_what_the_model_says_beside_its_answer_is_left_out() -> None:
    """E02."""
    parts = (Text(text="Here it is:"), ToolCall(id="c", name=TOOL_NAME, arguments='{"a":"b"}'))

    choice = fold(through(AnswerFromTool(), answer(*parts))).choices[0]

    assert choice.parts == (Text(text='{"a":"b"}'),)


def test_a_plain_answer_in_spite_of_the_tool_is_passed_on() -> None:
    choice = fold(through(AnswerFromTool(), answer(Text(text="I cannot.")))).choices[0]

    assert choice.parts == (Text(text="I cannot."),)
