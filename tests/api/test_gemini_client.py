"""The unmodified Google client talks to the gateway: to the echo model, and to Claude behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

ECHO = "prxy/echo"
CLAUDE = "claude-sonnet-4-5"
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            parameters=types.Schema(
                type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}, required=["city"]
            ),
        )
    ]
)
EVENTS = {"content-type": "text/event-stream"}


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture(params=["v1", "v1beta"])
def client(gateway: Running, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=gateway.url, api_version=request.param)
    with genai.Client(api_key=gateway.api_key, http_options=options) as made:
        yield made


def with_key(key: str, **config: object) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(
        http_options=types.HttpOptions(headers={"x-provider-key": key}),
        **config,  # type: ignore[arg-type]
    )


def claude(*content: object, stop_reason: str = "end_turn") -> Answer:
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": CLAUDE,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 7},
    }
    return Answer(body=json.dumps(body).encode())


def claude_stream(*texts: str) -> Answer:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": CLAUDE, "content": []}
    start = {**message, "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 11, "output_tokens": 1}}
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]
    return Answer(
        body=[f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events], headers=EVENTS
    )


def test_a_plain_call_is_answered(client: genai.Client) -> None:
    answer = client.models.generate_content(model=ECHO, contents="Hello there")

    assert answer.text == "Hello there"
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP
    usage = answer.usage_metadata
    assert usage is not None
    assert usage.total_token_count == (usage.prompt_token_count or 0) + (usage.candidates_token_count or 0)


def test_a_stream_says_the_same_and_ends_with_usage(client: genai.Client) -> None:
    chunks = list(client.models.generate_content_stream(model=ECHO, contents="one two three"))

    assert "".join(chunk.text or "" for chunk in chunks) == "one two three"
    assert chunks[-1].usage_metadata is not None
    assert chunks[-1].candidates is not None
    assert chunks[-1].candidates[0].finish_reason is types.FinishReason.STOP


async def test_the_asynchronous_client_streams(gateway: Running) -> None:
    client = genai.Client(api_key=gateway.api_key, http_options=types.HttpOptions(base_url=gateway.url))
    try:
        stream = await client.aio.models.generate_content_stream(model=ECHO, contents="a b c")
        text = "".join([chunk.text or "" async for chunk in stream])
    finally:
        await client.aio.aclose()
        client.close()

    assert text == "a b c"


def test_a_tool_is_called_and_its_result_comes_back(client: genai.Client) -> None:
    config = types.GenerateContentConfig(tools=[WEATHER])
    question = types.UserContent("What is the weather in Oslo?")

    first = client.models.generate_content(model=ECHO, contents=[question], config=config)

    assert first.function_calls is not None
    [call] = first.function_calls
    assert call.name == "get_weather"
    assert set(call.args or {}) == {"city"}

    assert first.candidates is not None
    result = types.Part.from_function_response(name="get_weather", response={"result": "12 degrees"})
    history = [question, first.candidates[0].content, types.Content(role="user", parts=[result])]
    second = client.models.generate_content(model=ECHO, contents=history, config=config)

    assert "12 degrees" in (second.text or "")


def test_structured_output_parses(client: genai.Client) -> None:
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Person)

    answer = client.models.generate_content(model=ECHO, contents="Who?", config=config)

    assert isinstance(answer.parsed, Person)


def test_claude_is_asked_in_its_own_words(client: genai.Client, upstream: Upstream) -> None:
    key = upstream.put("gemini-asks-claude", claude({"type": "text", "text": "Cold."}))
    config = with_key(key, system_instruction="Be brief.", temperature=0.5, max_output_tokens=64, tools=[WEATHER])

    answer = client.models.generate_content(model=CLAUDE, contents="Weather in Oslo?", config=config)

    assert answer.text == "Cold."
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata.prompt_token_count, answer.usage_metadata.candidates_token_count) == (11, 7)
    asked = upstream.asked[key][0].body
    assert asked["system"] == "Be brief."
    assert (asked["temperature"], asked["max_tokens"]) == (0.5, 64)
    assert asked["tools"][0]["input_schema"]["properties"] == {"city": {"type": "string"}}


def test_a_call_of_claudes_and_its_result_find_each_other(client: genai.Client, upstream: Upstream) -> None:
    call = {"type": "tool_use", "id": "toolu_7", "name": "get_weather", "input": {"city": "Oslo"}}
    key = upstream.put(
        "gemini-claude-tool", claude(call, stop_reason="tool_use"), claude({"type": "text", "text": "Cold."})
    )
    config = with_key(key, tools=[WEATHER])
    question = types.UserContent("Weather in Oslo?")

    first = client.models.generate_content(model=CLAUDE, contents=[question], config=config)

    assert first.function_calls is not None
    [called] = first.function_calls
    assert (called.id, called.name, called.args) == ("toolu_7", "get_weather", {"city": "Oslo"})

    assert first.candidates is not None
    result = types.FunctionResponse(id=called.id, name=called.name, response={"result": "4 degrees"})
    history = [
        question,
        first.candidates[0].content,
        types.Content(role="user", parts=[types.Part(function_response=result)]),
    ]
    second = client.models.generate_content(model=CLAUDE, contents=history, config=config)

    assert second.text == "Cold."
    sent = upstream.asked[key][1].body["messages"]
    assert sent[1]["content"][0]["id"] == sent[2]["content"][0]["tool_use_id"] == "toolu_7"


def test_claudes_stream_reaches_the_client(client: genai.Client, upstream: Upstream) -> None:
    key = upstream.put("gemini-claude-stream", claude_stream("Co", "ld", "."))

    chunks = list(client.models.generate_content_stream(model=CLAUDE, contents="Weather?", config=with_key(key)))

    assert "".join([chunk.text for chunk in chunks if chunk.text]) == "Cold."
    assert chunks[-1].usage_metadata is not None
    assert chunks[-1].usage_metadata.candidates_token_count == 7
    assert upstream.asked[key][0].body["stream"] is True


def test_claude_answers_in_the_clients_schema(client: genai.Client, upstream: Upstream) -> None:
    key = upstream.put("gemini-claude-schema", claude({"type": "text", "text": '{"name": "Ada", "age": 36}'}))
    config = with_key(key, response_mime_type="application/json", response_schema=Person)

    answer = client.models.generate_content(model=CLAUDE, contents="Who?", config=config)

    assert answer.parsed == Person(name="Ada", age=36)
    schema = upstream.asked[key][0].body["output_config"]["format"]["schema"]
    assert set(schema["properties"]) == {"name", "age"}


def test_a_refused_key_is_the_clients_own_exception(gateway: Running) -> None:
    options = types.HttpOptions(base_url=gateway.url)
    with (
        genai.Client(api_key="prxy_live_nonsense", http_options=options) as client,
        pytest.raises(errors.ClientError) as refused,
    ):
        client.models.generate_content(model=ECHO, contents="x")

    assert (refused.value.code, refused.value.status) == (401, "UNAUTHENTICATED")


def raw(text: str) -> dict[str, object]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_a_stream_without_alt_sse_is_one_json_array(gateway: Running, version: str) -> None:
    reply = gateway.post(f"/{version}/models/{ECHO}:streamGenerateContent", raw("one two three"))

    chunks = reply.json()
    texts = [part["text"] for chunk in chunks for part in chunk["candidates"][0].get("content", {}).get("parts", ())]
    assert reply.headers["content-type"] == "application/json"
    assert "".join(texts) == "one two three"
    assert chunks[-1]["usageMetadata"]["totalTokenCount"] > 0


def test_a_stream_for_geminis_clients_has_no_line_that_they_cannot_read(gateway: Running) -> None:
    reply = gateway.post(f"/v1beta/models/{ECHO}:streamGenerateContent?alt=sse", raw("one two three"))

    assert reply.headers["content-type"] == "text/event-stream"
    assert {line[:6] for line in reply.text.splitlines()} == {"data: ", ""}


def test_claudes_stream_can_be_an_array_too(gateway: Running, upstream: Upstream) -> None:
    key = upstream.put("gemini-claude-array", claude_stream("Co", "ld."))

    reply = gateway.post(f"/v1beta/models/{CLAUDE}:streamGenerateContent", raw("Weather?"), x_provider_key=key)

    assert len(reply.json()) >= 2
    assert reply.headers["x-prxy-provider"] == "anthropic"


def test_an_array_that_breaks_off_is_still_json_and_ends_in_the_error(gateway: Running, upstream: Upstream) -> None:
    whole = claude_stream("Co", "ld.")
    key = upstream.put("gemini-claude-cut", Answer(body=whole.body[:3], headers=EVENTS, cut=True))

    reply = gateway.post(f"/v1beta/models/{CLAUDE}:streamGenerateContent", raw("Weather?"), x_provider_key=key)

    assert reply.status_code == 200
    assert reply.json()[-1]["error"]["details"][0]["reason"] == "provider_stream_interrupted"


@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent"])
def test_a_key_in_the_query_opens_the_door(gateway: Running, method: str) -> None:
    right = gateway.http.post(f"/v1beta/models/{ECHO}:{method}?alt=json&key={gateway.api_key}", json=raw("hi"))
    wrong = gateway.http.post(f"/v1beta/models/{ECHO}:{method}?key=prxy_live_nonsense", json=raw("hi"))
    other = gateway.http.post(f"/v1/chat/completions?key={gateway.api_key}", json={"model": ECHO, "messages": []})

    assert right.status_code == 200
    assert wrong.status_code == other.status_code == 401
    assert wrong.json()["error"]["status"] == "UNAUTHENTICATED"


def test_the_models_stay_readable_where_gemini_asks_below_their_path(gateway: Running) -> None:
    headers = {"authorization": f"Bearer {gateway.api_key}"}

    one = gateway.http.get(f"/v1/models/{ECHO}", headers=headers)
    unknown = gateway.http.get("/v1/models/ollama/some:tag", headers=headers)
    posted = gateway.post(f"/v1/models/{ECHO}", raw("hi"))

    assert one.json()["id"] == ECHO
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")
    assert (posted.status_code, posted.json()["error"]["code"]) == (405, "method_not_allowed")


def test_an_unknown_method_is_told_in_geminis_shape(gateway: Running) -> None:
    reply = gateway.post(f"/v1beta/models/{ECHO}:embedContent", raw("hi"))

    assert (reply.status_code, reply.json()["error"]["status"]) == (404, "NOT_FOUND")
