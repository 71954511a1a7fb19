"""Request of a client: wire -> canonical.

https://platform.openai.com/docs/api-reference/responses/create (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import structs

from prxy.canonical.parts import Extras, Wire
from prxy.canonical.request import ChatRequest, Sampling
from prxy.formats.base import make_extras
from prxy.formats.openai_responses.input_parse import INPUT_ABSENT, INPUT_STRING, parse_input
from prxy.formats.openai_responses.output import parse_reasoning_options, parse_text
from prxy.formats.openai_responses.tools import parse_tool_choice, parse_tools
from prxy.formats.openai_responses.words import BINDING, DEFAULTS, NAME
from prxy.formats.reading import Fields


def parse_request(body: Wire, path: Mapping[str, str]) -> ChatRequest:
    """A body of `/v1/responses`; the path has no parameters. Raises InvalidRequest."""
    fields = Fields(body)
    model = fields.required_string("model")
    instructions, messages = parse_input(fields, body)
    sampling, reasoning = _sampling(fields), parse_reasoning_options(fields)
    tools, choice = parse_tools(fields), parse_tool_choice(fields)
    output, text = parse_text(fields)
    return ChatRequest(
        format=NAME,
        model=model,
        messages=messages,
        instructions=instructions,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=fields.boolean("parallel_tool_calls"),
        sampling=sampling,
        reasoning=reasoning,
        output=output,
        stream=bool(fields.boolean("stream")),
        user=fields.string("user"),
        metadata=fields.object("metadata"),
        service_tier=fields.string("service_tier"),
        cache_key=fields.string("prompt_cache_key"),
        extras=_extras({**fields.rest(), **({"text": text} if text else {})}, body),
    )


def _sampling(fields: Fields) -> Sampling:
    return Sampling(
        max_output_tokens=fields.integer("max_output_tokens", least=1),
        temperature=fields.number("temperature", 0, 2),
        top_p=fields.number("top_p", 0, 1),
        top_logprobs=fields.integer("top_logprobs", most=20),
    )


def _extras(rest: Wire, body: Wire) -> Extras | None:
    """Unknown fields; the ones that ask for nothing are a spelling, and those with which all stands are binding."""
    kept = {name: value for name, value in rest.items() if name not in DEFAULTS or DEFAULTS[name] != value}
    extras = make_extras(NAME, kept, *_spelling(rest, kept, body))
    return None if extras is None else structs.replace(extras, binding=BINDING.intersection(kept))


def _spelling(rest: Wire, kept: Wire, body: Wire) -> Iterator[str]:
    yield from (f"{name}:default" for name in rest if name not in kept)
    if body.get("stream") is False:
        yield "stream:false"
    if isinstance(body.get("input"), str):
        yield INPUT_STRING
    if body.get("input") is None:
        yield INPUT_ABSENT
    if body.get("text") == {}:
        yield "text:empty"
