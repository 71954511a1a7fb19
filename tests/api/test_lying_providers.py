"""Providers that lie or dawdle: no call becomes cheaper by it, and no client is kept waiting."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai
from tests.api.conftest import Running, provider_variables, start_gateway
from tests.api.upstream import Answer, Upstream

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}], "max_tokens": 500}
BOUND_USD = 0.0003
"""500 tokens of gpt-4o-mini's output; what the prompt may cost comes on top."""
HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
WORD = {**HEAD, "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}
FINISH = {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {**HEAD, "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}
COST = "0.0000045"
SSE = {"content-type": "text/event-stream"}


def events(*values: Any) -> list[bytes]:
    return [b"data: " + json.dumps(value).encode() + b"\n\n" for value in values]


DONE = b"data: [DONE]\n\n"


@pytest.fixture(scope="module")
def lively(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway that sends a comment in every 0.3 s of silence."""
    variables = {**provider_variables(upstream.url), "PRXY_KEEPALIVE_S": "0.3"}
    yield from start_gateway(variables, tmp_path_factory.mktemp("lively"))


def charged(reply: httpx.Response) -> str:
    """The cost in the header, or in the comment that ends a stream."""
    if "x-prxy-cost-usd" in reply.headers:
        return reply.headers["x-prxy-cost-usd"]
    receipt = next(line for line in reply.text.split("\n") if line.startswith(": prxy "))
    return receipt.split("cost_usd=")[1].split(" ")[0]


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "many",
        {"total_tokens": 5},
        {"prompt_tokens": 10},
        {"completion_tokens": 5},
        {"prompt_tokens": -5, "completion_tokens": 5},
        {"prompt_tokens": "5", "completion_tokens": 5},
        {"prompt_tokens": 1.5, "completion_tokens": 5},
        {"prompt_tokens": 10**12, "completion_tokens": 5},
        {"prompt_tokens": True, "completion_tokens": 5},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_usage_that_cannot_be_read_is_charged_by_its_bound(
    gateway: Running, upstream: Upstream, usage: object, stream: bool
) -> None:
    """M18, M19."""
    whole = {
        **HEAD,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "w"}, "finish_reason": "stop"}],
    }
    answers = {
        False: Answer(body=json.dumps({**whole, "usage": usage}).encode()),
        True: Answer(body=[*events(WORD, FINISH, {**USAGE, "usage": usage}), DONE], headers=SSE),
    }
    limited = gateway.make_key(limits={"per_day_usd": "1"})

    reply = gateway.chat(
        {**ASK, "stream": stream},
        x_provider_key=upstream.put("no-usage", answers[stream]),
        authorization=f"Bearer {limited}",
    )

    assert reply.status_code == 200
    assert BOUND_USD < float(charged(reply)) < 2 * BOUND_USD


def test_usage_that_text_follows_is_neither_charged_nor_told(gateway: Running, upstream: Upstream) -> None:
    """The client would take it for the whole."""
    key = upstream.put("early-usage", Answer(body=[*events(WORD, USAGE, WORD, FINISH), DONE], headers=SSE))

    reply = gateway.chat(ASK, x_provider_key=key)

    assert reply.json()["choices"][0]["message"]["content"] == "word word "
    assert "usage" not in reply.json()
    assert float(charged(reply)) >= BOUND_USD


@pytest.mark.parametrize(
    "told", [{}, {"usage": None}, {"usage": {}}, {"usage": {"output_tokens": -1}}, {"usage": {"input_tokens": 10}}]
)
def test_the_usage_at_the_start_of_a_message_does_not_stand_for_its_end(
    gateway: Running, upstream: Upstream, told: dict[str, Any]
) -> None:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": []}
    begun = {**message, "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
    said: tuple[dict[str, Any], ...] = (
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "word " * 400}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, **told},
        {"type": "message_stop"},
    )
    body = [b"event: %s\n" % each["type"].encode() + events(each)[0] for each in said]
    key = upstream.put("start-usage", Answer(body=body, headers=SSE))

    reply = gateway.post("/v1/messages", {**ASK, "model": "claude-sonnet-4-5", "stream": True}, x_provider_key=key)

    assert float(charged(reply)) > 500 * 15e-6


def test_a_cost_that_nothing_bounds_is_unknown_and_not_nothing(gateway: Running, upstream: Upstream) -> None:
    file = {"type": "file", "file": {"file_id": "file-1"}}
    whole = {
        **HEAD,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "w"}, "finish_reason": "stop"}],
    }
    key = upstream.put("unbounded", Answer(body=json.dumps(whole).encode()))

    reply = gateway.chat({**ASK, "messages": [{"role": "user", "content": [file]}]}, x_provider_key=key)

    assert (reply.status_code, reply.headers["x-prxy-cost-usd"]) == (200, "unknown")


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_name_from_the_provider_cannot_break_out_of_its_line(
    gateway: Running, upstream: Upstream, stream: bool
) -> None:
    """S10."""
    name = "gpt\r\n\r\ndata: evil\r\nset-cookie: a=b" + "x" * 10_000
    said = [{**each, "model": name} for each in (WORD, FINISH, USAGE)]
    whole = {
        **HEAD,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "w"}, "finish_reason": "stop"}],
    }
    body = [*events(*said), DONE] if stream else json.dumps({**whole, "model": name}).encode()
    headers = SSE if stream else {"content-type": "application/json"}
    key = upstream.put("evil-model", Answer(body=body, headers=headers))

    reply = gateway.chat({**ASK, "stream": stream}, x_provider_key=key)

    assert reply.status_code == 200
    assert reply.headers["x-prxy-model"].startswith("gpt%0D%0A%0D%0Adata: evil%0D%0Aset-cookie: a=b")
    assert len(reply.headers["x-prxy-model"]) <= 256
    assert "set-cookie" not in reply.headers
    assert "\ndata: evil" not in reply.text


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_never_closes_a_finished_answer_keeps_nobody_waiting(
    gateway: Running, upstream: Upstream, stream: bool
) -> None:
    """P26."""
    answer = Answer(body=[b"".join(events(WORD, FINISH, USAGE)) + DONE, b": more\n"], headers=SSE, pause_s=5)
    key = upstream.put("never-closes", answer)
    started = time.monotonic()

    reply = gateway.chat({**ASK, "stream": stream}, x_provider_key=key)

    assert time.monotonic() - started < 2
    assert charged(reply) == COST


def test_the_name_of_a_media_type_is_read_in_any_case(gateway: Running, upstream: Upstream) -> None:
    answer = Answer(
        body=[*events(WORD, FINISH, USAGE), DONE], headers={"content-type": "Text/Event-Stream; charset=utf-8"}
    )

    reply = gateway.chat({**ASK, "stream": True}, x_provider_key=upstream.put("loud-type", answer))

    assert reply.status_code == 200
    assert reply.text.endswith("data: [DONE]\n\n")


def test_a_stream_that_begins_late_is_passed_on_as_it_came(lively: Running, upstream: Upstream) -> None:
    """G08: a comment in the silence before the first event changes nothing of what follows."""
    late = {**WORD, "vendor_field": {"kept": True}}
    answer = Answer(body=[b": thinking\n\n", *events(late, FINISH, USAGE), DONE], headers=SSE, pause_s=0.5)

    reply = lively.chat({**ASK, "stream": True}, x_provider_key=upstream.put("late", answer))

    assert reply.text.startswith(": keep-alive\n")
    assert events(late)[0].decode() in reply.text
    assert reply.text.endswith("data: [DONE]\n\n")


def test_an_error_behind_a_comment_is_told_in_band(lively: Running, upstream: Upstream) -> None:
    answer = Answer(body=[b": thinking\n\n", b"data: {broken\n\n"], headers=SSE, pause_s=0.7)

    reply = lively.chat({**ASK, "stream": True}, x_provider_key=upstream.put("late-error", answer))

    assert reply.status_code == 200
    assert reply.text.count('"code":"provider_bad_response"') == 1
    assert "[DONE]" not in reply.text


def test_the_official_clients_read_over_comments(lively: Running, upstream: Upstream) -> None:
    """G07, G10, P18."""
    answer = Answer(body=[*events(WORD, WORD, FINISH, USAGE), DONE], headers=SSE, pause_s=0.5)
    key = upstream.put("slow-words", answer)
    headers = {"x-provider-key": key}
    turn: Any = [{"role": "user", "content": "x"}]

    with openai.OpenAI(base_url=f"{lively.url}/v1", api_key=lively.api_key, default_headers=headers) as chat:
        chunks = list(chat.chat.completions.create(model="gpt-4o-mini", messages=turn, stream=True))
    with (
        anthropic.Anthropic(base_url=lively.url, api_key=lively.api_key, default_headers=headers) as claude,
        claude.messages.stream(model="gpt-4o-mini", max_tokens=500, messages=turn) as stream,
    ):
        text = stream.get_final_text()
    options = genai.types.HttpOptions(base_url=lively.url, headers=headers)
    gemini = genai.Client(api_key=lively.api_key, http_options=options)
    parts = [
        each.text or "" for each in gemini.models.generate_content_stream(model="openai/gpt-4o-mini", contents="x")
    ]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "word word "
    assert text == "word word "
    assert "".join(parts) == "word word "


def test_no_comment_is_put_into_half_an_event(lively: Running, upstream: Upstream) -> None:
    """G09: what is not a whole event yet is not sent, so that silence within it ends at its edge."""
    first, second = events(WORD, WORD)
    answer = Answer(body=[first, second[:20], second[20:], *events(FINISH, USAGE), DONE], headers=SSE, pause_s=0.7)

    reply = lively.chat({**ASK, "stream": True}, x_provider_key=upstream.put("halves", answer))

    said = reply.text.replace(": keep-alive\n", "")
    assert said != reply.text
    assert said.encode().startswith(first + second)
    assert all(line.startswith(("data: ", ": ")) for line in reply.text.split("\n") if line)


def test_no_header_of_the_provider_comes_through(gateway: Running, upstream: Upstream) -> None:
    """S05."""
    evil = {"set-cookie": "a=b", "location": "http://localhost", "openai-organization": "org-1", "x-evil": "1"}
    whole = {
        **HEAD,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "w"}, "finish_reason": "stop"}],
    }
    body = json.dumps(whole).encode()
    key = upstream.put("headers", Answer(body=body, headers={"content-type": "application/json", **evil}))

    reply = gateway.chat(ASK, x_provider_key=key)

    assert evil.keys().isdisjoint(reply.headers)
