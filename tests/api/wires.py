"""Ways through the gateway: what a client asks, what a provider says to it, and what that costs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.api.upstream import Answer

SSE = {"content-type": "text/event-stream"}
USAGES: Mapping[str, Mapping[str, Any]] = {
    "openai": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
    "anthropic": {"input_tokens": 1000, "output_tokens": 500},
    "google": {
        "promptTokenCount": 1000,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1000}],
        "candidatesTokenCount": 500,
        "totalTokenCount": 1500,
    },
}
"""Provider -> 1,000 tokens in and 500 out, in its words."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """A provider's stream in three pieces."""

    words: bytes
    closing: bytes
    """What ends the answer and tells the usage."""
    terminal: bytes
    """What ends the stream. Empty where nothing but its end does."""

    @property
    def pieces(self) -> tuple[bytes, ...]:
        return tuple(filter(None, (self.words, self.closing, self.terminal)))


@dataclass(frozen=True, kw_only=True)
class Wire:
    """One way through the gateway: a client's format and a provider."""

    provider: str
    path: str
    streamed_path: str
    asked: Mapping[str, Any]
    cost_nano: int
    """Of 1,000 tokens in and 500 out."""
    ends: bytes
    """What a client's stream ends with, and only where all is well. Empty where nothing but its end does."""
    whole: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    """The provider's JSON body; takes `usage(…)`, or nothing where it tells none."""
    said: Callable[[Mapping[str, Any]], Said]

    def usage(self, usage: object) -> Mapping[str, Any]:
        return {"usageMetadata" if self.provider == "google" else "usage": usage}

    @property
    def billed(self) -> Mapping[str, Any]:
        return self.usage(USAGES[self.provider])

    def answer(self, told: Mapping[str, Any], *, stream: bool) -> Answer:
        if stream:
            return Answer(body=self.said(told).pieces, headers=SSE)
        return Answer(body=json.dumps(self.whole(told)).encode())

    def ask(self, *, stream: bool) -> tuple[str, Mapping[str, Any]]:
        """Path and body of a request."""
        if self.path != self.streamed_path:
            return (self.streamed_path if stream else self.path), self.asked
        return self.path, {**self.asked, "stream": stream}


def is_whole(wire: Wire, reply: httpx.Response, *, stream: bool) -> bool:
    """Whether the answer came to its proper end."""
    return reply.status_code == 200 and b'"error"' not in reply.content and (not stream or wire.ends in reply.content)


def events(*values: Mapping[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


def _named(*values: Mapping[str, Any]) -> bytes:
    return b"".join(b"event: " + value["type"].encode() + b"\n" + events(value) for value in values)


def _openai_whole(told: Mapping[str, Any]) -> Mapping[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": "word"}, "finish_reason": "stop"}
    return {**_OPENAI, "object": "chat.completion", "choices": [choice], **told}


def _openai_said(told: Mapping[str, Any]) -> Said:
    head = {**_OPENAI, "object": "chat.completion.chunk"}
    word = {"index": 0, "delta": {"role": "assistant", "content": "word"}, "finish_reason": None}
    finish = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return Said(
        words=events({**head, "choices": [word]}),
        closing=events(finish, {**head, "choices": [], **told}),
        terminal=_DONE,
    )


def _anthropic_whole(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**_ANTHROPIC, "content": [{"type": "text", "text": "word"}], "stop_reason": "end_turn", **told}


def _anthropic_said(told: Mapping[str, Any]) -> Said:
    usage = told.get("usage") or {"input_tokens": 1000}
    message = {**_ANTHROPIC, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    return Said(
        words=_named(
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "word"}},
        ),
        closing=_named(
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, **told},
        ),
        terminal=_named({"type": "message_stop"}),
    )


def _google_whole(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"candidates": [{**_CANDIDATE, "finishReason": "STOP"}], **_GOOGLE, **told}


def _google_said(told: Mapping[str, Any]) -> Said:
    return Said(
        words=events({"candidates": [_CANDIDATE], **_GOOGLE}), closing=events(_google_whole(told)), terminal=b""
    )


_OPENAI: Mapping[str, Any] = {"id": "chatcmpl-1", "created": 1, "model": "gpt-4o-mini-2024-07-18"}
_ANTHROPIC: Mapping[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "stop_sequence": None,
}
_GOOGLE: Mapping[str, Any] = {"modelVersion": "gemini-2.5-flash", "responseId": "r1"}
_CANDIDATE: Mapping[str, Any] = {"index": 0, "content": {"role": "model", "parts": [{"text": "word"}]}}
_PROMPT = "x" * 4000
_TURNS: Sequence[Mapping[str, Any]] = ({"role": "user", "content": _PROMPT},)
_GPT: Mapping[str, Any] = {"model": "gpt-4o-mini", "messages": _TURNS, "max_tokens": 500}
_CLAUDE: Mapping[str, Any] = {"model": "claude-sonnet-4-5", "messages": _TURNS, "max_tokens": 500}
_GEMINI: Mapping[str, Any] = {
    "contents": [{"parts": [{"text": _PROMPT}]}],
    "generationConfig": {"maxOutputTokens": 500},
}
_GEMINI_PATH = "/v1beta/models/gemini-2.5-flash"
_DONE = b"data: [DONE]\n\n"
_STOP = b'"message_stop"}\n\n'

WIRES: Mapping[str, Wire] = {
    "openai": Wire(
        provider="openai",
        path="/v1/chat/completions",
        streamed_path="/v1/chat/completions",
        asked=_GPT,
        cost_nano=450_000,
        ends=_DONE,
        whole=_openai_whole,
        said=_openai_said,
    ),
    "anthropic": Wire(
        provider="anthropic",
        path="/v1/messages",
        streamed_path="/v1/messages",
        asked=_CLAUDE,
        cost_nano=10_500_000,
        ends=_STOP,
        whole=_anthropic_whole,
        said=_anthropic_said,
    ),
    "google": Wire(
        provider="google",
        path=f"{_GEMINI_PATH}:generateContent",
        streamed_path=f"{_GEMINI_PATH}:streamGenerateContent?alt=sse",
        asked=_GEMINI,
        cost_nano=1_550_000,
        ends=b"",
        whole=_google_whole,
        said=_google_said,
    ),
    "openai-to-anthropic": Wire(
        provider="anthropic",
        path="/v1/chat/completions",
        streamed_path="/v1/chat/completions",
        asked=_CLAUDE,
        cost_nano=10_500_000,
        ends=_DONE,
        whole=_anthropic_whole,
        said=_anthropic_said,
    ),
    "anthropic-to-openai": Wire(
        provider="openai",
        path="/v1/messages",
        streamed_path="/v1/messages",
        asked=_GPT,
        cost_nano=450_000,
        ends=_STOP,
        whole=_openai_whole,
        said=_openai_said,
    ),
}
"""Client's format, and the provider where it is another. Prices are the vendors' lists."""

NATIVE = tuple(WIRES[name] for name in ("openai", "anthropic", "google"))

on_every_wire = pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES.keys())
on_native_wires = pytest.mark.parametrize("wire", NATIVE, ids=lambda wire: wire.provider)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
