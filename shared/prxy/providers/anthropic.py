"""Anthropic. https://docs.claude.com/en/api/messages (as of 2026-11)

A long whole answer may time out or lose its silent connection, which is why the vendor's errors page advises streaming.
It names no figure: 64,000 tokens is the most that was seen to be answered in one piece.
"""

from __future__ import annotations

from prxy.providers.auth import in_header
from prxy.providers.base import Provider, Speaks

PROVIDER = Provider(
    name="anthropic",
    base_url="https://api.anthropic.com",
    auth=in_header("x-api-key"),
    key_check_path="/v1/models",
    speaks=(
        Speaks(
            wire="anthropic_messages",
            path="/v1/messages",
            count_path="/v1/messages/count_tokens",
            signs=True,
            whole_up_to_tokens=64_000,
        ),
    ),
    headers={"anthropic-version": "2023-06-01"},
)
