"""Recorded and golden provider replies through the running gateway: what goes out, what comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream
from tests.exchanges import Exchange, exchanges

from prxy.canonical.parts import Text, ToolCall
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import fold, through
from prxy.formats import FORMATS
from prxy.framing.sse import SseDecoder

PROVIDERS = {"openai_chat": "openai", "anthropic_messages": "anthropic", "gemini_generate": "google"}
CHAT = FORMATS["openai_chat"]


def answered() -> Iterator[Any]:
    """Complete answers of each wire, whose request a Chat client could have caused."""
    for exchange in exchanges():
        if exchange.format in PROVIDERS and exchange.is_ok and (exchange.is_whole_stream or exchange.response):
            yield pytest.param(exchange, id=exchange.id)


def put(upstream: Upstream, exchange: Exchange) -> str:
    if exchange.stream_bytes is not None:
        raw = exchange.stream_bytes
        pieces = [raw[i : i + 97] for i in range(0, len(raw), 97)]
        answer = Answer(body=pieces, headers={"content-type": "text/event-stream"})
    else:
        answer = Answer(body=json.dumps(exchange.response).encode())
    return upstream.put("fixture-" + re.sub(r"[^\w-]", "-", exchange.id), answer)


def recorded_meaning(exchange: Exchange) -> ChatResponse:
    format_ = FORMATS[exchange.format]
    if exchange.stream_bytes is None:
        return format_.parse_response(exchange.response)
    frames = through(SseDecoder(), [exchange.stream_bytes])
    return fold(through(format_.decode_stream(), frames))


def chat_meaning(body: bytes, *, streamed: bool) -> ChatResponse:
    if not streamed:
        return CHAT.parse_response(json.loads(body))
    return fold(through(CHAT.decode_stream(), through(SseDecoder(), [body])))


def arguments(call: ToolCall) -> Any:
    return call.arguments if call.freeform else json.loads(call.arguments or "{}")


def said(response: ChatResponse) -> list[tuple[str, list[tuple[str, Any]]]]:
    """What every choice says to the user: texts, and calls with their arguments."""
    return [
        (
            "".join(part.text for part in choice.parts if isinstance(part, Text)),
            [(p.name, arguments(p)) for p in choice.parts if isinstance(p, ToolCall)],
        )
        for choice in response.choices
    ]


@pytest.mark.parametrize("exchange", list(answered()))
def test_a_chat_client_gets_what_the_provider_said(exchange: Exchange, gateway: Running, upstream: Upstream) -> None:
    key = put(upstream, exchange)
    model = f"{PROVIDERS[exchange.format]}/some-model"
    streamed = exchange.stream_bytes is not None

    reply = gateway.chat(
        {"model": model, "messages": [{"role": "user", "content": "x"}], "stream": streamed, "max_tokens": 50},
        x_provider_key=key,
    )

    assert reply.status_code == 200, reply.text
    recorded, got = recorded_meaning(exchange), chat_meaning(reply.content, streamed=streamed)
    if all(choice.finish.reason != "length" for choice in recorded.choices):
        assert said(got) == said(recorded)
    if recorded.usage is not None and not streamed:
        assert got.usage is not None
        assert (got.usage.input_tokens, got.usage.output_tokens) == (
            recorded.usage.input_tokens,
            recorded.usage.output_tokens,
        )
    if streamed:
        assert reply.content.rstrip().endswith(b"data: [DONE]")
