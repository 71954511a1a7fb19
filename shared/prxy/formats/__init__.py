"""Wire formats. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from prxy.formats import anthropic_messages, bedrock_converse, gemini_generate, openai_chat, openai_responses
from prxy.formats.base import Format

FORMATS: Mapping[str, Format] = {
    format_.name: format_
    for format_ in (
        openai_chat.FORMAT,
        anthropic_messages.FORMAT,
        gemini_generate.FORMAT,
        bedrock_converse.FORMAT,
        openai_responses.FORMAT,
    )
}
