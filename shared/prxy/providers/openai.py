"""OpenAI. https://platform.openai.com/docs/api-reference/chat (read 2026-11)"""

from __future__ import annotations

from prxy.formats import openai_chat
from prxy.providers.auth import bearer
from prxy.providers.base import Provider, Speaks

PROVIDER = Provider(
    name="openai",
    base_url="https://api.openai.com/v1",
    auth=bearer,
    speaks=(Speaks(format=openai_chat.FORMAT, path="/chat/completions"),),
)
