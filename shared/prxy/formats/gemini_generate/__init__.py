"""Google Gemini: generateContent and streamGenerateContent, at v1beta, and at v1, where Google's newer clients ask.

https://ai.google.dev/api/generate-content and https://github.com/googleapis/python-genai/releases/tag/v3.0.0
(as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Mapping

from prxy.formats.base import Format
from prxy.formats.gemini_generate.config import FIELDS
from prxy.formats.gemini_generate.count import COUNTING
from prxy.formats.gemini_generate.decode import decode_stream
from prxy.formats.gemini_generate.encode import encode_stream
from prxy.formats.gemini_generate.errors import parse_error, render_error
from prxy.formats.gemini_generate.names import NAME
from prxy.formats.gemini_generate.request import parse_request, render_request
from prxy.formats.gemini_generate.response import parse_response, render_response
from prxy.framing.json_array import JsonArrayWriter
from prxy.framing.sse import SSE_WITH_PICTURES, UncommentedSseWriter
from prxy.framing.writer import FrameWriter

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


def _writer(query: Mapping[str, str]) -> FrameWriter:
    """Server-sent events where they are asked for, else the stream is one JSON array.

    Google's clients take every line but `data:` for an error in JSON, or drop the event that it stands before.
    """
    return UncommentedSseWriter() if query.get("alt") == "sse" else JsonArrayWriter()


FORMAT = Format(
    name=NAME,
    serves=("/v1beta/models/{model:path}:{method}", "/v1/models/{model:path}:{method}"),
    framing=SSE_WITH_PICTURES,
    writer=_writer,
    key_parameter="key",
    counting=COUNTING,
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
