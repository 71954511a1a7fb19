"""The unmodified OpenAI client speaks Responses to a model of another provider, with no provider key at all."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from openai.types.responses import ResponseFunctionToolCall
from tests.api.conftest import Running

MODEL = "prxy/echo"


@pytest.fixture
def client(gateway: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.api_key, max_retries=0) as made:
        yield made


def test_a_plain_call_is_answered(client: openai.OpenAI) -> None:
    answer = client.responses.create(model=MODEL, input="Hello there", instructions="Be brief.")

    assert answer.output_text == "Hello there"
    assert answer.status == "completed"
    assert answer.instructions == "Be brief."
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0


def test_a_stream_says_the_same_and_ends_with_the_whole_answer(client: openai.OpenAI) -> None:
    with client.responses.stream(model=MODEL, input="one two three") as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_response()

    assert answer.output_text == "one two three"
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"


def test_a_tool_is_called_and_its_result_goes_back(client: openai.OpenAI) -> None:
    tool: openai.types.responses.FunctionToolParam = {
        "type": "function",
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "strict": False,
    }
    first = client.responses.create(model=MODEL, input="Weather?", tools=[tool], tool_choice="required")
    (call,) = first.output
    assert isinstance(call, ResponseFunctionToolCall)

    second = client.responses.create(
        model=MODEL,
        input=[
            {"role": "user", "content": "Weather?"},
            {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
            {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny."},
        ],
        tools=[tool],
    )

    assert call.name == "get_weather"
    assert second.status == "completed"


def test_what_openai_would_keep_is_refused_by_name(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=MODEL, input="Hi", previous_response_id="resp_1")

    assert caught.value.code == "unsupported_parameter"
    assert caught.value.param == "previous_response_id"


def test_storing_is_a_warning(client: openai.OpenAI) -> None:
    reply = client.responses.with_raw_response.create(model=MODEL, input="Hi", store=True)

    assert reply.headers["x-prxy-warnings"] == "store"
