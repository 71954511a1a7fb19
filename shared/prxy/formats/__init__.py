"""Wire formats. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from prxy.formats import anthropic_messages, gemini_generate, openai_chat
from prxy.formats.base import Format

FORMATS: Mapping[str, Format] = {
    format_.name: format_
    for format_ in (
        openai_chat.FORMAT,
        anthropic_messages.FORMAT,
        gemini_generate.FORMAT,
    )
}
