"""The model `prxy/echo`: answers inside the process, so that the first request works before any key is set.

It speaks OpenAI's Chat Completions and sits behind the transport port, so a call takes the same path as every other.
"""

from __future__ import annotations

from prxy.providers.auth import none_needed
from prxy.providers.base import Provider, Speaks
from prxy.providers.echo.transport import EchoTransport

PROVIDER = Provider(
    name="prxy",
    base_url="http://echo.invalid/v1",  # never dialled
    auth=none_needed,
    speaks=(Speaks(wire="openai_chat", path="/chat/completions"),),
    transport=EchoTransport(),
)
