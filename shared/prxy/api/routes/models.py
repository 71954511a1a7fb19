"""What the configured providers offer."""

from __future__ import annotations

from prxy.api.auth import authenticate, require_ordinary
from prxy.api.http import Receive, Scope, Send, headers_of, require, send_json
from prxy.catalog import ModelCard
from prxy.gateway import Gateway


class Models:
    """GET /v1/models: an OpenAI list of every priced model of every provider that has a key."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        require(scope, "GET")
        gateway = self._gateway
        require_ordinary(await authenticate(headers_of(scope), gateway.keys, gateway.clock()))
        usable = [name for name, provider in gateway.providers.items() if provider.usable]
        data = [_entry(name, card) for name in usable for card in gateway.catalog.of(name)]
        await send_json(send, 200, {"object": "list", "data": data}, {})


def _entry(provider: str, card: ModelCard) -> dict[str, object]:
    return {
        "id": f"{provider}/{card.id}",
        "object": "model",
        "created": 0,
        "owned_by": provider,
        "context_window": card.context_window,
        "max_output_tokens": card.max_output_tokens,
    }
