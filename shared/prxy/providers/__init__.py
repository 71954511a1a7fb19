"""Every provider, by name."""

from __future__ import annotations

from collections.abc import Mapping

from prxy.providers import anthropic, bedrock, compatible, echo, google, openai
from prxy.providers.base import Provider

PROVIDERS: Mapping[str, Provider] = {
    row.name: row
    for row in (
        openai.PROVIDER,
        anthropic.PROVIDER,
        google.PROVIDER,
        bedrock.PROVIDER,
        *compatible.PROVIDERS,
        echo.PROVIDER,
    )
}
