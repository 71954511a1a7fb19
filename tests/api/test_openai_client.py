"""The unmodified OpenAI client talks to the gateway, with no provider key at all."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from pydantic import BaseModel
from tests.api.conftest import Running

MODEL = "prxy/echo"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture
def client(gateway: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.api_key, max_retries=0) as made:
        yield made


def test_a_plain_call_is_answered(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hello there"}])

    assert answer.choices[0].message.content == "Hello there"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_stream_says_the_same_and_ends_with_usage(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "one two three"}],
        stream=True,
        stream_options={"include_usage": True},
    )

    chunks = list(stream)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "one two three"
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None


def test_a_stream_without_the_option_has_no_usage_chunk(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "one two"}], stream=True)

    assert all(chunk.choices for chunk in stream)


def test_a_tool_is_called_and_its_result_comes_back(client: openai.OpenAI) -> None:
    messages: list[dict[str, object]] = [{"role": "user", "content": "What is the weather in Oslo?"}]

    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])  # type: ignore[call-overload]

    call = first.choices[0].message.tool_calls[0]
    assert first.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_weather"

    result = {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"}
    history = [*messages, first.choices[0].message, result]
    second = client.chat.completions.create(model=MODEL, messages=history, tools=[WEATHER])  # type: ignore[call-overload]

    assert "12 degrees" in second.choices[0].message.content


def test_structured_output_parses(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(
        model=MODEL, messages=[{"role": "user", "content": "Who?"}], response_format=Person
    )

    assert isinstance(answer.choices[0].message.parsed, Person)


async def test_the_asynchronous_client_streams(gateway: Running) -> None:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.api_key, max_retries=0) as client:
        stream = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "a b c"}], stream=True
        )
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert text == "a b c"


def test_a_refused_key_is_the_clients_own_exception(gateway: Running) -> None:
    stranger = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="prxy_live_nonsense", max_retries=0)
    with stranger as client, pytest.raises(openai.AuthenticationError) as refused:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "x"}])

    assert refused.value.code == "invalid_api_key"


def test_the_models_list_names_the_echo(client: openai.OpenAI) -> None:
    assert "prxy/echo" in [model.id for model in client.models.list()]
