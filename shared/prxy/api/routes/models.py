"""What the configured providers offer to a key, from the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from prxy.api.auth import authenticate, require_ordinary
from prxy.api.http import Receive, Scope, Send, headers_of, require, send_json
from prxy.canonical.errors import NotFound
from prxy.catalog import ModelCard, Rates
from prxy.gateway import Gateway
from prxy.money.usd import usd_from_nano
from prxy.routing import may_call
from prxy.store.records import ApiKey

UNKNOWN_DATE = "1970-01-01T00:00:00Z"
"""Anthropic's clients demand a date; the catalogue knows none."""


class Models:
    """GET /v1/models and /v1/models/{id}: OpenAI's shape, or Anthropic's where `anthropic-version` is sent."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        require(scope, "GET")
        headers = headers_of(scope)
        key = await authenticate(headers, self._gateway.keys, self._gateway.clock())
        require_ordinary(key)
        describe = _for_anthropic if "anthropic-version" in headers else _for_openai
        wanted = scope.get("path_params", {}).get("id")
        offered = self._offered(key, await self._gateway.provider_keys.of(key.tenant))
        if wanted is None:
            entries = [describe(provider, card) for provider, card in offered]
            await send_json(send, 200, _listed(entries, headers), {})
        else:
            await send_json(send, 200, _one(wanted, offered, describe), {})

    def _offered(self, key: ApiKey, stored: Collection[str]) -> Iterator[tuple[str, ModelCard]]:
        """Every priced model of every provider that has a key, as far as this key may call it.

        `stored`: providers for which its tenant has a key of its own.
        """
        providers = self._gateway.providers
        for name in (name for name, each in providers.items() if each.usable or (each.base_url and name in stored)):
            for card in self._gateway.catalog.of(name):
                if card.answers and may_call(f"{name}/{card.id}", key.models, providers):
                    yield name, card


def _one(wanted: str, offered: Iterable[tuple[str, ModelCard]], describe: Any) -> dict[str, Any]:
    for provider, card in offered:
        if wanted in (f"{provider}/{card.id}", card.id):
            entry: dict[str, Any] = describe(provider, card)
            return entry
    raise NotFound(f"The model '{wanted[:128]}' is not offered here.", code="model_not_found", param="model")


def _listed(entries: list[dict[str, Any]], headers: Mapping[str, str]) -> dict[str, Any]:
    if "anthropic-version" not in headers:
        return {"object": "list", "data": entries}
    ids = [entry["id"] for entry in entries] or [None]
    return {"data": entries, "has_more": False, "first_id": ids[0], "last_id": ids[-1]}


def _for_openai(provider: str, card: ModelCard) -> dict[str, Any]:
    return {"id": f"{provider}/{card.id}", "object": "model", "created": 0, "owned_by": provider, **_facts(card)}


def _for_anthropic(provider: str, card: ModelCard) -> dict[str, Any]:
    name = f"{provider}/{card.id}"
    return {"type": "model", "id": name, "display_name": name, "created_at": UNKNOWN_DATE, **_facts(card)}


def _facts(card: ModelCard) -> dict[str, Any]:
    return {
        "context_window": card.context_window,
        "max_output_tokens": card.max_output_tokens,
        "abilities": {"output_schema": card.output_schema, "json_mode": card.json_mode, "reasoning": card.thinking},
        "usd_per_million_tokens": _prices(card.prices.standard[0]) if card.prices else None,
    }


def _prices(rates: Rates) -> dict[str, str]:
    return {
        name: usd_from_nano(getattr(rates, name) * 1000)
        for name in ("input", "output", "cached_input", "cache_write", "cache_write_1h")
    }
