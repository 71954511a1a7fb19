"""What the laws of wire formats are said with: trips through a wire, and the meaning that every wire can express."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import structs

from prxy.canonical.events import (
    ChoiceEnd,
    PartDelta,
    PartEnd,
    PartStart,
    StreamEvent,
    Verbatim,
)
from prxy.canonical.parts import Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from prxy.canonical.request import ChatRequest, FunctionTool, Message, ReasoningMode, Role, ToolMode
from prxy.canonical.response import ChatResponse, Choice, FinishReason, Usage
from prxy.canonical.stream import through
from prxy.formats.base import Format
from prxy.framing.frame import Frame

ONE_CHOICE = frozenset({"bedrock_converse", "anthropic_messages", "openai_responses"})
"""Formats whose answers have exactly one choice."""


def without_nulls(value: Any) -> Any:
    """The same JSON with every null member of an object left out."""
    match value:
        case dict():
            return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
        case list():
            return [without_nulls(inner) for inner in value]
        case _:
            return value


def plain_request(body: Mapping[str, Any], route: Mapping[str, str]) -> Any:
    """A request without nulls, without what the path says, and without what the gateway may add for a stream."""
    plain = without_nulls({key: value for key, value in body.items() if key not in {"stream", *route}})
    options = {key: value for key, value in plain.pop("stream_options", {}).items() if key != "include_usage"}
    return {**plain, "stream_options": options} if options else plain


def frames_of(format_: Format, pieces: Iterable[bytes]) -> list[Frame]:
    return list(through(format_.framing.decoder(), pieces))


def decoded(format_: Format, frames: Iterable[Frame]) -> list[StreamEvent]:
    return list(through(format_.decode_stream(), frames))


def told(events: Iterable[StreamEvent]) -> list[StreamEvent]:
    """The events without the wire's own frames."""
    return [event for event in events if not isinstance(event, Verbatim)]


def encoded(format_: Format, events: Iterable[StreamEvent]) -> list[Frame]:
    """The frames that a client of this format gets, after a trip through the bytes of its framing."""
    frames = through(format_.encode_stream(client_request(format_)), events)
    return frames_of(format_, [b"".join(format_.framing.encode(frame) for frame in frames)])


def client_request(format_: Format) -> ChatRequest:
    """A small streaming request by a client of this format that asked for usage."""
    question = Message(role=Role.USER, parts=(Text(text="What is new?"),), at="messages[0]")
    return ChatRequest(format=format_.name, model="model-1", messages=(question,), stream=True, include_usage=True)


def first_choice(response: ChatResponse) -> ChatResponse:
    return structs.replace(response, choices=response.choices[:1])


def first_choice_told(events: Iterable[StreamEvent]) -> Iterator[StreamEvent]:
    others: set[int] = set()
    for event in events:
        match event:
            case PartStart() if event.choice:
                others.add(event.index)
            case PartDelta() | PartEnd() if event.index in others:
                pass
            case ChoiceEnd() if event.choice:
                pass
            case _:
                yield event


FAMILY = {
    FinishReason.STOP: "stop",
    FinishReason.PAUSE: "stop",
    FinishReason.ERROR: "stop",
    FinishReason.TOOL_CALL: "tool call",
    FinishReason.LENGTH: "length",
    FinishReason.CONTENT_FILTER: "filter",
    FinishReason.REFUSAL: "filter",
}
"""Not every wire has a word for a pause or an unusable answer, nor tells a filter from a refusal."""


def common(response: ChatResponse) -> Any:
    """What every wire can say of an answer: texts, calls, why it ended, and how much was read and written."""
    return [_common_choice(choice) for choice in response.choices], _common_usage(response.usage or Usage())


def _common_choice(choice: Choice) -> Any:
    """A call that the token limit cut has no arguments in a wire that sends them whole, so there its name has to do."""
    finish = FAMILY[choice.finish.reason]
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    return {
        "text": "".join(part.text for part in choice.parts if isinstance(part, Text | Refusal)),
        "reasoning": "".join(part.text for part in choice.parts if isinstance(part, Reasoning)),
        "calls": [call.name if finish == "length" else _common_call(call) for call in calls],
        "finish": finish,
    }


def _common_call(call: ToolCall) -> tuple[str, Any]:
    """Wires without free-form calls carry the text as the one argument of an ordinary call."""
    return call.name, {"input": call.arguments} if call.freeform else arguments(call.arguments)


def _common_usage(usage: Usage) -> Any:
    return {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached": usage.cached_input_tokens or 0,
    }


