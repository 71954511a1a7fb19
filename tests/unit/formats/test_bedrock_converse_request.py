"""Requests of other formats in the words of Converse."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from prxy.canonical.errors import InvalidRequest, UnsupportedFeature
from prxy.canonical.parts import (
    CachePoint,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
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
from prxy.formats.bedrock_converse import FORMAT

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-pro-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
POINT = CachePoint(ttl="1h")
MARK = {"cachePoint": {"type": "default", "ttl": "1h"}}
TOOL = FunctionTool(name="look", parameters={"type": "object"}, at="tools[0]")
CALL = ToolCall(id="c1", name="look", arguments='{"a":1}')
RESULT = ToolResult(call_id="c1", parts=(Text(text="seen"),))
PDF = Inline(media_type="application/pdf", data="JVBERg==")


def user(*parts: Part | str) -> Message:
    return Message(role=Role.USER, parts=_parts(parts), at="messages[0]")


def assistant(*parts: Part | str) -> Message:
    return Message(role=Role.ASSISTANT, parts=_parts(parts), at="messages[1]")


def tool(*parts: Part) -> Message:
    return Message(role=Role.TOOL, parts=parts, at="messages[2]")


def _parts(parts: tuple[Part | str, ...]) -> tuple[Part, ...]:
    return tuple(Text(text=part) if isinstance(part, str) else part for part in parts)


def asked(*messages: Message, model: str = CLAUDE, **more: Any) -> ChatRequest:
    return ChatRequest(format="openai_chat", model=model, messages=messages or (user("Hi."),), **more)


def sent(*messages: Message, **more: Any) -> Any:
    return FORMAT.render_request(asked(*messages, **more)).body


def lost(**more: Any) -> list[str]:
    return [loss.field for loss in FORMAT.render_request(asked(**more)).losses]


def test_results_of_one_turn_stand_first_in_one_user_turn() -> None:
    """A13."""
    other = ToolCall(id="c2", name="look")
    messages = sent(user("Go."), assistant(CALL, other), tool(RESULT), tool(ToolResult(call_id="c2")), user("And?"))

    turns = messages["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert [next(iter(block)) for block in turns[2]["content"]] == ["toolResult", "toolResult", "text"]
    assert turns[1]["content"][1]["toolUse"]["input"] == {}


def test_blank_texts_are_left_out_and_an_error_is_said() -> None:
    """C05, A07."""
    failed = ToolResult(call_id="c1", parts=(Text(text=""),), is_error=True)

    body = sent(user("Go.", "  "), assistant("", CALL), tool(failed), tools=(TOOL,))

    assert body["messages"][0]["content"] == [{"text": "Go."}]
    assert body["messages"][2]["content"] == [{"toolResult": {"toolUseId": "c1", "content": [], "status": "error"}}]


@pytest.mark.parametrize("call_id", ["x" * 90 + "|1", "call|1", "call.1", "a+b"])
def test_ids_that_the_wire_refuses_are_replaced_alike_in_call_and_result(call_id: str) -> None:
    """A19."""
    call = ToolCall(id=call_id, name="look", arguments="")
    twin = ToolCall(id=f"{call_id}x", name="look")

    turns = sent(user("Go."), assistant(call, twin), tool(ToolResult(call_id=call_id)), tools=(TOOL,))["messages"]

    used = [block["toolUse"]["toolUseId"] for block in turns[1]["content"]]
    assert used[0] == turns[2]["content"][0]["toolResult"]["toolUseId"]
    assert used[0] != used[1]
    assert all(len(one) <= 64 and one.replace("_", "a").replace("-", "a").isalnum() for one in used)


def test_tools_of_the_history_are_named_where_the_request_offers_none() -> None:
    """A18."""
    config = sent(user("Go."), assistant(CALL), tool(RESULT))["toolConfig"]

    assert [one["toolSpec"]["name"] for one in config["tools"]] == ["look"]
    assert "toolChoice" not in config


def test_a_model_that_must_not_call_gets_no_tools_and_reads_the_history_as_text() -> None:
    """A23: the wire has no word for none."""
    none = ToolChoice(mode=ToolMode.NONE)

    body = sent(user("Go."), assistant(CALL), tool(RESULT), tools=(TOOL,), tool_choice=none)

    assert "toolConfig" not in body
    said = [block["text"] for turn in body["messages"] for block in turn["content"]]
    assert said == ["Go.", '[Called the tool look (c1): {"a":1}]', "[Result of the tool call c1:]", "seen"]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (ToolChoice(mode=ToolMode.AUTO), {"auto": {}}),
        (ToolChoice(mode=ToolMode.REQUIRED), {"any": {}}),
        (ToolChoice(mode=ToolMode.NAMED, names=("look",)), {"tool": {"name": "look"}}),
        (ToolChoice(mode=ToolMode.ALLOWED_REQUIRED, names=("look",)), {"any": {}}),
    ],
)
def test_the_choice_of_tools(choice: ToolChoice, said: Any) -> None:
    """A22."""
    config = sent(tools=(TOOL, FunctionTool(name="b")), tool_choice=choice)["toolConfig"]

    assert config["toolChoice"] == said


def test_a_breakpoint_follows_what_it_marks_in_all_four_places() -> None:
    """I12, C17."""
    system = Instructions(role=Role.SYSTEM, parts=(Text(text="a"), Text(text="b", cache=POINT), Text(text="c")))
    inside = ToolResult(call_id="c1", parts=(Text(text="seen", cache=POINT),))
    offered = FunctionTool(name="look", parameters={"type": "object"}, cache=POINT)

    body = sent(
        user(Text(text="Go.", cache=POINT)), assistant(CALL), tool(inside), instructions=system, tools=(offered,)
    )

    assert body["system"] == [{"text": "a"}, {"text": "b"}, MARK, {"text": "c"}]
    assert body["toolConfig"]["tools"][1] == MARK
    assert body["messages"][0]["content"] == [{"text": "Go."}, MARK]
    assert body["messages"][2]["content"][1] == MARK


def test_a_model_that_caches_nothing_gets_no_breakpoint_and_the_client_is_told() -> None:
    rendered = FORMAT.render_request(asked(user(Text(text="Go.", cache=POINT)), model="meta.llama3-8b-instruct-v1:0"))

    assert rendered.body["messages"][0]["content"] == [{"text": "Go."}]
    assert [loss.field for loss in rendered.losses] == ["messages[0].cache_control"]


def test_a_model_that_takes_no_breakpoint_behind_a_result_gets_the_others() -> None:
    """I13: Nova answers one there with an error (https://github.com/BerriAI/litellm/issues/17479, as of 2026-11)."""
    marked = ToolResult(call_id="c1", parts=(Text(text="seen", cache=POINT),), cache=POINT)
    turns = user(Text(text="Go.", cache=POINT)), assistant(CALL), tool(marked)

    rendered = FORMAT.render_request(asked(*turns, tools=(TOOL,), model=NOVA))

    assert rendered.body["messages"][0]["content"] == [{"text": "Go."}, MARK]
    assert [*rendered.body["messages"][2]["content"][0]] == ["toolResult"]
    assert len(rendered.body["messages"][2]["content"]) == 1
    assert {loss.field for loss in rendered.losses} == {"messages[2].cache_control"}


def test_signed_thoughts_go_back_byte_for_byte_in_their_order() -> None:
    """B06, B08: empty text and all."""
    own = [Signature(format="bedrock_converse", value=value) for value in ("czE=", "cmVk", "czI=")]
    thoughts = (
        Reasoning(text="", signature=own[0]),
        Reasoning(redacted=True, signature=own[1]),
        Reasoning(text="Two", signature=own[2]),
    )

    turn = sent(user("Go."), assistant(*thoughts, CALL), tool(RESULT), tools=(TOOL,))["messages"][1]

    assert [block.get("reasoningContent") for block in turn["content"]] == [
        {"reasoningText": {"text": "", "signature": "czE="}},
        {"redactedContent": "cmVk"},
        {"reasoningText": {"text": "Two", "signature": "czI="}},
        None,
    ]


def test_what_claude_signed_elsewhere_holds_for_claude_alone() -> None:
    signature = Signature(format="anthropic_messages", value="EuYB")
    thoughts = Reasoning(text="Hm", signature=signature), Reasoning(redacted=True, signature=signature)

    to_claude = FORMAT.render_request(asked(user("Go."), assistant(*thoughts, "Yes.")))
    to_nova = FORMAT.render_request(asked(user("Go."), assistant(*thoughts, "Yes."), model=NOVA))

    encrypted = {"reasoningContent": {"redactedContent": base64.b64encode(b"EuYB").decode()}}
    assert to_claude.body["messages"][1]["content"][1] == encrypted
    assert to_nova.body["messages"][1]["content"] == [{"text": "Yes."}]
    assert [loss.field for loss in to_nova.losses] == ["messages[1].reasoning"]


def test_documents_have_names_that_the_wire_takes_once_each_and_a_text_beside_them() -> None:
    """D01, D02."""
    named = [
        Media(kind=MediaKind.DOCUMENT, source=PDF, name=name) for name in ("a_b: c.pdf", "a b c.pdf", "レポート", None)
    ]

    content = sent(user(*named))["messages"][0]["content"]

    assert [block["document"]["name"] for block in content[:4]] == ["a b c", "a b c 2", "document", "document 2"]
    assert content[0]["document"] | {"name": ""} == {"format": "pdf", "name": "", "source": {"bytes": PDF.data}}
    assert content[4] == {"text": "See the document."}


@pytest.mark.parametrize(
    ("kind", "media_type", "word"),
    [
        (MediaKind.IMAGE, "image/jpg", "jpeg"),
        (MediaKind.DOCUMENT, "text/csv; charset=utf-8", "csv"),
        (MediaKind.DOCUMENT, "application/json", "txt"),
        (MediaKind.VIDEO, "video/quicktime", "mov"),
        (MediaKind.AUDIO, "audio/mp3", "mp3"),
    ],
)
def test_media_types_become_formats(kind: MediaKind, media_type: str, word: str) -> None:
    part = Media(kind=kind, source=Inline(media_type=media_type, data="aGk="))

    assert sent(user("Look:", part))["messages"][0]["content"][1][kind.value]["format"] == word


def test_a_place_in_s3_is_sent_and_one_on_the_web_refused() -> None:
    """D04: the gateway fetches nothing."""
    in_s3 = Media(kind=MediaKind.IMAGE, source=Url(url="s3://bucket/cat.png"))
    on_the_web = Media(kind=MediaKind.IMAGE, source=Url(url="https://example.com/cat.png"))

    image = sent(user("Look:", in_s3))["messages"][0]["content"][1]["image"]

    assert image == {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/cat.png"}}}
    with pytest.raises(UnsupportedFeature, match=r"messages\[0\].*web address"):
        sent(user("Look:", on_the_web))


@pytest.mark.parametrize(
    ("model", "options", "fields"),
    [
        (
            CLAUDE,
            ReasoningOptions(mode=ReasoningMode.ON, budget_tokens=2048),
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
        ),
        (
            "anthropic.claude-opus-4-6-v1",
            ReasoningOptions(mode=ReasoningMode.ADAPTIVE, effort="minimal", include=True),
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
        ),
        (CLAUDE, ReasoningOptions(mode=ReasoningMode.OFF), {"thinking": {"type": "disabled"}}),
        ("openai.gpt-oss-120b-1:0", ReasoningOptions(effort="xhigh"), {"reasoning_effort": "high"}),
        ("openai.gpt-oss-120b-1:0", ReasoningOptions(budget_tokens=9000), {"reasoning_effort": "medium"}),
        ("global.openai.gpt-6-sol", ReasoningOptions(effort="xhigh"), {"reasoning": {"effort": "xhigh"}}),
        ("openai.gpt-5.5", ReasoningOptions(effort="none"), {"reasoning": {"effort": "none"}}),
        (
            NOVA_2,
            ReasoningOptions(effort="high"),
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}},
        ),
        (NOVA_2, ReasoningOptions(effort="none"), {"reasoningConfig": {"type": "disabled"}}),
    ],
)  # fmt: skip
def test_how_much_to_think_is_said_in_each_vendors_words(model: str, options: ReasoningOptions, fields: Any) -> None:
    """B17."""
    assert sent(model=model, reasoning=options)["additionalModelRequestFields"] == fields
    assert lost(model=model, reasoning=options) == []


