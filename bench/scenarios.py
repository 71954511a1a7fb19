"""What is asked, in two spellings: the one a gateway translates, and the upstream's own for a plain relay."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from bench.answers import Json


class Asking(StrEnum):
    """Whose keys the calls carry."""

    ONE = "one key with room"
    ALL = "every key"
    SPENT = "keys that have spent all"


PACE_S = 0.004
"""Between two events of a paced stream."""
PACED_MODELS = frozenset({"gpt-4o", "claude-sonnet-4-5"})
MODELS = ("gpt-4o-mini", "gpt-4o", "claude-haiku-4-5", "claude-sonnet-4-5")
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}

_QUESTION = "How does a pilot bring a ship into harbour? Answer in one sentence."
_LONG = "The tide table for the outer roads is read against the chart before each passage. " * 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    key: str
    title: str
    upstream: str
    """Wire of the provider that answers; the client of a translating gateway always speaks openai."""
    model: str
    stream: bool = False
    long: bool = False
    """31 messages and 20 tools in place of one question."""
    asking: Asking = Asking.ONE

    def body(self, shape: str) -> bytes:
        """The request in the wire `shape`."""
        value: dict[str, Json] = {"model": self.model, "messages": _messages(self.long), "max_tokens": 512}
        if self.stream:
            value["stream"] = True
        if self.long:
            value["tools"] = [_TOOLS[shape](number) for number in range(20)]
        return json.dumps(value).encode()


def _messages(long: bool) -> list[Json]:
    roles = ("user", "assistant") * 15 if long else ()
    said: list[Json] = [{"role": role, "content": f"{number}. {_LONG}"} for number, role in enumerate(roles)]
    return [*said, {"role": "user", "content": _QUESTION}]


def _schema(number: int) -> dict[str, Json]:
    fields: dict[str, Json] = {
        f"field_{n}": {"type": "string", "description": f"Reading {n} of instrument {number}, as printed."}
        for n in range(9)
    }
    return {"type": "object", "properties": fields, "required": ["field_0"]}


def _openai_tool(number: int) -> Json:
    function: dict[str, Json] = {
        "name": f"instrument_{number}",
        "description": "Read it.",
        "parameters": _schema(number),
    }
    return {"type": "function", "function": function}


def _anthropic_tool(number: int) -> Json:
    return {"name": f"instrument_{number}", "description": "Read it.", "input_schema": _schema(number)}


_TOOLS = {"openai": _openai_tool, "anthropic": _anthropic_tool}

_OPENAI, _ANTHROPIC = "gpt-4o-mini", "claude-haiku-4-5"
_PACED_OPENAI, _PACED_ANTHROPIC = "gpt-4o", "claude-sonnet-4-5"

SCENARIOS = (
    Scenario(key="S1", title="OpenAI to OpenAI, JSON", upstream="openai", model=_OPENAI),
    Scenario(key="S2", title="OpenAI to Anthropic, JSON", upstream="anthropic", model=_ANTHROPIC),
    Scenario(key="S3", title="S1 as a stream of 200 words", upstream="openai", model=_OPENAI, stream=True),
    Scenario(key="S4", title="S2 as a stream of 200 words", upstream="anthropic", model=_ANTHROPIC, stream=True),
    Scenario(key="S3p", title="S3 with 4 ms between words", upstream="openai", model=_PACED_OPENAI, stream=True),
    Scenario(key="S4p", title="S4 with 4 ms between words", upstream="anthropic", model=_PACED_ANTHROPIC, stream=True),
    Scenario(key="S5", title="S2 with 31 messages and 20 tools", upstream="anthropic", model=_ANTHROPIC, long=True),
    Scenario(
        key="S6",
        title="S1 with six keys, two of which have spent their budget",
        upstream="openai",
        model=_OPENAI,
        asking=Asking.ALL,
    ),
    Scenario(key="S6r", title="the refusals of S6 alone", upstream="openai", model=_OPENAI, asking=Asking.SPENT),
)
BY_KEY = {scenario.key: scenario for scenario in SCENARIOS}
