"""Bodies of the data plane as schemas, which `scripts/write_docs.py` makes from parsers and renderers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAMES: Mapping[str, str] = {
    "openai_chat": "ChatCompletions",
    "anthropic_messages": "Messages",
    "anthropic_messages.count": "MessagesCount",
    "openai_responses": "Responses",
    "gemini_generate": "GenerateContent",
    "gemini_generate.count": "CountTokens",
}
"""Format, or its counter -> how its components begin."""
_FILE = Path(__file__).with_name("wires.json")
_KINDS = {"requests": "Request", "answers": "Answer", "errors": "Error"}


def schemas() -> dict[str, Any]:
    """Name of a component -> schema."""
    made = json.loads(_FILE.read_bytes())
    return {f"{NAMES[name]}{_KINDS[kind]}": schema for kind, found in made.items() for name, schema in found.items()}