@pytest.mark.parametrize(
    "more",
    [
        {"model": "deepseek.r1-v1:0"},
        {"model": NOVA_2, "sampling": Sampling(max_output_tokens=100)},
    ],
    ids=["no such knob", "not with a limit"],
)
def test_an_effort_that_cannot_be_said_is_never_silence(more: dict[str, Any]) -> None:
    """B17."""
    assert lost(reasoning=ReasoningOptions(effort="high"), **more) == ["reasoning.effort"]


@pytest.mark.parametrize(
    ("model", "fields"),
    [(CLAUDE, {"top_k": 5}), (NOVA, {"inferenceConfig": {"topK": 5}}), ("cohere.command-r-v1:0", {"k": 5})],
)
def test_top_k_is_said_in_each_vendors_words(model: str, fields: Any) -> None:
    assert sent(model=model, sampling=Sampling(top_k=5))["additionalModelRequestFields"] == fields


def test_one_call_at_a_time_is_claudes_own_field() -> None:
    """A25."""
    required = ToolChoice(mode=ToolMode.REQUIRED)

    body = sent(tools=(TOOL,), tool_choice=required, parallel_tool_calls=False)

    said = {"type": "any", "disable_parallel_tool_use": True}
    assert body["additionalModelRequestFields"] == {"tool_choice": said}
    assert lost(model=NOVA, tools=(TOOL,), parallel_tool_calls=False) == ["parallel_tool_calls"]


