"""Model cards: what a model costs, how much it takes and what it can do. Data in `catalog.json`, read on first use.

A name is looked up as it stands, then without what marks a snapshot of the same model (a date, `-latest`, a revision,
the region and version of a Bedrock id). Nothing is matched by its beginning alone: `gpt-4o-mini` is not a `gpt-4o`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from os import PathLike

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from prxy.canonical.parts import Json
from prxy.globs import matches

_SNAPSHOT = re.compile(
    r"(?:-latest|[-@]\d{8}|-\d{4}-\d{2}-\d{2}|@(?:latest|default)|-v\d+(?::\d+)?(?::\w+)?|:\d+|-\d{3}"
    r"|-preview(?:-\d{2}-\d{2}(?:\d{2})?)?)$",
    re.ASCII,
)
_REGION = re.compile(r"^(?:us|eu|apac|au|jp|ca|in|us-gov|sa)\.", re.ASCII)
_VENDOR = re.compile(r"^(?:anthropic|meta|amazon|mistral|openai|deepseek|cohere|qwen)\.", re.ASCII)


class Thinking(StrEnum):
    NONE = "none"
    BUDGET = "budget"
    """Told in tokens."""
    ADAPTIVE = "adaptive"
    """Told as an effort, with a mode that leaves the amount to the model."""
    EFFORT = "effort"
    """Told as an effort or level."""


class Rates(Struct, frozen=True, array_like=True, dict=True):
    """Pico-USD (10^-12) per token, for prompts of more than `above_tokens`. One million is $1 per million tokens."""

    above_tokens: int
    input: int
    output: int
    cached_input: int
    cache_write: int
    cache_write_1h: int
    audio_input: int | None = None
    """None: as other input. So with the others below: as the kind of tokens that they are a part of."""
    audio_output: int | None = None
    image_input: int | None = None
    """Pictures, and the frames of films."""
    image_output: int | None = None
    cached_audio: int | None = None
    reasoning: int | None = None

    @cached_property
    def dearest_input(self) -> int:
        """Of the kinds of tokens that are read, but for those that are kept for an hour."""
        media = (self.audio_input, self.cached_audio, self.image_input)
        return max(self.input, self.cached_input, self.cache_write, *[price or 0 for price in media])

    @cached_property
    def dearest_output(self) -> int:
        kinds = (self.audio_output, self.image_output, self.reasoning)
        return max(self.output, *[price or 0 for price in kinds])


class Prices(Struct, frozen=True, kw_only=True):
    standard: tuple[Rates, ...]
    """By rising `above_tokens`; the first begins at 0. The row that a prompt reaches holds for all of its tokens."""
    tiers: Mapping[str, tuple[Rates, ...]] = {}
    """The same at other speeds or places, by the vendor's word for them (`priority`, `flex`, `fast`, `us`); where two
    act together, by both (`fast+us`)."""
    fee_nano: int = 0
    """Nano-USD for each request."""


class ModelCard(Struct, frozen=True, kw_only=True):
    """The defaults are what is safe to assume of a model that nobody described."""

    id: str
    prices: Prices | None = None
    """None: nobody knows, which is not the same as free."""
    context_window: int | None = None
    max_output_tokens: int | None = None
    thinking: Thinking = Thinking.NONE
    output_schema: bool = False
    """Takes a JSON Schema for its answer."""
    json_mode: bool = True
    """Takes the wish for any JSON object."""
    prefill: bool = True
    """Goes on from a last message of its own."""
    refuses: tuple[str, ...] = ()
    """Names of sampling knobs that it answers with an error."""
    refuses_thinking: tuple[str, ...] = ()
    """The same, while it thinks."""
    temperature_or_top_p: bool = False
    """Takes one of them, not both."""
    needs_output_limit: bool = False
    """Its wire demands a limit of output tokens."""
    responses_only: bool = False
    """Served by the Responses API alone."""
    image_tokens: int | None = None
    """The most that one image is counted as; None: unknown."""
    unbounded: frozenset[str] = frozenset()
    """Fields of requests, and `type`s in such fields, that let the provider read or do more than the request holds."""

    @property
    def answers(self) -> bool:
        """False: it makes vectors, which are paid by what is read alone."""
        return self.prices is None or any(rates.output or not rates.input for rates in self.prices.standard)


class Listed(Struct, frozen=True, kw_only=True):
    prices: tuple[Rates, ...]
    tiers: Mapping[str, tuple[Rates, ...]] = {}
    fee_nano: int = 0
    context_window: int | None = None


class Offer(Struct, frozen=True, kw_only=True):
    models: dict[str, Listed]
    aliases: dict[str, str]


class Sheet(Struct, frozen=True, kw_only=True):
    source: str
    unbounded: frozenset[str]
    defaults: dict[str, dict[str, Json]]
    """Provider -> what all of its cards say, whatever their family."""
    families: list[dict[str, Json]]
    """`match` and what the cards of that family say."""
    providers: dict[str, msgspec.Raw]
    """Decoded provider by provider: most processes use few of them."""


KEPT = 2_000
"""Cards remembered by one process; names with any date are many."""

_NOTHING = Offer(models={}, aliases={})
_FILE = __file__.removesuffix("py") + "json"


class Catalog:
    def __init__(self, file: str | PathLike[str] = _FILE) -> None:
        self._file = file
        self._offers: dict[str, Offer] = {}
        self._cards: dict[tuple[str, str], ModelCard] = {}
        self._lists: dict[str, tuple[ModelCard, ...]] = {}

    @cached_property
    def _sheet(self) -> Sheet:
        with open(self._file, "rb") as file:  # noqa: PTH123  # pathlib is a hundredth of a cold start
            return msgspec.json.decode(file.read(), type=Sheet)

    def find(self, provider: str, model: str) -> ModelCard | None:
        """The card of a model on the provider's price list, under the name that the list has for it."""
        kept = self._cards.get((provider, model))
        if kept is not None:
            return kept
        key = self._key(provider, model.lower())
        if key is None:
            return None
        if len(self._cards) >= KEPT:
            self._cards.clear()
        card = self._cards[provider, model] = self._make(provider, model, key)
        return card

    def card(self, provider: str, model: str) -> ModelCard:
        """The card, or one without prices that says what models of such a name can do."""
        return self.find(provider, model) or self._make(provider, model)

    def of(self, provider: str) -> Iterable[ModelCard]:
        """All cards on the provider's price list."""
        if provider not in self._lists:
            self._lists[provider] = tuple(self._make(provider, key, key) for key in self._offer(provider).models)
        return self._lists[provider]

    def _key(self, provider: str, model: str) -> str | None:
        offer = self._offer(provider)
        for name in _names(model):
            key = name if name in offer.models else offer.aliases.get(name)
            if key is not None:
                return key
        return None

    def _offer(self, provider: str) -> Offer:
        offer = self._offers.get(provider)
        if offer is None:
            raw = self._sheet.providers.get(provider)
            offer = self._offers[provider] = msgspec.json.decode(raw, type=Offer) if raw is not None else _NOTHING
        return offer

    def _make(self, provider: str, model: str, key: str | None = None) -> ModelCard:
        """Abilities go by the name that was asked for, prices by the one that it was found under."""
        said: dict[str, Json] = {**self._family(model), **self._sheet.defaults.get(provider, {})}
        card = msgspec.convert({**said, "id": key or model}, ModelCard)
        card = replace(card, unbounded=self._sheet.unbounded)
        if key is None:
            return card
        listed = self._offer(provider).models[key]
        prices = Prices(standard=listed.prices, tiers=listed.tiers, fee_nano=listed.fee_nano)
        return replace(card, prices=prices, context_window=listed.context_window)

    def _family(self, model: str) -> Mapping[str, Json]:
        name = model.lower().rpartition("/")[2]
        name = _VENDOR.sub("", _REGION.sub("", name.removeprefix("global.").removeprefix("regional.")))
        for family in self._sheet.families:
            patterns: Sequence[str] = family["match"]
            if any(matches(name, pattern) for pattern in patterns):
                return {field: value for field, value in family.items() if field != "match"}
        return {}


def _names(name: str) -> Iterator[str]:
    """The name and what is left of it without snapshot, region and vendor, nearest first."""
    for base in (name, _REGION.sub("", name), _VENDOR.sub("", _REGION.sub("", name))):
        yield base
        shorter = base
        for _ in range(3):
            shorter, cut = _SNAPSHOT.subn("", shorter)
            if not cut:
                break
            yield shorter
