"""Wire formats. A new one is one file and one line here."""

from __future__ import annotations

from prxy.formats.base import Format
from prxy.registry import Registry

FORMATS: Registry[Format] = Registry(
    "prxy.formats",
    {
        "openai_chat": "openai_chat.FORMAT",
        "anthropic_messages": "anthropic_messages.FORMAT",
        "gemini_generate": "gemini_generate.FORMAT",
        "bedrock_converse": "bedrock_converse.FORMAT",
        "openai_responses": "openai_responses.FORMAT",
    },
)
