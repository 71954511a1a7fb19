"""Providers that speak OpenAI's Chat Completions: rows of data, each read from its vendor's documentation (2026-11)."""

from __future__ import annotations

from prxy.canonical.request import ChatRequest
from prxy.formats.base import Rendered
from prxy.providers.auth import Auth, bearer, in_header, none_needed
from prxy.providers.base import Provider, Speaks

EMBEDDINGS = "/embeddings"


def _render_request(request: ChatRequest) -> Rendered:
    """With the older words: `max_tokens`, `system`, texts as strings."""
    from prxy.formats.openai_chat import render_compatible_request  # noqa: PLC0415  # when it is first spoken

    return render_compatible_request(request)


def compatible_row(
    name: str,
    base_url: str | None,
    auth: Auth = bearer,
    *,
    embeddings_path: str | None = None,
    key_check_path: str | None = "/models",
) -> Provider:
    """A provider that is nothing but an address and a key. Most list their models to whoever has a key."""
    return Provider(
        name=name,
        base_url=base_url,
        auth=auth,
        embeddings_path=embeddings_path,
        key_check_path=key_check_path,
        speaks=(Speaks(wire="openai_chat", render_request=_render_request, path="/chat/completions"),),
    )


PROVIDERS = (
    # https://console.groq.com/docs/openai
    compatible_row("groq", "https://api.groq.com/openai/v1"),
    # https://docs.mistral.ai/api
    compatible_row("mistral", "https://api.mistral.ai/v1", embeddings_path=EMBEDDINGS),
    # https://api-docs.deepseek.com
    compatible_row("deepseek", "https://api.deepseek.com"),
    # https://docs.x.ai/docs/api-reference
    compatible_row("xai", "https://api.x.ai/v1"),
    # https://openrouter.ai/docs/quickstart; its models are listed to everybody
    compatible_row("openrouter", "https://openrouter.ai/api/v1", embeddings_path=EMBEDDINGS, key_check_path="/key"),
    # https://docs.together.ai/docs/openai-api-compatibility
    compatible_row("together", "https://api.together.xyz/v1", embeddings_path=EMBEDDINGS),
    # https://docs.fireworks.ai/tools-sdks/openai-compatibility
    compatible_row(
        "fireworks", "https://api.fireworks.ai/inference/v1", embeddings_path=EMBEDDINGS, key_check_path=None
    ),
    # https://inference-docs.cerebras.ai/resources/openai
    compatible_row("cerebras", "https://api.cerebras.ai/v1"),
    # https://docs.perplexity.ai/guides/chat-completions-guide
    compatible_row("perplexity", "https://api.perplexity.ai", key_check_path=None),
    # https://docs.ollama.com/api/openai-compatibility
    compatible_row("ollama", "http://127.0.0.1:11434/v1", none_needed, embeddings_path=EMBEDDINGS),
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    compatible_row("vllm", "http://127.0.0.1:8000/v1", none_needed, embeddings_path=EMBEDDINGS),
    # https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle; the model is the deployment
    compatible_row("azure", None, in_header("api-key"), embeddings_path=EMBEDDINGS),
)
