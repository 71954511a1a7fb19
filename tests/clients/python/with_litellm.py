"""LiteLLM as a client, at each door: whole, streamed, a tool's round trip, structured output."""

import json
from functools import partial
from typing import Any

import litellm
from prelude import API_KEY, CITY, DOORS, URL, say
from pydantic import BaseModel

WIRES = {
    "chat": {"custom_llm_provider": "openai", "api_base": f"{URL}/v1"},
    "messages": {"custom_llm_provider": "anthropic", "api_base": URL},
}
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": CITY}}


class Person(BaseModel):
    name: str
    age: int


def client(door: str) -> Any:
    return partial(
        litellm.completion,
        **WIRES[door],
        model=DOORS[door]["model"],
        extra_headers={"x-provider-key": DOORS[door]["provider_key"]},
        api_key=API_KEY,
        max_retries=0,
        num_retries=0,
    )


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def converse(door: str) -> None:
    ask = client(door)

    plain = ask(messages=[user("Hello")])
    say(door, "plain", text=plain.choices[0].message.content, usage=plain.usage.model_dump())

    chunks = list(ask(messages=[user("Count")], stream=True, stream_options={"include_usage": True}))
    whole: Any = litellm.stream_chunk_builder(chunks)
    say(door, "stream", text=whole.choices[0].message.content, usage=whole.usage.model_dump())

    history = [user("Weather in Oslo?")]
    asked = ask(messages=history, tools=[TOOL]).choices[0].message
    city = json.loads(asked.tool_calls[0].function.arguments)["city"]
    result = {"role": "tool", "tool_call_id": asked.tool_calls[0].id, "content": f"{city}: 4 degrees"}
    told = ask(messages=[*history, asked, result], tools=[TOOL])
    say(door, "tool", text=told.choices[0].message.content)

    parsed = ask(messages=[user("Who?")], response_format=Person)
    say(door, "structured", value=json.loads(parsed.choices[0].message.content))


for each in DOORS:
    converse(each)
