"""Model name -> the provider that serves it, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from msgspec import Struct

from prxy.canonical.errors import InvalidRequest, NotFound, NotPermitted
from prxy.catalog import ModelCard
from prxy.providers.base import ConfiguredProvider, Speaks
from prxy.store.records import ProviderKey

BY_NAME: tuple[tuple[str, str], ...] = (
    ("claude-", "anthropic"),
    ("gpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("chatgpt-", "openai"),
    ("gemini-", "google"),
    ("gemma-", "google"),
    ("anthropic.", "bedrock"),
    ("amazon.", "bedrock"),
    ("meta.", "bedrock"),
    ("us.", "bedrock"),
    ("eu.", "bedrock"),
    ("apac.", "bedrock"),
    ("global.", "bedrock"),
)
"""Beginning of a bare model name -> provider; the first that fits holds."""


class Target(Struct, frozen=True, kw_only=True):
    """Where a call goes."""

    provider: ConfiguredProvider
    model: str
    """As the provider knows it."""
    credential: str | None
    """The provider key of this call; None where the provider needs none."""
    sealed: ProviderKey | None = None
    """The tenant's stored key, in place of `credential` until it is opened."""

    @property
    def name(self) -> str:
        return f"{self.provider.row.name}/{self.model}"


def route(
    model: str,
    providers: Mapping[str, ConfiguredProvider],
    provider_key: str | None,
    stored: Mapping[str, ProviderKey],
) -> Target:
    """The target that a model name points at. No name ever changes a host.

    Its key is the caller's own, else the tenant's of `stored` for that provider, else the operator's.

    Raises NotFound (model_not_found) and InvalidRequest (provider_not_configured).
    """
    provider, name = locate(model, providers)
    sealed = None if provider_key else stored.get(provider.row.name)
    credential = provider_key or (provider.key if sealed is None else None)
    if not provider.base_url or (credential is None and sealed is None and not provider.usable):
        raise not_configured(provider.row.name)
    return Target(provider=provider, model=name, credential=credential, sealed=sealed)


def locate(model: str, providers: Mapping[str, ConfiguredProvider]) -> tuple[ConfiguredProvider, str]:
    """The provider that a model name points at, and the model's name there.

    Raises NotFound (model_not_found) and InvalidRequest (provider_not_configured).
    """
    prefix, slash, rest = model.partition("/")
    if slash and rest and prefix in providers:
        return providers[prefix], rest
    name = _by_name(model)
    if name is None:
        raise NotFound(
            f"No provider is known for the model '{model[:128]}'. Write 'provider/model' with one of: "
            f"{', '.join(sorted(providers))}.",
            code="model_not_found",
            param="model",
        )
    if name not in providers:
        raise not_configured(name)
    return providers[name], model


def may_call(model: str, patterns: Sequence[str] | None, providers: Mapping[str, ConfiguredProvider]) -> bool:
    """Whether an allow-list covers a model under any name that leads to the same place: as it was asked for, as
    `provider/model`, and bare where the bare name belongs to that provider.
    """
    return patterns is None or any(fnmatchcase(name, each) for name in _names(model, providers) for each in patterns)


def _names(model: str, providers: Mapping[str, ConfiguredProvider]) -> set[str]:
    prefix, slash, rest = model.partition("/")
    if slash and rest and prefix in providers:
        return {model, rest} if _by_name(rest) == prefix else {model}
    provider = _by_name(model)
    return {model} if provider is None else {model, f"{provider}/{model}"}


@lru_cache(maxsize=256)
def _by_name(model: str) -> str | None:
    return next((provider for beginning, provider in BY_NAME if model.startswith(beginning)), None)


def tongue(speaks: Sequence[Speaks], client_format: str, card: ModelCard) -> Speaks:
    """The provider's wire for a call: the client's own where it is spoken, else the provider's first."""
    able = [each for each in speaks if not (each.partial and card.responses_only)]
    return next((each for each in able if each.wire == client_format), able[0])


def not_allowed(model: str) -> NotPermitted:
    return NotPermitted(f"This key may not use the model '{model}'.", code="model_not_allowed", param="model")


def not_configured(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"The provider '{name}' has no usable key. The operator sets {name.upper()}_API_KEY, or the caller sends "
        "'x-provider-key'.",
        code="provider_not_configured",
        param="model",
    )
