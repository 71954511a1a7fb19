"""Structured output for models that lack it: a forced tool whose arguments are the answer.

The request gains a tool; on the way back its call becomes the text again, so that no envelope leaks, streamed or not.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from prxy.canonical.events import ChoiceEnd, PartDelta, PartEnd, PartStart, StreamEvent
from prxy.canonical.parts import Text, ToolCall
from prxy.canonical.request import ChatRequest, FunctionTool, OutputFormat, ReasoningMode, ToolChoice, ToolMode
from prxy.canonical.response import FinishReason

TOOL_NAME = "answer_in_the_requested_form"
_DESCRIPTION = "Give the final answer to the user by calling this tool; its arguments are the answer."
_KEY = "answer"


def forced_tool(request: ChatRequest, output: OutputFormat) -> ChatRequest:
    """Ask for the schema as a tool. Beside the client's own tools, or while thinking, the model chooses when."""
    schema = output.schema or {"type": "object"}
    tool = FunctionTool(
        name=TOOL_NAME,
        description=f"{_DESCRIPTION} {output.description or ''}".strip(),
        parameters=schema
        if _is_object(schema)
        else {"type": "object", "properties": {_KEY: schema}, "required": [_KEY]},
    )
    thinks = request.reasoning is not None and request.reasoning.mode in (ReasoningMode.ON, ReasoningMode.ADAPTIVE)
    mode = ToolMode.AUTO if thinks else ToolMode.REQUIRED if request.tools else ToolMode.NAMED
    names = (TOOL_NAME,) if mode is ToolMode.NAMED else ()
    return structs.replace(
        request, output=None, tools=(*request.tools, tool), tool_choice=ToolChoice(mode=mode, names=names)
    )


def _is_object(schema: dict[str, object]) -> bool:
    return schema.get("type") == "object"


class AnswerFromTool:
    """Events -> events: the call of the answer tool becomes text, and its finish an ordinary stop.

    What the model says beside it waits until the choice ends, and is left out where the tool gave the answer.
    """

    def __init__(self) -> None:
        self._answers: set[int] = set()
        self._answered: set[int] = set()
        self._held: dict[int, list[StreamEvent]] = {}

    def feed(self, item: StreamEvent) -> Iterable[StreamEvent]:
        match item:
            case PartStart(part=ToolCall(name=name, arguments=text)) if name == TOOL_NAME:
                self._answers.add(item.index)
                self._answered.add(item.choice)
                return (structs.replace(item, part=Text(text=text)),)
            case PartStart(part=Text()):
                self._held[item.index] = [item]
            case PartDelta(index=index) | PartEnd(index=index) if index in self._held:
                self._held[index].append(item)
            case PartDelta() if item.index in self._answers:
                return (PartDelta(index=item.index, text=item.text),)
            case ChoiceEnd():
                return (*self._released(item.choice), self._ended(item))
            case _:
                return (item,)
        return ()

    def finish(self) -> Iterable[StreamEvent]:
        return ()

    def _released(self, choice: int) -> Iterable[StreamEvent]:
        held, self._held = self._held, {}
        return () if choice in self._answered else [event for events in held.values() for event in events]

    def _ended(self, end: ChoiceEnd) -> ChoiceEnd:
        if end.choice not in self._answered or end.finish.reason is not FinishReason.TOOL_CALL:
            return end
        return structs.replace(end, finish=structs.replace(end.finish, reason=FinishReason.STOP, wire_word=""))
