"""The model that repeats."""

from __future__ import annotations

from typing import Any

import jsonschema
import msgspec
import pytest

from prxy.framing.sse import SseDecoder
from prxy.providers.echo.answer import tokenize
from prxy.providers.echo.schema import instance
from prxy.providers.echo.transport import EchoTransport
from prxy.providers.transport import HttpRequest

HELLO = {"role": "user", "content": "hello wide world"}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
OTHER = {"type": "function", "function": {"name": "time"}}
CUSTOM = {"type": "custom", "custom": {"name": "shell"}}


async def ask(*messages: dict[str, Any], **fields: Any) -> Any:
    status, body = await sent({"model": "echo", "messages": messages, **fields})
    assert status == 200
    return msgspec.json.decode(body)


async def sent(body: dict[str, Any]) -> tuple[int, bytes]:
    request = HttpRequest(url="http://echo.invalid/v1/chat/completions", headers={}, body=msgspec.json.encode(body))
    reply = await EchoTransport().send(request)
    return reply.status, await reply.read()


async def stream(*messages: dict[str, Any], **fields: Any) -> list[Any]:
    _, body = await sent({"model": "echo", "messages": messages, "stream": True, **fields})
    frames = [*SseDecoder().feed(body)]
    assert frames[-1].data == b"[DONE]"
    return [msgspec.json.decode(frame.data) for frame in frames[:-1]]


def said(completion: Any) -> Any:
    return completion["choices"][0]["message"]["content"]


def called(completion: Any) -> Any:
    return completion["choices"][0]["message"]["tool_calls"][0]


async def test_repeats_the_last_user_message() -> None:
    completion = await ask({"role": "system", "content": "no"}, {"role": "user", "content": "old"}, HELLO)

    assert said(completion) == "hello wide world"
    assert completion["choices"][0]["finish_reason"] == "stop"
    assert completion["usage"] == {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


async def test_names_what_is_not_text() -> None:
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "https://x.example"}}]

    assert said(await ask({"role": "user", "content": parts})) == "see\n[image_url]"


async def test_equal_requests_have_equal_answers() -> None:
    assert await ask(HELLO) == await ask(HELLO)
    assert (await ask(HELLO))["id"] != (await ask(HELLO, user="x"))["id"]


async def test_a_stream_comes_word_by_word_and_says_the_same() -> None:
    chunks = await stream(HELLO)

    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert [delta.get("content") for delta in deltas] == ["", "hello", " wide", " world", None]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


async def test_a_stream_counts_its_tokens_when_asked() -> None:
    chunks = await stream(HELLO, stream_options={"include_usage": True})

    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 3


async def test_an_offered_tool_is_called_with_fitting_arguments() -> None:
    completion = await ask(HELLO, tools=[TOOL, OTHER])

    assert called(completion)["function"] == {"name": "weather", "arguments": '{"city":"echo"}'}
    assert completion["choices"][0]["finish_reason"] == "tool_calls"
    assert said(completion) is None


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ("auto", "weather"),
        ("required", "weather"),
        ({"type": "function", "function": {"name": "time"}}, "time"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [OTHER]}}, "time"),
    ],
)
async def test_the_choice_of_tool_is_honoured(choice: Any, name: str) -> None:
    assert called(await ask(HELLO, tools=[TOOL, OTHER], tool_choice=choice))["function"]["name"] == name


async def test_no_tool_is_called_where_none_may_be() -> None:
    assert said(await ask(HELLO, tools=[TOOL], tool_choice="none")) == "hello wide world"


async def test_a_custom_tool_gets_the_text() -> None:
    assert called(await ask(HELLO, tools=[CUSTOM]))["custom"] == {"name": "shell", "input": "hello wide world"}


async def test_a_tools_result_is_repeated_as_text() -> None:
    call = called(await ask(HELLO, tools=[TOOL]))
    result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny, 21 degrees"}

    completion = await ask(HELLO, {"role": "assistant", "tool_calls": [call]}, result, tools=[TOOL])

    assert said(completion) == "sunny, 21 degrees"


