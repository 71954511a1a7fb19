"""Anthropic. https://docs.claude.com/en/api/messages (read 2026-11)

Whole answers of up to 64,000 tokens are given in one piece; a longer one may take more than the ten minutes that a
silent connection lasts, so it is streamed (https://docs.claude.com/en/api/errors#long-requests, read 2026-11).
"""

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
            format=anthropic_messages.FORMAT,
            path="/v1/messages",
            count_path="/v1/messages/count_tokens",
            signs=True,
            whole_up_to_tokens=64_000,
        ),
    ),
    headers={"anthropic-version": "2023-06-01"},
)