def test_only_betas_that_the_model_takes_travel() -> None:
    """C15."""
    headers = {"anthropic-beta": "context-1m-2025-08-07, oauth-2025-04-20"}

    body = sent(headers=headers)

    assert body["additionalModelRequestFields"] == {"anthropic_beta": ["context-1m-2025-08-07"]}
    assert lost(headers=headers) == ["anthropic-beta"]


def test_knobs_that_the_wire_lacks_are_named() -> None:
    sampling = Sampling(seed=1, frequency_penalty=0.5, logprobs=True, temperature=1.5, stop=("END", " "))

    rendered = FORMAT.render_request(asked(sampling=sampling, user="u", metadata={"a": "b"}, service_tier="flex"))

    assert rendered.body["inferenceConfig"] == {"temperature": 1, "stopSequences": ["END"]}
    assert {loss.field for loss in rendered.losses} == {
        *(f"sampling.{name}" for name in ("seed", "frequency_penalty", "logprobs", "stop", "temperature")),
        "user",
        "metadata",
        "service_tier",
    }


def test_a_schema_is_written_as_a_string() -> None:
    output = OutputFormat(kind=OutputKind.SCHEMA, name="City", schema={"type": "object"})

    schema = {"schema": '{"type":"object"}', "name": "City"}
    said = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    assert sent(output=output)["outputConfig"] == said


@pytest.mark.parametrize(
    "more",
    [
        {"sampling": Sampling(n=2)},
        {"output": OutputFormat(kind=OutputKind.JSON)},
        {"tools": (FreeformTool(name="x"),)},
        {"tools": (FunctionTool(name="a.b"),)},
        {"tool_choice": ToolChoice(mode=ToolMode.REQUIRED)},
        {"messages": (user(" "),)},
        {"messages": (user(Opaque(format="openai_chat", value={})),)},
        {"messages": (user("x"), assistant(ToolCall(id="1", name="a", arguments="[1]")))},
    ],
)
def test_what_cannot_be_left_out_is_refused(more: dict[str, Any]) -> None:
    messages = more.pop("messages", (user("Hi."),))

    with pytest.raises(InvalidRequest) as caught:
        sent(*messages, **more)

    assert caught.value.param
