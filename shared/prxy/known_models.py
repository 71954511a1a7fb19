"""What modules may ask about a model before a call goes to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import structs

from prxy.canonical.errors import GatewayError
from prxy.catalog import Catalog, ModelCard
from prxy.formats.base import Format
from prxy.pipeline.base import Ability, Call, Facts, Models
from prxy.providers.base import ConfiguredProvider
from prxy.routing import Target, locate, may_call, not_allowed, route, tongue
from prxy.store.ports import ProviderKeys


class KnownModels(Models):
    """Over the catalogue and the providers of this process."""

    def __init__(self, catalog: Catalog, providers: Mapping[str, ConfiguredProvider]) -> None:
        self._catalog, self._providers = catalog, providers

    def facts(self, model: str, call: Call) -> Facts | None:
        try:
            provider, name = locate(model, self._providers)
        except GatewayError:
            return None
        card = self._catalog.card(provider.row.name, name)
        wire = tongue(provider.row.speaks, call.request.format, card).format
        return Facts(
            target=f"{provider.row.name}/{name}",
            card=card,
            usable=self._usable(model, call),
            abilities=frozenset(_abilities(card, wire)),
        )

    def _usable(self, model: str, call: Call) -> bool:
        try:
            target_of(model, call, self._providers)
        except GatewayError:
            return False
        return True


def _abilities(card: ModelCard, wire: Format) -> Iterator[Ability]:
    if card.prices is None:
        return
    yield Ability.PRICES
    if wire.marks_cache and any(each.cached_input < each.input for each in card.prices.standard):
        yield Ability.PROMPT_CACHE


def target_of(model: str, call: Call, providers: Mapping[str, ConfiguredProvider]) -> Target:
    """Where a call goes that is to be answered by that model.

    The caller's own provider key goes to no other provider than the one of the model that it asked for, and none but
    the models that its virtual key allows is ever asked. Raises GatewayError.
    """
    if not may_call(model, call.key.models, providers):
        raise not_allowed(model)
    own = locate(model, providers)[0] is locate(call.request.model, providers)[0]
    return route(model, providers, call.provider_key if own else None, call.stored)


async def open_target(
    model: str, call: Call, providers: Mapping[str, ConfiguredProvider], keys: ProviderKeys
) -> Target:
    """As `target_of`, with the tenant's stored key opened where it is the one to use.

    Raises ProviderKeyUnavailable where that cannot be done: no other key is used in its place.
    """
    target = target_of(model, call, providers)
    if target.sealed is None:
        return target
    return structs.replace(target, credential=await keys.unseal(target.sealed), sealed=None)
