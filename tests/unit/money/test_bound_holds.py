"""M20: no usage that a request permits costs more than what was reserved for it, whatever the model."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.money.wishes import CARDS, VARIED, bills, most_read, permitted, rendered, wishes

from prxy.canonical.parts import Extras, Text
from prxy.canonical.request import ChatRequest, Message, Role, Sampling
from prxy.canonical.response import Usage
from prxy.catalog import ModelCard, Rates
from prxy.formats import FORMATS
from prxy.money.bound import FLOOR_TOKENS, bound_nano, fit_output_cap
from prxy.money.prices import cost_nano

cards = st.sampled_from(CARDS) | st.sampled_from(VARIED)
formats = st.sampled_from(sorted(FORMATS))


def most_written(card: ModelCard, request: ChatRequest) -> int:
    """The limit for each choice; a drawing model may go to its own."""
    limit, most = request.sampling.max_output_tokens, card.max_output_tokens or 0
    draws = card.prices is not None and any(rates.image_output for rates in card.prices.standard)
    each = most if limit is None else max(limit, most) if draws else limit
    return each * (request.sampling.n or 1)


@given(card=cards, request=wishes(), name=formats, data=st.data())
def test_nothing_that_a_request_permits_costs_more_than_its_bound(
    card: ModelCard, request: ChatRequest, name: str, data: st.DataObject
) -> None:
    body = rendered(request, name)
    nano = bound_nano(card, request, body)
    assume(nano is not None)
    bill = bills(most_read(card, request, body), most_written(card, request), hour=b"1h" in body)
    usage = replace(data.draw(bill), **data.draw(st.sampled_from(permitted(card, request))))

    spent = cost_nano(card, usage)

    assert nano is not None
    assert spent is not None
    assert spent <= nano


@given(card=cards, request=wishes(), name=formats, available=st.integers(0, 10**10))
def test_a_fitted_limit_is_affordable_or_the_smallest_there_is(
    card: ModelCard, request: ChatRequest, name: str, available: int
) -> None:
    request = replace(request, sampling=replace(request.sampling, max_output_tokens=None))
    cap = fit_output_cap(card, request, available)
    assume(cap is not None)
    fitted = replace(request, sampling=replace(request.sampling, max_output_tokens=cap))

    nano = bound_nano(card, fitted, rendered(fitted, name))

    assert cap is not None
    assert FLOOR_TOKENS <= cap <= (card.max_output_tokens or 4_096)
    assert nano is None or nano <= available or cap == FLOOR_TOKENS


@given(card=cards, request=wishes(), name=formats, more=st.integers(1, 9))
def test_asking_for_more_never_lowers_the_bound(card: ModelCard, request: ChatRequest, name: str, more: int) -> None:
    limit = request.sampling.max_output_tokens or card.max_output_tokens or 1
    request = replace(request, sampling=Sampling(max_output_tokens=limit, n=request.sampling.n))
    nano = bound_nano(card, request, rendered(request, name))
    assume(nano is not None)
    longer = Message(role=Role.USER, parts=(Text(text="a" * more),))
    greater = [
        replace(request, messages=(*request.messages, longer)),
        replace(request, sampling=replace(request.sampling, max_output_tokens=limit + more)),
        replace(request, sampling=replace(request.sampling, n=(request.sampling.n or 1) + more)),
    ]

    bounds = [bound_nano(card, each, rendered(each, name)) for each in greater]

    assert nano is not None
    assert all(each is not None and each >= nano for each in bounds)


def each_kind(read: int, written: int) -> Iterator[Usage]:
    """Everything in one kind at a time, on either side."""
    reads = [{}, {"audio_input_tokens": read}, {"image_input_tokens": read}, {"cached_input_tokens": read}]
    reads += [{"cache_write_tokens": read}, {"cache_write_tokens": read, "cache_write_1h_tokens": read}]
    reads += [{"cached_input_tokens": read, "audio_input_tokens": read, "cached_audio_tokens": read}]
    writes = [{}, {"reasoning_tokens": written}, {"audio_output_tokens": written}, {"image_output_tokens": written}]
    for side in (*reads, *writes):
        yield Usage(input_tokens=read, output_tokens=written, **side)


LENGTHS = (100, 32_001, 100_001, 128_001, 200_000, 200_001, 256_001, 272_001)


FAST = Extras(format="anthropic_messages", fields={"speed": "fast"})


@pytest.mark.parametrize("extras", [None, FAST], ids=["plain", "fast"])
@pytest.mark.parametrize("asked", [None, "auto"])
def test_the_bound_of_every_model_covers_every_kind_of_token_at_every_length(
    asked: str | None, extras: Extras | None
) -> None:
    """Exhaustive where the property above samples."""
    words = Message(role=Role.USER, parts=(Text(text="Hello"),))
    sampling = Sampling(max_output_tokens=1_000)
    request = ChatRequest(
        format="f", model="m", messages=(words,), sampling=sampling, service_tier=asked, extras=extras
    )
    covered = 0

    for card, length in itertools.product(CARDS, LENGTHS):
        read = min(length, card.context_window or length)
        written, nano = most_written(card, request), bound_nano(card, request, b'"1h"'.ljust(read))
        for usage, tier in itertools.product(each_kind(read, written), permitted(card, request)):
            spent = cost_nano(card, replace(usage, **tier))
            assert nano is None or (spent is not None and spent <= nano), (card.id, usage, tier)
            covered += nano is not None

    assert covered > 3_000


def test_what_is_heard_anew_is_never_cheaper_than_what_is_heard_again() -> None:
    """What the charge for a cache of unknown content rests on."""

    def saved(rates: Rates) -> tuple[int, int]:
        cached = rates.cached_input if rates.cached_audio is None else rates.cached_audio
        heard = rates.input if rates.audio_input is None else rates.audio_input
        return heard - cached, rates.input - rates.cached_input

    for card in CARDS:
        assert card.prices is not None
        for rows in (card.prices.standard, *card.prices.tiers.values()):
            assert all(audio >= text for audio, text in map(saved, rows)), card.id
