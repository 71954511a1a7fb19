"""Calls whose way to their provider is an HTTP proxy, which is what the setting `PRXY_TRANSPORT=httpx` is for.

One call of each kind; `make test-transports` takes every suite that way, without the proxy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.api.paid import NOTHING, Books, Paid, charged, forfeited, paid_gateway
from tests.api.upstream import Answer, Upstream
from tests.api.wires import Wire, both_ways, on_every_wire

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paid(store: str, upstream: Upstream) -> AsyncIterator[Paid]:
    """Its providers have names that nobody resolves here, so that only the proxy leads to them."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            environment.delenv(name, raising=False)
        environment.setenv("http_proxy", upstream.url)
        async with paid_gateway(store, "http://provider.example", PRXY_TRANSPORT="httpx") as gateway:
            yield gateway


@on_every_wire
@both_ways
async def test_an_answer_comes_through_the_proxy_and_costs_what_its_usage_says(
    paid: Paid, upstream: Upstream, wire: Wire, *, stream: bool
) -> None:
    fixture = upstream.put("proxied", wire.answer(wire.billed, stream=stream))

    reply, books = await charged(paid, wire, fixture, stream=stream)

    assert reply.status_code == 200
    assert books == Books(spent=wire.cost_nano)
    assert upstream.asked[fixture][-1].headers["host"] == "provider.example"


@on_every_wire
@both_ways
async def test_a_refusal_that_comes_through_the_proxy_costs_nothing(
    paid: Paid, upstream: Upstream, wire: Wire, *, stream: bool
) -> None:
    refusing = Answer(status=429, body=b'{"error": {"message": "slow down"}}')
    fixture = upstream.put("refusing", refusing)

    reply, books = await charged(paid, wire, fixture, stream=stream)

    assert reply.status_code == 429
    assert books == NOTHING


@on_every_wire
@both_ways
async def test_an_answer_that_breaks_off_behind_the_proxy_costs_the_whole_hold(
    paid: Paid, upstream: Upstream, wire: Wire, *, stream: bool
) -> None:
    fixture = upstream.put("broken", Answer(body=b"{", cut=True))

    _, books = await charged(paid, wire, fixture, stream=stream)

    assert books == await forfeited(paid, wire, stream=stream)
