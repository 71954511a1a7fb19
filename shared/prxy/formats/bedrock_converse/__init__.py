"""Amazon Bedrock's Converse and ConverseStream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (as of 2026-11)
"""

from __future__ import annotations

from prxy.formats.base import Format
from prxy.formats.bedrock_converse.errors import parse_error, render_error
from prxy.formats.bedrock_converse.request_parse import parse_request
from prxy.formats.bedrock_converse.request_render import render_request
from prxy.formats.bedrock_converse.response import parse_response, render_response
from prxy.formats.bedrock_converse.stream_decode import decode_stream
from prxy.formats.bedrock_converse.stream_encode import encode_stream
from prxy.formats.bedrock_converse.words import FIELDS, NAME, TOOL_NAMES
from prxy.framing.eventstream import EVENT_STREAM

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
    serves=(),
    framing=EVENT_STREAM,
    marks_cache=True,
    fields=FIELDS,
    tool_names=TOOL_NAMES,
    parse_request=parse_request,
    render_request=render_request,
    parse_response=parse_response,
    render_response=render_response,
    decode_stream=decode_stream,
    encode_stream=encode_stream,
    parse_error=parse_error,
    render_error=render_error,
)
