"""OpenAI Chat Completions. https://platform.openai.com/docs/api-reference/chat (as of 2026-11)

                wire -> canonical                   canonical -> wire
    request     request_parse, message_parse        request_render, message_render, turns
    response    response_parse                      response_render
    stream      decode                              encode
    error       formats.openai_errors               formats.openai_errors

`parts`, `media`, `tools` and `usage` hold both directions of what they are named after; `words` the tables,
`formats.lenient` the reading of what providers send.
"""

from __future__ import annotations

from prxy.formats.base import Format
from prxy.formats.openai_chat.decode import StreamDecoder
from prxy.formats.openai_chat.encode import StreamEncoder
from prxy.formats.openai_chat.request_parse import parse_request
from prxy.formats.openai_chat.request_render import render_compatible_request, render_request
from prxy.formats.openai_chat.response_parse import parse_response
from prxy.formats.openai_chat.response_render import render_response
from prxy.formats.openai_chat.words import FIELDS, NAME
from prxy.formats.openai_errors import parse_error, render_error
from prxy.framing.sse import SSE

__all__ = [
    "FORMAT",
    "NAME",
    "decode_stream",
    "encode_stream",
    "parse_error",
    "parse_request",
    "parse_response",
    "render_compatible_request",
    "render_error",
    "render_request",
    "render_response",
]

decode_stream = StreamDecoder
encode_stream = StreamEncoder

FORMAT = Format(
    name=NAME,
    serves=("/v1/chat/completions",),
    framing=SSE,
    fields=FIELDS,
    parse_request=parse_request,
    render_request=render_request,
    parse_response=parse_response,
    render_response=render_response,
    decode_stream=decode_stream,
    encode_stream=encode_stream,
    parse_error=parse_error,
    render_error=render_error,
)
