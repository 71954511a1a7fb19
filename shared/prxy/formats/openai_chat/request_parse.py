"""Request of a client: wire -> canonical. https://platform.openai.com/docs/api-reference/chat/create (as of 2026-11)"""

from __future__ import annotations

from collections.abc import Mapping

from prxy.canonical.parts import Json, Wire
from prxy.canonical.request import ChatRequest, ReasoningOptions, Sampling
from prxy.formats.base import make_extras
from prxy.formats.openai_chat.message_parse import parse_messages
from prxy.formats.openai_chat.tools import parse_output, parse_tool_choice, parse_tools
from prxy.formats.openai_chat.words import NAME
from prxy.formats.reading import Fields, kind

LIMITS = ("max_completion_tokens", "max_tokens")
"""The two words for the token limit; the second is the older one."""


def parse_request(body: Wire, path: Mapping[str, str]) -> ChatRequest:
    """A body of `/v1/chat/completions`; the path has no parameters. Raises InvalidRequest."""
    fields = Fields(body)
    spelling: set[str] = set()
    model = fields.required_string("model")
    instructions, messages = parse_messages(fields)
    sampling = _sampling(fields, spelling)
    effort = fields.string("reasoning_effort")
    stream = _stream(fields, spelling)
    include_usage, options = _stream_options(fields, stream=stream)
    tools, choice, output = parse_tools(fields), parse_tool_choice(fields), parse_output(fields)
    return ChatRequest(
        format=NAME,
        model=model,
        messages=messages,
        instructions=instructions,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=fields.boolean("parallel_tool_calls"),
        sampling=sampling,
        reasoning=None if effort is None else ReasoningOptions(effort=effort),
        output=output,
        stream=stream,
        include_usage=include_usage,
        user=fields.string("user"),
        metadata=fields.object("metadata"),
        service_tier=fields.string("service_tier"),
        cache_key=fields.string("prompt_cache_key"),
        extras=make_extras(NAME, {**fields.rest(), **options}, *spelling),
    )


def _sampling(fields: Fields, spelling: set[str]) -> Sampling:
    return Sampling(
        max_output_tokens=_limit(fields, spelling),
        temperature=fields.number("temperature", 0, 2),
        top_p=fields.number("top_p", 0, 1),
        stop=_stop(fields, spelling),
        seed=fields.integer("seed", least=-(2**63), most=2**63 - 1),
        n=fields.integer("n", least=1, most=128),
        frequency_penalty=fields.number("frequency_penalty", -2, 2),
        presence_penalty=fields.number("presence_penalty", -2, 2),
        logit_bias=_logit_bias(fields),
        logprobs=fields.boolean("logprobs"),
        top_logprobs=fields.integer("top_logprobs", most=20),
    )


def _limit(fields: Fields, spelling: set[str]) -> int | None:
    values = {word: fields.integer(word, least=1) for word in LIMITS}
    given = {word: value for word, value in values.items() if value is not None}
    if len(given) > 1:
        fields.fail("max_tokens", "cannot stand beside 'max_completion_tokens'; send only one of them.")
    spelling.update(given)
    return next(iter(given.values()), None)


def _stop(fields: Fields, spelling: set[str]) -> tuple[str, ...]:
    value = fields.take("stop")
    if isinstance(value, str):
        spelling.add("stop:string")
        return (value,)
    words = [] if value is None else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        fields.fail("stop", f"must be a string or a list of strings, not {kind(value)}.", "invalid_type")
    if value == []:
        spelling.add("stop:empty")
    return tuple(words)


def _logit_bias(fields: Fields) -> Mapping[str, float] | None:
    bias = fields.object("logit_bias")
    for token, value in (bias or {}).items():
        if type(value) not in (int, float):
            fields.fail(f"logit_bias.{token}", f"must be a number, not {kind(value)}.", "invalid_type")
    return bias


def _stream(fields: Fields, spelling: set[str]) -> bool:
    stream = fields.boolean("stream")
    if stream is False:
        spelling.add("stream:false")
    return bool(stream)


def _stream_options(fields: Fields, *, stream: bool) -> tuple[bool, Wire]:
    """Whether the client wants usage, and the other options; without a stream they all stay as they are."""
    options: dict[str, Json] = fields.object("stream_options") or {}
    inner = Fields(options, "stream_options")
    include_usage = bool(inner.boolean("include_usage"))
    kept = inner.rest() if stream else options
    return include_usage, {"stream_options": kept} if kept else {}
