"""What a call is charged by, on every answer that is at hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping

from tests.cases import BUFFERED, WHOLE_STREAMS, each, format_of
from tests.exchanges import Exchange

from prxy.canonical.stream import Fold
from prxy.money.meter import Meter
from prxy.upstream import StreamedReply, WholeReply


class Reply:
    status = 200
    headers: Mapping[str, str] = {}

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        for place in range(0, len(self._body), 1024):
            yield self._body[place : place + 1024]

    async def read(self) -> bytes:
        return self._body

    async def aclose(self) -> None: ...


@each(WHOLE_STREAMS)
async def test_a_stream_is_charged_by_the_usage_that_its_client_is_told(exchange: Exchange) -> None:
    """I05."""
    meter, gathered = Meter(), Fold()

    async for batch in StreamedReply(Reply(exchange.stream_bytes or b""), format_of(exchange)):
        for event in batch:
            meter.add(event)
            gathered.add(event)

    assert meter.usage == gathered.response.usage


@each(BUFFERED)
async def test_a_whole_answer_is_charged_by_the_usage_that_its_client_is_told(exchange: Exchange) -> None:
    """I05."""
    meter, gathered = Meter(), Fold()

    async for batch in WholeReply(Reply(json.dumps(exchange.response).encode()), format_of(exchange)):
        for event in batch:
            meter.add(event)
            gathered.add(event)

    assert meter.usage == gathered.response.usage
