"""The unmodified Anthropic client talks to the gateway: to the echo model, and to OpenAI behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import anthropic
import pytest
from anthropic.types import MessageParam, ToolParam
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

ECHO = "prxy/echo"
GPT = "gpt-4o-mini"
WEATHER: ToolParam = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
EVENTS = {"content-type": "text/event-stream"}


@pytest.fixture
def client(gateway: Running) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.api_key, max_retries=0) as made:
        yield made


def say(text: str) -> list[MessageParam]:
    return [{"role": "user", "content": text}]


def openai_stream(*deltas: dict[str, object], finish: str = "stop") -> Answer:
    """A Chat Completions stream with usage at its end."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": GPT}
    choices = [
        *({"index": 0, "delta": delta, "finish_reason": None} for delta in deltas),
        {"index": 0, "delta": {}, "finish_reason": finish},
    ]
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    chunks = [*({**head, "choices": [choice]} for choice in choices), {**head, "choices": [], "usage": usage}]
    return Answer(
        body=[*(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks), b"data: [DONE]\n\n"], headers=EVENTS
    )


def test_a_plain_call_is_answered(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(model=ECHO, max_tokens=100, messages=say("Hello there"))

    assert [block.text for block in answer.content if block.type == "text"] == ["Hello there"]
    assert (answer.role, answer.stop_reason) == ("assistant", "end_turn")
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0


def test_a_stream_adds_up_to_its_message(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model=ECHO, max_tokens=100, messages=say("one two three")) as stream:
        texts = list(stream.text_stream)
        message = stream.get_final_message()

    assert len(texts) > 1
    assert "".join(texts) == "one two three" == stream.get_final_text()
    assert (message.stop_reason, message.usage.output_tokens > 0) == ("end_turn", True)


async def test_the_asynchronous_client_streams(gateway: Running) -> None:
    async with (
        anthropic.AsyncAnthropic(base_url=gateway.url, api_key=gateway.api_key, max_retries=0) as client,
        client.messages.stream(model=ECHO, max_tokens=100, messages=say("a b c")) as stream,
    ):
        text = "".join([piece async for piece in stream.text_stream])

    assert text == "a b c"


def test_a_tool_is_called_and_its_result_comes_back(client: anthropic.Anthropic) -> None:
    question = say("What is the weather in Oslo?")

    first = client.messages.create(model=ECHO, max_tokens=100, messages=question, tools=[WEATHER])

    [call] = [block for block in first.content if block.type == "tool_use"]
    assert first.stop_reason == "tool_use"
    assert call.name == "get_weather"
    assert set(call.input) == {"city"}

    history: list[MessageParam] = [
        *question,
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "12 degrees"}]},
    ]
    second = client.messages.create(model=ECHO, max_tokens=100, messages=history, tools=[WEATHER])

    assert "12 degrees" in "".join(block.text for block in second.content if block.type == "text")


def test_a_limit_of_the_answer_is_the_clients_stop_reason(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(model=ECHO, max_tokens=1, messages=say("one two three"))

    assert answer.stop_reason == "max_tokens"


def test_the_echo_is_counted_by_estimate(client: anthropic.Anthropic) -> None:
    counted = client.messages.with_raw_response.count_tokens(model=ECHO, messages=say("one two three"))

    assert counted.parse().input_tokens > 0
    assert counted.headers["x-prxy-warnings"] == "input_tokens"


def test_openais_stream_adds_up_to_a_message_of_claudes(client: anthropic.Anthropic, upstream: Upstream) -> None:
    key = upstream.put("claude-openai-text", openai_stream({"role": "assistant", "content": "Co"}, {"content": "ld."}))

    with client.messages.stream(
        model=GPT, max_tokens=64, system="Be brief.", messages=say("Weather?"), extra_headers={"x-provider-key": key}
    ) as stream:
        texts = list(stream.text_stream)
        message = stream.get_final_message()

    assert texts == ["Co", "ld."]
    assert (message.stop_reason, message.model) == ("end_turn", GPT)
    assert (message.usage.input_tokens, message.usage.output_tokens) == (11, 7)
    asked = upstream.asked[key][0].body
    assert asked["messages"][0]["content"] == "Be brief."
    assert asked["max_completion_tokens"] == 64


def test_a_call_in_openais_stream_is_a_tool_use_whose_arguments_grow(
    client: anthropic.Anthropic, upstream: Upstream
) -> None:
    def piece(arguments: str, **named: object) -> dict[str, object]:
        function = {"arguments": arguments, **({"name": "get_weather"} if named else {})}
        return {"tool_calls": [{"index": 0, **named, "function": function}]}

    opened = piece("", id="call_7", type="function")
    answer = openai_stream(opened, piece('{"city": '), piece('"Oslo"}'), finish="tool_calls")
    key = upstream.put("claude-openai-tool", answer)

    with client.messages.stream(
        model=GPT, max_tokens=64, messages=say("Weather?"), tools=[WEATHER], extra_headers={"x-provider-key": key}
    ) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        message = stream.get_final_message()

    [block] = message.content
    assert block.type == "tool_use"
    assert (block.id, block.name, block.input) == ("call_7", "get_weather", {"city": "Oslo"})
    assert "".join(pieces) == '{"city": "Oslo"}'
    assert message.stop_reason == "tool_use"


def test_a_stream_that_breaks_off_is_the_clients_own_exception(client: anthropic.Anthropic, upstream: Upstream) -> None:
    whole = openai_stream({"role": "assistant", "content": "Co"}, {"content": "ld."})
    key = upstream.put("claude-openai-cut", Answer(body=whole.body[:2], headers=EVENTS, cut=True))

    with (
        pytest.raises(anthropic.APIStatusError) as broken,
        client.messages.stream(
            model=GPT, max_tokens=64, messages=say("Weather?"), extra_headers={"x-provider-key": key}
        ) as stream,
    ):
        stream.get_final_message()

    assert isinstance(broken.value.body, dict)
    assert broken.value.body["error"]["code"] == "provider_stream_interrupted"


def test_a_refused_key_is_the_clients_own_exception(gateway: Running) -> None:
    with (
        anthropic.Anthropic(base_url=gateway.url, api_key="prxy_live_nonsense", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError) as refused,
    ):
        client.messages.create(model=ECHO, max_tokens=10, messages=say("x"))

    assert isinstance(refused.value.body, dict)
    assert refused.value.body["error"]["code"] == "invalid_api_key"
