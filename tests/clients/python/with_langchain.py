"""LangChain, at each door: whole, streamed, a tool's round trip, structured output."""

from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from prelude import API_KEY, DOORS, URL, say
from pydantic import BaseModel


class Person(BaseModel):
    """A person."""

    name: str
    age: int


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"{city}: 4 degrees"


def client(door: str) -> BaseChatModel:
    shared: dict[str, Any] = {
        "model": DOORS[door]["model"],
        "default_headers": {"x-provider-key": DOORS[door]["provider_key"]},
        "api_key": API_KEY,
        "max_retries": 0,
    }
    match door:
        case "chat":
            return ChatOpenAI(base_url=f"{URL}/v1", stream_usage=True, **shared)
        case "responses":
            return ChatOpenAI(base_url=f"{URL}/v1", use_responses_api=True, **shared)
        case _:
            return ChatAnthropic(base_url=URL, **shared)


def converse(door: str) -> None:
    model = client(door)

    plain = model.invoke("Hello")
    say(door, "plain", text=plain.text, usage=plain.usage_metadata)

    first, *others = model.stream("Count")
    streamed: Any = sum(others, first)
    say(door, "stream", text=streamed.text, usage=streamed.usage_metadata)

    with_tool = model.bind_tools([get_weather])
    history = [HumanMessage("Weather in Oslo?")]
    asked = with_tool.invoke(history)
    told = with_tool.invoke([*history, asked, get_weather.invoke(asked.tool_calls[0])])
    say(door, "tool", text=told.text)

    parsed: Any = model.with_structured_output(Person, method="json_schema").invoke("Who?")
    say(door, "structured", value=parsed.model_dump())


for each in DOORS:
    converse(each)
