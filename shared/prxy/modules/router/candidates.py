"""Which models could answer a call, and what each would cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from prxy.canonical.parts import Inline, MediaKind
from prxy.canonical.request import ChatRequest
from prxy.catalog import ModelCard
from prxy.money.bound import bound_nano, media_of
from prxy.money.prices import PICO_PER_NANO, reached
from prxy.pipeline.base import Call, Facts, Models
from prxy.pipeline.spec import invalid

BYTES_PER_TOKEN = 4
"""Of prose, about: this picks a model, it bounds nothing."""
USUAL_OUTPUT_TOKENS = 1_000
"""What an answer is taken to be long where the client set no limit."""

_encoder = msgspec.json.Encoder()


class Candidate(Struct, frozen=True, kw_only=True):
    name: str
    """As the options or the client wrote it."""
    target: str
    """As `provider/model`: names that lead to the same place are one candidate."""
    card: ModelCard
    price_pico: float
    """What this call would cost about, in pico-USD; infinite where no price is known."""


class Size(Struct, frozen=True, kw_only=True):
    """How large a call is, about."""

    input_tokens: int
    output_tokens: int
    images: bool

    @classmethod
    def of(cls, request: ChatRequest) -> Size:
        media = [each for each in media_of(request) if isinstance(each.source, Inline) and not each.source.is_text]
        encoded = sum(len(each.source.data) for each in media if isinstance(each.source, Inline))
        return cls(
            input_tokens=(len(_encoder.encode(request)) - encoded) // BYTES_PER_TOKEN,
            output_tokens=request.sampling.max_output_tokens or USUAL_OUTPUT_TOKENS,
            images=any(each.kind is MediaKind.IMAGE for each in media_of(request)),
        )


def able_candidates(named: Iterable[str], call: Call, models: Models) -> list[Candidate]:
    """In the order in which they are named, without twins, without those that there is no key for, that the virtual key
    does not allow or that cannot take the call. Raises InvalidRequest (invalid_pipeline) for an unknown name.
    """
    size, seen = Size.of(call.request), set[str]()
    found: list[Candidate] = []
    for name, facts in _known(named, call, models):
        if facts.target not in seen and facts.usable and _takes(facts.card, size):
            price = _price_pico(facts.card, size)
            found.append(Candidate(name=name, target=facts.target, card=facts.card, price_pico=price))
        seen.add(facts.target)
    return found


def _known(named: Iterable[str], call: Call, models: Models) -> Iterator[tuple[str, Facts]]:
    for name in named:
        facts = models.facts(name, call)
        if facts is None:
            raise invalid(f"the options of 'router' name '{name[:128]}', a model that no provider is known for")
        yield name, facts


def _takes(card: ModelCard, size: Size) -> bool:
    """What a card does not say is taken to be possible."""
    fits = card.context_window is None or size.input_tokens <= card.context_window
    return fits and not (size.images and card.image_tokens == 0)


def _price_pico(card: ModelCard, size: Size) -> float:
    if card.prices is None:
        return float("inf")
    rates = reached(card.prices.standard, size.input_tokens)
    output_tokens = min(size.output_tokens, card.max_output_tokens or size.output_tokens)
    tokens_pico = size.input_tokens * rates.input + output_tokens * rates.output
    return card.prices.fee_nano * PICO_PER_NANO + tokens_pico


def affordable(candidates: Sequence[Candidate], request: ChatRequest, nano_usd: int) -> Sequence[Candidate]:
    """Those whose worst case is within the amount; all of them where none is.

    Then admission has the word: it shortens an answer whose length the client left open, or refuses.
    """
    body = _encoder.encode(request)
    bounds = [bound_nano(each.card, request, body) for each in candidates]
    within = [each for each, bound in zip(candidates, bounds, strict=True) if bound is not None and bound <= nano_usd]
    return within or candidates
