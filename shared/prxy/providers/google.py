"""Google's Gemini API. https://ai.google.dev/api/generate-content (as of 2026-11)"""

from __future__ import annotations

from prxy.providers.auth import in_header
from prxy.providers.base import Provider, Speaks

PROVIDER = Provider(
    name="google",
    base_url="https://generativelanguage.googleapis.com",
    auth=in_header("x-goog-api-key"),
    key_check_path="/v1beta/models",
    speaks=(
        Speaks(
            wire="gemini_generate",
            path="/v1beta/models/{model}:generateContent",
            stream_path="/v1beta/models/{model}:streamGenerateContent?alt=sse",
            count_path="/v1beta/models/{model}:countTokens",
            signs=True,
        ),
    ),
)