def arguments(text: str) -> Any:
    """Tool arguments as a value; text that is no JSON stays text."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def common_request(request: ChatRequest) -> Any:
    """What every wire can say of a request: its words and calls in order, the results of each tool, and its tools."""
    spoken = [*([request.instructions] if request.instructions else []), *request.messages]
    parts = [part for message in spoken for part in message.parts]
    names = {part.id: part.name for part in parts if isinstance(part, ToolCall)}
    results = [(names.get(part.call_id), _said(part)) for part in parts if isinstance(part, ToolResult)]
    return {
        "texts": _texts(parts),
        "calls": [_common_call(part) for part in parts if isinstance(part, ToolCall)],
        "results": sorted(results, key=repr),
        "tools": [tool.name for tool in request.tools if isinstance(tool, FunctionTool) and _may_use(request, tool)],
    }


def _said(result: ToolResult) -> Any:
    """A result as JSON where it is JSON: some wires take it apart."""
    words = _texts(result.parts)
    try:
        return json.loads(" ".join(words))
    except ValueError:
        return words


def _may_use(request: ChatRequest, tool: FunctionTool) -> bool:
    """Wires that cannot narrow the choice of tools leave the others out, and all where none may be used."""
    choice = request.tool_choice
    if choice is not None and choice.mode is ToolMode.NONE:
        return False
    narrows = choice is not None and choice.mode in (ToolMode.ALLOWED, ToolMode.ALLOWED_REQUIRED)
    return not narrows or (choice is not None and tool.name in choice.names)


FILLERS = frozenset({"See the document."})
"""What a wire says beside media because it wants words there."""


def _texts(parts: Iterable[Part]) -> list[str]:
    """The words, wherever one text ends and the next begins."""
    said = (part.text for part in parts if isinstance(part, Text | Refusal) and part.text not in FILLERS)
    return " ".join(said).split()


_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 2048, "high": 3072, "xhigh": 3072, "max": 3072}
_EFFORTS = ((1024, "low"), (8192, "medium"), (1 << 62, "high"))


def supplied(request: ChatRequest) -> ChatRequest:
    """The request with what the layer above fills in: a token limit, and thinking said as effort and as budget."""
    sampling = structs.replace(request.sampling, max_output_tokens=request.sampling.max_output_tokens or 4096)
    reasoning = request.reasoning
    if reasoning is not None:
        effort = reasoning.effort or _effort(reasoning.budget_tokens)
        budget = reasoning.budget_tokens if reasoning.budget_tokens is not None else _BUDGETS.get(effort, 2048)
        mode = reasoning.mode or (ReasoningMode.OFF if effort == "none" else ReasoningMode.ON)
        reasoning = structs.replace(reasoning, mode=mode, effort=effort, budget_tokens=budget)
    return structs.replace(request, sampling=sampling, reasoning=reasoning)


def _effort(budget: int | None) -> str:
    if budget is None or budget < 0:
        return "medium"
    return next(word for most, word in _EFFORTS if budget <= most) if budget else "none"


def with_question(request: ChatRequest) -> ChatRequest:
    """The same conversation, one user message longer."""
    question = Message(role=Role.USER, parts=(Text(text="And then?"),), at=f"messages[{len(request.messages)}]")
    return structs.replace(request, messages=(*request.messages, question))


TURNS = {
    "openai_chat": ("messages", "content"),
    "anthropic_messages": ("messages", "content"),
    "gemini_generate": ("contents", "parts"),
    "bedrock_converse": ("messages", "content"),
    "openai_responses": ("input", "content"),
}
"""Where a body keeps its turns, and where a turn keeps its parts."""


def prefix_faults(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Where the longer request is not the shorter one with something added to the end of its turns."""
    turns, parts = TURNS[name]
    faults = [f"{key} changed" for key in {*before, *after} - {turns} if before.get(key) != after.get(key)]
    old, new = _turns(before.get(turns) or []), _turns(after[turns])
    faults += [f"{turns}[{place}] changed" for place in range(len(old) - 1) if old[place] != new[place]]
    if old and old[-1] != new[len(old) - 1]:
        faults += _last_turn_faults(f"{turns}[{len(old) - 1}]", parts, old[-1], new[len(old) - 1])
    return faults


def _turns(value: Any) -> list[Any]:
    """A conversation of one question may be said as its text."""
    return [{"role": "user", "content": value}] if isinstance(value, str) else list(value)


def _last_turn_faults(at: str, parts: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """A wire whose turns alternate adds the new parts to the last turn."""
    faults = [f"{at}.{key} changed" for key in {*old, *new} - {parts} if old.get(key) != new.get(key)]
    before, after = _listed(old.get(parts)), _listed(new.get(parts))
    return faults if after[: len(before)] == before else [*faults, f"{at}.{parts} changed"]


def _listed(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return list(content or ())


_HEAD = re.compile(r"[A-Za-z_]\w*")


def is_clients_field(path: str, format_: Format, body: Mapping[str, Any]) -> bool:
    """Whether a path begins with a field that the client sent or could have sent."""
    head = _HEAD.match(path)
    known = {*body, "model"} | {field.split(".")[0].split("[")[0] for field in format_.fields.values()}
    return head is not None and head.group() in known


def names_clients_field(message: str, format_: Format, body: Mapping[str, Any]) -> bool:
    return any(is_clients_field(word, format_, body) for word in re.findall(r"[A-Za-z_][\w.\[\]]*", message))