@pytest.mark.parametrize("tool", [TOOL, CUSTOM], ids=["function", "custom"])
async def test_a_streamed_call_adds_up_to_the_whole_one(tool: dict[str, Any]) -> None:
    whole = called(await ask(HELLO, tools=[tool]))
    kind, field = ("custom", "input") if "custom" in whole else ("function", "arguments")

    chunks = await stream(HELLO, tools=[tool])

    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert calls[0]["type"] == whole["type"]
    assert calls[0]["id"].startswith("call_")
    assert "".join(call[kind][field] for call in calls) == whole[kind][field]


async def test_json_is_written_where_it_is_asked_for() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]}
    by_schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}

    assert said(await ask(HELLO, response_format=by_schema)) == '{"n":3}'
    assert said(await ask(HELLO, response_format={"type": "json_object"})) == '{"echo":"hello wide world"}'


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_the_token_limit_cuts_the_answer(name: str) -> None:
    completion = await ask(HELLO, **{name: 2})

    assert said(completion) == "hello wide"
    assert completion["choices"][0]["finish_reason"] == "length"
    assert completion["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize("stop", [" wide", ["nowhere", " wide", "world"]])
async def test_a_stop_sequence_ends_the_answer(stop: Any) -> None:
    completion = await ask(HELLO, stop=stop)

    assert said(completion) == "hello"
    assert completion["choices"][0]["finish_reason"] == "stop"


async def test_more_than_one_choice_is_refused() -> None:
    status, body = await sent({"model": "echo", "messages": [HELLO], "n": 2})

    assert status == 400
    assert msgspec.json.decode(body)["error"]["param"] == "n"


@pytest.mark.parametrize(
    "text", ["", " ", "a", "a b", "  a\n\nb ", "antidisestablishmentarianism", "日本語の文章です。"]
)
def test_tokens_add_up_to_their_text(text: str) -> None:
    assert "".join(tokenize(text)) == text


SCHEMAS: dict[str, Any] = {
    "empty": {},
    "true": True,
    "const": {"const": {"a": [1]}},
    "enum": {"enum": ["x", "y"]},
    "any of": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    "nullable": {"type": ["string", "null"]},
    "required only": {
        "type": "object",
        "properties": {"a": {"type": "boolean"}, "b": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    },
    "lengths": {"type": "string", "minLength": 9, "maxLength": 9},
    "short": {"type": "string", "maxLength": 2},
    "date": {"type": "string", "format": "date-time"},
    "items": {"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3},
    "prefix items": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2},
    "minimum": {"type": "integer", "minimum": 7},
    "above nought": {"type": "integer", "exclusiveMinimum": 0},
    "below nought": {"type": "number", "exclusiveMaximum": 0},
    "between": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
    "multiple": {"type": "integer", "minimum": 10, "multipleOf": 7},
    "negative": {"type": "integer", "maximum": -3},
    "reference": {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/a~1b"}},
        "required": ["a"],
        "$defs": {"a/b": {"type": "integer"}},
    },
    "optional recursion": {
        "$ref": "#/$defs/node",
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
    },
    "all of": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"$ref": "#/$defs/b"},
        ],
        "$defs": {"b": {"properties": {"b": {"type": "string"}}, "required": ["b"]}},
    },
    "nested": {
        "type": "object",
        "properties": {"list": {"type": "array", "minItems": 1, "items": {"enum": [[1]]}}},
        "required": ["list"],
    },
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_the_instance_fits_its_schema(schema: Any) -> None:
    jsonschema.Draft202012Validator(schema).validate(instance(schema))


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"$ref": "#"}, id="itself"),
        pytest.param({"$ref": "#/nowhere"}, id="nowhere"),
        pytest.param({"$ref": "https://x.example/y"}, id="elsewhere"),
        pytest.param({"type": "array", "minItems": 10**9}, id="a milliard items"),
        pytest.param({"type": "string", "minLength": 10**9}, id="a milliard letters"),
        pytest.param({"type": "array", "minItems": 60, "items": {"$ref": "#"}}, id="a tree without end"),
        pytest.param({"type": "number", "minimum": 1e300}, id="a huge number"),
        pytest.param({"allOf": [1, {"allOf": []}]}, id="parts that are no schemas"),
        pytest.param({"properties": 1, "required": [1, "a"]}, id="properties that are none"),
    ],
)
def test_a_schema_that_asks_too_much_still_gives_json(schema: Any) -> None:
    assert len(msgspec.json.encode(instance(schema))) < 100_000
