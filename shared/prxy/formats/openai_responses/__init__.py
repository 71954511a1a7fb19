"""OpenAI Responses. https://platform.openai.com/docs/api-reference/responses (as of 2026-11)

                wire -> canonical                       canonical -> wire
    request     request_parse, input_parse              request_render, input_render, turns, losses
    response    response_parse                          writer, response_object
    stream      decode, decode_items                    encode, writer, writing
    error       formats.openai_errors                   formats.openai_errors

`items`, `content`, `media`, `reasoning`, `tools`, `output`, `notes` and `usage` hold both directions of what they are
named after; `words` the tables.
"""

from __future__ import annotations

from prxy.formats.base import Format
from prxy.formats.openai_errors import parse_error, render_error
from prxy.formats.openai_responses.decode import StreamDecoder
from prxy.formats.openai_responses.encode import StreamEncoder
from prxy.formats.openai_responses.request_parse import parse_request
from prxy.formats.openai_responses.request_render import render_request
from prxy.formats.openai_responses.response_parse import parse_response
from prxy.formats.openai_responses.words import FIELDS, NAME
from prxy.formats.openai_responses.writer import render_response
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

decode_stream = StreamDecoder
encode_stream = StreamEncoder

FORMAT = Format(
    name=NAME,
    serves=("/v1/responses",),
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
