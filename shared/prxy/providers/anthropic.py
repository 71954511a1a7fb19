"""Anthropic. https://docs.claude.com/en/api/messages (read 2026-11)"""

from __future__ import annotations

from prxy.formats import anthropic_messages
from prxy.providers.auth import in_header
from prxy.providers.base import Provider, Speaks

PROVIDER = Provider(
    name="anthropic",
    base_url="https://api.anthropic.com",
    auth=in_header("x-api-key"),
    speaks=(
        Speaks(
            format=anthropic_messages.FORMAT, path="/v1/messages", count_path="/v1/messages/count_tokens", signs=True
        ),
    ),
    headers={"anthropic-version": "2023-06-01"},
)
