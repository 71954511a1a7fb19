"""OpenAI. https://platform.openai.com/docs/api-reference/chat (as of 2026-11)"""

from __future__ import annotations

from msgspec.structs import replace

from prxy.canonical.request import ChatRequest
from prxy.formats import FORMATS
from prxy.formats.base import Rendered
from prxy.providers.auth import bearer
from prxy.providers.base import Provider, Speaks


def _render_request(request: ChatRequest) -> Rendered:
    """`max_tokens` under its present name: reasoning models refuse the old one, and no model refuses the new."""
    rendered = FORMATS["openai_chat"].render_request(request)
    if "max_tokens" not in rendered.body:
        return rendered
    body = {"max_completion_tokens" if name == "max_tokens" else name: value for name, value in rendered.body.items()}
    return replace(rendered, body=body)


PROVIDER = Provider(
    name="openai",
    base_url="https://api.openai.com/v1",
    auth=bearer,
    key_check_path="/models",
    embeddings_path="/embeddings",
    moderations_path="/moderations",
    speaks=(
        Speaks(wire="openai_chat", render_request=_render_request, path="/chat/completions", partial=True),
        Speaks(wire="openai_responses", path="/responses", signs=True),
    ),
)
