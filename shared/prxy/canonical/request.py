"""What a client asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from msgspec import Struct

from prxy.canonical.parts import CachePoint, Extras, Json, Part, ToolCall, Wire


class Role(StrEnum):
    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    """Name of the participant, where the wire has one."""
    at: str = ""
    """Where it stood in the client's body (`messages[2]`), for errors and warnings only."""
    extras: Extras | None = None


class Instructions(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The first system or developer message of the conversation. Later ones stay among the messages."""

    position: int = 0
    """Its index among the client's messages; 0 where the wire keeps it apart."""


def calls_of(messages: Iterable[Message]) -> list[ToolCall]:
    """What the model asked for in them, in order."""
    return [part for message in messages for part in message.parts if type(part) is ToolCall]


class FunctionTool(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    name: str
    description: str | None = None
    parameters: Wire | None = None
    """JSON Schema of the arguments, verbatim; None where the client gave none."""
    strict: bool | None = None
    cache: CachePoint | None = None
    at: str = ""
    extras: Extras | None = None


class FreeformTool(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """A tool that takes free text in place of JSON, run by the client (OpenAI calls it custom)."""

    name: str
    description: str | None = None
    grammar: Wire | None = None
    at: str = ""
    extras: Extras | None = None


class HostedTool(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """A tool that the provider runs (web search, code execution); refused by every other format."""

    format: str
    value: Wire
    at: str = ""


Tool = FunctionTool | FreeformTool | HostedTool


class ToolMode(StrEnum):
    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    NAMED = "named"
    """Exactly the one tool in `names`."""
    ALLOWED = "allowed"
    """Any of `names`, if at all."""
    ALLOWED_REQUIRED = "allowed_required"
    """One of `names`, necessarily."""


class ToolChoice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    mode: ToolMode
    names: tuple[str, ...] = ()
    extras: Extras | None = None


class Sampling(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tuning knobs. One that the target lacks becomes a Loss; the answer is still an answer."""

    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int | None = None
    """How many choices to make."""
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class ReasoningMode(StrEnum):
    OFF = "off"
    ON = "on"
    """A fixed thinking budget, see `budget_tokens`."""
    ADAPTIVE = "adaptive"
    """The model decides how much, guided by `effort`."""


class ReasoningOptions(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much the model may think. A client says effort or budget; `adaptation` fills in what the target speaks."""

    mode: ReasoningMode | None = None
    effort: str | None = None
    """none, minimal, low, medium, high, xhigh, max"""
    budget_tokens: int | None = None
    """Thinking tokens, inside max_output_tokens. -1: the model decides."""
    include: bool | None = None
    """Whether the thoughts, or a summary of them, come back to the client."""
    extras: Extras | None = None


class OutputKind(StrEnum):
    TEXT = "text"
    JSON = "json"
    """Any JSON object."""
    SCHEMA = "schema"


class OutputFormat(Struct, frozen=True, kw_only=True, omit_defaults=True):
    kind: OutputKind
    name: str | None = None
    description: str | None = None
    schema: Wire | None = None
    strict: bool | None = None
    extras: Extras | None = None


class ChatRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    format: str
    """Name of the format that the client spoke."""
    model: str
    """As the client wrote it; after routing, as the provider knows it."""
    messages: tuple[Message, ...]
    instructions: Instructions | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    sampling: Sampling = Sampling()
    reasoning: ReasoningOptions | None = None
    output: OutputFormat | None = None
    stream: bool = False
    include_usage: bool | None = None
    """Chat only: whether the client asked for the usage chunk of a stream. None: its wire always has usage."""
    user: str | None = None
    metadata: Mapping[str, Json] | None = None
    service_tier: str | None = None
    cache_key: str | None = None
    """Affinity hint for the provider's prompt cache."""
    headers: Mapping[str, str] = {}
    """Client headers that travel to a provider of the same format (`anthropic-beta`)."""
    extras: Extras | None = None
