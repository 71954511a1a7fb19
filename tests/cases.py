"""The exchanges of the registered formats in groups, and the marks that run a test on each."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from tests.exchanges import Exchange, exchanges
from tests.laws import (
    ONE_CHOICE,
    decoded,
    first_choice,
    first_choice_told,
    frames_of,
)

from prxy.canonical.events import StreamEvent
from prxy.canonical.response import ChatResponse
from prxy.formats import FORMATS
from prxy.formats.base import Format

MINE = tuple(one for one in exchanges() if one.format in FORMATS)
OK = tuple(one for one in MINE if one.is_ok)
BUFFERED = tuple(one for one in OK if one.response is not None)
STREAMED = tuple(one for one in OK if one.stream_bytes is not None)
WHOLE_STREAMS = tuple(one for one in STREAMED if one.is_whole_stream)
BROKEN_STREAMS = tuple(one for one in STREAMED if not one.is_whole_stream)

each_format = pytest.mark.parametrize("name", FORMATS)


def each(group: Iterable[Exchange]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("exchange", [pytest.param(one, id=one.id) for one in group])


def across(group: Iterable[Exchange]) -> pytest.MarkDecorator:
    """Every exchange with every format that is not its own."""
    pairs = [
        pytest.param(one, client, id=f"{one.id}-{client}")
        for one, client in itertools.product(group, FORMATS)
        if one.format != client
    ]
    return pytest.mark.parametrize(("exchange", "client"), pairs)


def format_of(exchange: Exchange) -> Format:
    return FORMATS[exchange.format]


def events_of(exchange: Exchange) -> list[StreamEvent]:
    assert exchange.stream_bytes is not None
    return decoded(format_of(exchange), frames_of(format_of(exchange), [exchange.stream_bytes]))


def answer_of(exchange: Exchange) -> ChatResponse:
    return format_of(exchange).parse_response(exchange.response)


def for_client(client: str, answer: ChatResponse) -> ChatResponse:
    """The answer with no more choices than this client can have asked for."""
    return first_choice(answer) if client in ONE_CHOICE else answer


def told_to_client(client: str, events: list[StreamEvent]) -> list[StreamEvent]:
    """The events of no more choices than this client can have asked for."""
    return list(first_choice_told(events)) if client in ONE_CHOICE else events
