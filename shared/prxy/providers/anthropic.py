"""Anthropic. https://docs.claude.com/en/api/messages (read 2026-11)

Answers that may take more than ten minutes have to be streamed; at 128,000 tokens an hour that is 21,333 tokens, the
figure by which the vendor's own client decides (anthropic 2.12, `_calculate_nonstreaming_timeout`).
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
            whole_up_to_tokens=21_333,
        ),
    ),
    headers={"anthropic-version": "2023-06-01"},
)
