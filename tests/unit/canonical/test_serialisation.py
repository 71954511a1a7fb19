from __future__ import annotations

import msgspec
from hypothesis import given
from tests.strategies import event_streams

from prxy.canonical.events import StreamEvent
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
    ServerToolCall,
    ServerToolResult,
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
    OutputFormat,
    OutputKind,
    ReasoningMode,
    ReasoningOptions,
    Role,
    Sampling,
    ToolChoice,
    ToolMode,
)
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import fold

EXTRAS = Extras(format="wire", fields={"new": {"deep": [1, None]}}, spelling=frozenset({"content:list"}))
SIGNATURE = Signature(format="wire", value="proof")

REQUEST = ChatRequest(
    format="wire",
    model="model-1",
    instructions=Instructions(role=Role.DEVELOPER, parts=(Text(text="Be brief."),), position=1, at="messages[1]"),
    messages=(
        Message(
            role=Role.USER,
            name="ann",
            at="messages[0]",
            parts=(
                Text(text="Look", cache=CachePoint(ttl="1h"), extras=EXTRAS),
                Media(kind=MediaKind.IMAGE, source=Url(url="https://example.org/a.png")),
                Media(kind=MediaKind.DOCUMENT, source=Inline(media_type="text/plain", data="hi", is_text=True)),
                Media(kind=MediaKind.DOCUMENT, source=FileRef(format="wire", id="file-1")),
            ),
        ),
        Message(
            role=Role.ASSISTANT,
            parts=(
                Reasoning(text="Hm.", signature=SIGNATURE),
                Refusal(text="No."),
                ToolCall(id="call_1", name="look", arguments='{"q":1}', signature=SIGNATURE),
                ToolCall(id="call_2", name="write", arguments="free", freeform=True),
                ServerToolCall(format="wire", id="srv_1", name="search"),
                ServerToolResult(format="wire", call_id="srv_1", value={"found": []}),
                Opaque(format="wire", value={"type": "new"}),
            ),
        ),
        Message(
            role=Role.TOOL,
            parts=(
                ToolResult(call_id="call_1", parts=(Text(text="ok"), Opaque(format="wire", value={})), is_error=True),
            ),
        ),
    ),
    tools=(
        FunctionTool(name="look", parameters={"type": "object"}, strict=True),
        FreeformTool(name="write", grammar={"syntax": "lark"}),
        HostedTool(format="wire", value={"type": "web_search"}),
    ),
    tool_choice=ToolChoice(mode=ToolMode.NAMED, names=("look",)),
    parallel_tool_calls=False,
    sampling=Sampling(max_output_tokens=5, temperature=0, stop=("END",), logit_bias={"50256": -100}),
    reasoning=ReasoningOptions(mode=ReasoningMode.ON, budget_tokens=-1),
    output=OutputFormat(kind=OutputKind.SCHEMA, name="answer", schema={"type": "object"}, strict=True),
    stream=True,
    include_usage=True,
    user="u",
    metadata={"k": "v"},
    headers={"anthropic-beta": "b"},
    extras=EXTRAS,
)


def test_a_request_survives_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(REQUEST), type=ChatRequest) == REQUEST


def test_an_empty_request_survives_json() -> None:
    request = ChatRequest(format="wire", model="m", messages=())

    assert msgspec.json.decode(msgspec.json.encode(request), type=ChatRequest) == request


@given(event_streams(most_choices=2))
def test_an_answer_survives_json(events: list[StreamEvent]) -> None:
    response = fold(events)

    assert msgspec.json.decode(msgspec.json.encode(response), type=ChatResponse) == response
