"""Counting: https://platform.claude.com/docs/en/api/messages/count_tokens (as of 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from prxy.canonical.errors import ProviderBadResponse
from prxy.canonical.parts import Wire
from prxy.canonical.request import ChatRequest
from prxy.formats.anthropic_messages.request_parse import parse_prompt
from prxy.formats.anthropic_messages.request_render import render_request
from prxy.formats.base import Counting, Rendered
from prxy.formats.lenient import count

_OF_THE_ANSWER = frozenset(
    {"max_tokens", "metadata", "service_tier", "stop_sequences", "stream", "temperature", "top_k", "top_p"}
)
"""Fields that the counter refuses. They shape the answer and take no token of the prompt."""


def parse_request(body: Wire, path: Mapping[str, str]) -> ChatRequest:
    """`path` says nothing on this wire. Raises InvalidRequest naming the field."""
    return parse_prompt(body)


def render_count_request(request: ChatRequest) -> Rendered:
    rendered = render_request(request)
    body = {name: value for name, value in rendered.body.items() if name not in _OF_THE_ANSWER}
    return replace(rendered, body=body)


def parse_count(body: Wire) -> int:
    tokens = count(body, "input_tokens")
    if tokens is None:
        raise ProviderBadResponse("The provider's count has no 'input_tokens'.")
    return tokens


def render_count(tokens: int) -> Wire:
    return {"input_tokens": tokens}


COUNTING = Counting(
    serves=("/v1/messages/count_tokens",),
    parse_request=parse_request,
    render_request=render_count_request,
    parse_count=parse_count,
    render_count=render_count,
)
