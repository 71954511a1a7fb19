"""Anthropic Messages: https://docs.claude.com/en/api/messages (as of 2026-11)."""

from __future__ import annotations

from prxy.formats.anthropic_messages.count import COUNTING
from prxy.formats.anthropic_messages.errors import parse_error, render_error
from prxy.formats.anthropic_messages.request_parse import parse_request
from prxy.formats.anthropic_messages.request_render import render_request
from prxy.formats.anthropic_messages.response import parse_response, render_response
from prxy.formats.anthropic_messages.stream_decode import decode_stream
from prxy.formats.anthropic_messages.stream_encode import encode_stream
from prxy.formats.anthropic_messages.words import FIELDS, NAME, TOOL_NAMES
from prxy.formats.base import Format
from prxy.framing.sse import SSE

__all__ = [
    "FORMAT",
    "NAME",
    "decode_stream",
    "encode_stream",
    "parse_error",
    "parse_request",
    "parse_response",
    "render_error",
    "render_request",
    "render_response",
]

FORMAT = Format(
    name=NAME,
    serves=("/v1/messages",),
    framing=SSE,
    fields=FIELDS,
    tool_names=TOOL_NAMES,
    forwards=("anthropic-version", "anthropic-beta"),
    counting=COUNTING,
    marks_cache=True,
    parse_request=parse_request,
    render_request=render_request,
    parse_response=parse_response,
    render_response=render_response,
    decode_stream=decode_stream,
    encode_stream=encode_stream,
    parse_error=parse_error,
    render_error=render_error,
)
