"""Signed reasoning survives a Chat client that strips every field it does not know."""

from __future__ import annotations

import json
from typing import Any

from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
THINKING = [
    {"type": "thinking", "thinking": "The user wants weather.", "signature": "c2lnbmVkLW9uZQ=="},
    {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="},
    {"type": "thinking", "thinking": "", "signature": "c2lnbmVkLXR3bw=="},
]
CLAUDE_ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [
        *THINKING,
        {"type": "tool_use", "id": "toolu_recall", "name": "get_weather", "input": {"city": "Oslo"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 20},
}
CLAUDE_END = {**CLAUDE_ANSWER, "content": [{"type": "text", "text": "Cold."}], "stop_reason": "end_turn"}


def stripped(reply: dict[str, Any], tool_result: str) -> list[dict[str, Any]]:
    """The next two messages of a client that keeps only what Chat Completions documents."""
    call = reply["choices"][0]["message"]["tool_calls"][0]
    kept = {"id": call["id"], "type": "function", "function": call["function"]}
    return [
        {"role": "assistant", "content": None, "tool_calls": [kept]},
        {"role": "tool", "tool_call_id": call["id"], "content": tool_result},
    ]


def test_claudes_signed_thoughts_come_back_in_order(gateway: Running, upstream: Upstream) -> None:
    """B05, B06, B08."""
    key = upstream.put("claude-turns", Answer(body=json.dumps(CLAUDE_ANSWER).encode()))
    ask = {
        "model": "claude-sonnet-4-5",
        "reasoning_effort": "high",
        "max_tokens": 30000,
        "tools": [WEATHER],
        "messages": [{"role": "user", "content": "Weather in Oslo?"}],
    }
    first = gateway.chat(ask, x_provider_key=key).json()
    upstream.answers[key] = [Answer(body=json.dumps(CLAUDE_END).encode())]

    second = gateway.chat({**ask, "messages": ask["messages"] + stripped(first, "4 degrees")}, x_provider_key=key)

    assert second.status_code == 200, second.text
    sent = upstream.asked[key][1].body["messages"]
    assert sent[1]["content"][:3] == THINKING
    assert sent[1]["content"][3]["id"] == sent[2]["content"][0]["tool_use_id"] == "toolu_recall"
    assert first["choices"][0]["message"]["reasoning_content"] == "The user wants weather."


def test_another_tenant_never_gets_them(gateway: Running, upstream: Upstream) -> None:
    key = upstream.put("claude-tenants", Answer(body=json.dumps(CLAUDE_ANSWER).encode()))
    ask = {
        "model": "claude-sonnet-4-5",
        "reasoning_effort": "high",
        "max_tokens": 30000,
        "tools": [WEATHER],
        "messages": [{"role": "user", "content": "Weather?"}],
    }
    first = gateway.chat(ask, x_provider_key=key).json()
    other = gateway.make_key(tenant="stranger")

    gateway.chat(
        {**ask, "messages": ask["messages"] + stripped(first, "4 degrees")},
        x_provider_key=key,
        authorization=f"Bearer {other}",
    )

    blocks = upstream.asked[key][1].body["messages"][1]["content"]
    assert [block["type"] for block in blocks] == ["tool_use"]


def test_geminis_thought_signature_comes_back_on_the_same_call(gateway: Running, upstream: Upstream) -> None:
    """B01, B02."""
    call = {"functionCall": {"name": "get_weather", "args": {"city": "Oslo"}}, "thoughtSignature": "Z2VtaW5pLXNpZw=="}
    body = {
        "candidates": [{"content": {"role": "model", "parts": [call]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 5, "totalTokenCount": 10},
        "modelVersion": "gemini-3-pro-preview",
        "responseId": "resp-recall",
    }
    sse = b"data: " + json.dumps(body).encode() + b"\r\n\r\n"
    key = upstream.put("gemini-turns", Answer(body=sse, headers={"content-type": "text/event-stream"}))
    ask: dict[str, Any] = {
        "model": "gemini-3-pro-preview",
        "tools": [WEATHER],
        "messages": [{"role": "user", "content": "Weather in Oslo?"}],
    }
    streamed = gateway.chat({**ask, "stream": True}, x_provider_key=key)
    chunks = [json.loads(line[6:]) for line in streamed.text.split("\n") if line.startswith("data: {")]
    delta = next(
        c["choices"][0]["delta"]["tool_calls"][0] for c in chunks if c["choices"][0]["delta"].get("tool_calls")
    )
    first = {
        "choices": [
            {"message": {"tool_calls": [{"id": delta["id"], "function": {"name": "get_weather", "arguments": "{}"}}]}}
        ]
    }

    gateway.chat({**ask, "messages": ask["messages"] + stripped(first, "4")}, x_provider_key=key)

    model_turn = upstream.asked[key][1].body["contents"][1]
    assert model_turn["parts"][0]["thoughtSignature"] == "Z2VtaW5pLXNpZw=="
    assert len(delta["id"]) <= 64
