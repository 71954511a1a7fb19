"""Tool names that a wire does not take: the provider sees an alias, the client its own name."""

from __future__ import annotations

import re

from prxy.adaptation import adapt
from prxy.aliases import aliased
from prxy.canonical.parts import Text, ToolCall, ToolResult
from prxy.canonical.request import (
    ChatRequest,
    FunctionTool,
    Message,
    OutputFormat,
    OutputKind,
    Role,
    ToolChoice,
    ToolMode,
)
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason
from prxy.canonical.stream import EventFilter, fold, through, unfold
from prxy.catalog import ModelCard
from prxy.emulation import TOOL_NAME

ALLOWED = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NAME = "mcp.server/read file"
QUESTION = Message(role=Role.USER, parts=(Text(text="x"),))


def request(*names: str, history: tuple[Message, ...] = (), choice: ToolChoice | None = None) -> ChatRequest:
    tools = tuple(FunctionTool(name=name) for name in names)
    return ChatRequest(format="openai_chat", model="m", messages=(QUESTION, *history), tools=tools, tool_choice=choice)


def called(filter_: EventFilter | None, *calls: ToolCall) -> list[str]:
    """Names of the calls of an answer, as the client sees them."""
    assert filter_ is not None
    choice = Choice(parts=calls, finish=Finish(reason=FinishReason.TOOL_CALL))
    answer = ChatResponse(format="bedrock_converse", id="1", model="m", choices=(choice,))
    parts = fold(through(filter_, unfold(answer))).choices[0].parts
    return [part.name if isinstance(part, ToolCall) else type(part).__name__ for part in parts]


def test_a_bad_name_travels_under_an_alias_and_comes_back() -> None:
    """A20."""
    sent, filter_ = aliased(request(NAME, "fine", choice=ToolChoice(mode=ToolMode.NAMED, names=(NAME,))), ALLOWED)

    alias = sent.tools[0].name  # type: ignore[union-attr]
    assert ALLOWED.fullmatch(alias)
    assert sent.tools[1].name == "fine"  # type: ignore[union-attr]
    assert sent.tool_choice is not None
    assert sent.tool_choice.names == (alias,)
    assert called(filter_, ToolCall(id="1", name=alias), ToolCall(id="2", name="fine")) == [NAME, "fine"]


def test_names_that_look_alike_stay_apart() -> None:
    names = ("a.b", "a b", "a/b", "é", "ü", "x" * 65, "x" * 66, ".")

    sent, _ = aliased(request(*names), ALLOWED)

    made = {tool.name for tool in sent.tools}  # type: ignore[union-attr]
    assert len(made) == len(names)
    assert all(ALLOWED.fullmatch(name) for name in made)


def test_a_name_in_the_history_gets_the_same_alias() -> None:
    """A21: also one that was never offered."""
    call = Message(role=Role.ASSISTANT, parts=(ToolCall(id="1", name=NAME), ToolCall(id="2", name="made.up")))
    result = Message(role=Role.TOOL, parts=(ToolResult(call_id="1", name=NAME),))

    sent, _ = aliased(request(NAME, history=(call, result)), ALLOWED)

    names = [
        part.name for message in sent.messages[1:] for part in message.parts if isinstance(part, ToolCall | ToolResult)
    ]
    assert names[0] == names[2] == sent.tools[0].name  # type: ignore[union-attr]
    assert names[1] is not None
    assert ALLOWED.fullmatch(names[1])


def test_good_names_and_wires_without_a_rule_change_nothing() -> None:
    for sent, allowed in ((request("fine"), ALLOWED), (request(NAME), None)):
        assert aliased(sent, allowed) == (sent, None)


def test_an_alias_and_an_emulated_schema_are_both_undone() -> None:
    output = OutputFormat(kind=OutputKind.SCHEMA, schema={"type": "object"})
    asked = ChatRequest(
        format="openai_chat", model="m", messages=(QUESTION,), tools=(FunctionTool(name=NAME),), output=output
    )

    adapted = adapt(asked, ModelCard(id="m"), "bedrock_converse", ALLOWED)

    alias = adapted.request.tools[0].name  # type: ignore[union-attr]
    answers = ToolCall(id="1", name=TOOL_NAME, arguments="{}"), ToolCall(id="2", name=alias)
    assert called(adapted.filter, *answers) == ["Text", NAME]
