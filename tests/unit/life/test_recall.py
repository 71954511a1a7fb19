"""What a client's wire cannot carry of a turn is back in its place when the client replays it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prxy.canonical.parts import Part
from prxy.formats import anthropic_messages as client
from prxy.formats import bedrock_converse as provider
from prxy.recall import recall, remember

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
TURNS = (
    [
        {"reasoningContent": {"reasoningText": {"text": "First look.", "signature": "czE="}}},
        {"reasoningContent": {"redactedContent": "cmVk"}},
        {"reasoningContent": {"reasoningText": {"text": "", "signature": "czI="}}},
        {"text": "Let me see."},
        {"toolUse": {"toolUseId": "tooluse_A1", "name": "look", "input": {"at": "sky"}}},
    ],
    [
        {"reasoningContent": {"reasoningText": {"text": "And again.", "signature": "czM="}}},
        {"toolUse": {"toolUseId": "tooluse_A2", "name": "look", "input": {}}},
        {"toolUse": {"toolUseId": "tooluse_A3", "name": "look", "input": {"at": "sea"}}},
    ],
    [{"reasoningContent": {"reasoningText": {"text": "Done.", "signature": "czQ="}}}, {"text": "Blue."}],
)


class Memory:
    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Sequence[Part]] = {}

    async def get(self, tenant: str, call_ids: Sequence[str]) -> Mapping[str, Sequence[Part]]:
        return {each: self._kept[tenant, each] for each in call_ids if (tenant, each) in self._kept}

    async def put(self, tenant: str, call_id: str, parts: Sequence[Part]) -> None:
        self._kept[tenant, call_id] = parts


def asked(*messages: Any) -> Any:
    body = {
        "model": MODEL,
        "max_tokens": 4096,
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "messages": [{"role": "user", "content": "What colour?"}, *messages],
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
    }
    return client.parse_request(body, {})


def answered(content: list[Any]) -> Any:
    answer = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use" if "toolUse" in content[-1] else "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        "metrics": {"latencyMs": 1},
    }
    return provider.parse_response(answer)


def results(content: list[Any]) -> list[Any]:
    ids = [block["id"] for block in content if block["type"] == "tool_use"]
    return [{"type": "tool_result", "tool_use_id": id_, "content": "seen"} for id_ in ids]


async def test_each_turn_goes_back_as_bedrock_made_it() -> None:
    """B16: thoughts, calls and their order, over three turns of a client of Anthropic's wire."""
    memory, history = Memory(), list[Any]()
    for turn in TURNS:
        answer = answered(turn)
        await remember(answer, "acme", memory)
        said = client.render_response(answer, asked())["content"]
        history += [{"role": "assistant", "content": said}, {"role": "user", "content": results(said) or "And now?"}]

    request = await recall(asked(*history), "acme", memory)

    sent = [turn["content"] for turn in provider.render_request(request).body["messages"]]
    assert sent[1::2] == [*TURNS[:2], [{"text": "Blue."}]]


async def remembered(*content: Any) -> Memory:
    memory = Memory()
    await remember(answered(list(content)), "acme", memory)
    return memory


def replayed(text: str, *calls: str) -> Any:
    """The assistant turn of a client that keeps the words and the calls alone."""
    uses = [{"type": "tool_use", "id": id_, "name": "look", "input": {}} for id_ in calls]
    return {"role": "assistant", "content": [*([{"type": "text", "text": text}] if text else []), *uses]}


def thought(text: str) -> Any:
    return {"reasoningContent": {"reasoningText": {"text": text, "signature": "c2ln"}}}


def use(id_: str) -> Any:
    return {"toolUse": {"toolUseId": id_, "name": "look", "input": {}}}


async def test_words_between_thoughts_stay_between_them() -> None:
    """B08."""
    turn = [thought("One."), {"text": "Let me see."}, thought("Two."), use("tooluse_B1")]
    memory = await remembered(*turn)

    request = await recall(asked(replayed("Let me see.", "tooluse_B1")), "acme", memory)

    assert provider.render_request(request).body["messages"][1]["content"] == turn


async def test_thoughts_between_calls_stay_between_them() -> None:
    """B08."""
    turn = [thought("One."), use("tooluse_C1"), thought("Two."), use("tooluse_C2")]
    memory = await remembered(*turn)

    request = await recall(asked(replayed("", "tooluse_C1", "tooluse_C2")), "acme", memory)

    assert provider.render_request(request).body["messages"][1]["content"] == turn


async def test_words_that_the_client_changed_are_kept_behind_the_thoughts() -> None:
    memory = await remembered(thought("One."), {"text": "Let me see."}, use("tooluse_D1"))

    request = await recall(asked(replayed("I had a look.", "tooluse_D1")), "acme", memory)

    sent = provider.render_request(request).body["messages"][1]["content"]
    assert sent == [thought("One."), {"text": "I had a look."}, use("tooluse_D1")]
