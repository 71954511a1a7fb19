"""However a call ends, its key is charged by one rule, read from the ledger and not from what the client is told.

    answered in full, usage told            what it cost
    refused, or never reached               nothing
    anything else that reached a provider   the whole hold, counted as unconfirmed (see test_unknown_outcomes)

No way out leaves a hold behind.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from tests.api.paid import NOTHING, Books, Paid, charged, forfeited, paid_gateway, refusal
from tests.api.upstream import Answer, Upstream
from tests.api.wires import NATIVE, USAGES, Wire, both_ways, on_every_wire, on_native_wires

from prxy.local import dynamodb

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paid(store: str, upstream: Upstream) -> AsyncIterator[Paid]:
    async with paid_gateway(store, upstream.url) as gateway:
        yield gateway


# Answered


@on_every_wire
@both_ways
async def test_a_whole_answer_costs_what_its_usage_says(
    paid: Paid, upstream: Upstream, wire: Wire, *, stream: bool
) -> None:
    """M10."""
    fixture = upstream.put("whole", wire.answer(wire.billed, stream=stream))

    reply, books = await charged(paid, wire, fixture, stream=stream)

    assert reply.status_code == 200
    assert books == Books(spent=wire.cost_nano)
    assert books.spent < (await forfeited(paid, wire, stream=stream)).spent


DETAILED: Mapping[str, tuple[Mapping[str, Any], int]] = {
    "openai": (
        {
            "prompt_tokens": 1001,
            "completion_tokens": 7,
            "total_tokens": 1008,
            "prompt_tokens_details": {"cached_tokens": 333},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
        668 * 150 + 333 * 75 + 7 * 600,
    ),
    "anthropic": (
        {"input_tokens": 11, "cache_read_input_tokens": 333, "cache_creation_input_tokens": 100, "output_tokens": 7},
        11 * 3000 + 333 * 300 + 100 * 3750 + 7 * 15000,
    ),
    "google": (
        {
            "promptTokenCount": 1001,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1001}],
            "cachedContentTokenCount": 333,
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 333}],
            "candidatesTokenCount": 7,
            "thoughtsTokenCount": 3,
            "totalTokenCount": 1011,
        },
        668 * 300 + 333 * 30 + 10 * 2500,
    ),
}
"""Provider -> usage with cached, written and reasoning tokens, and its cost at the list prices, in nano-USD."""


@on_every_wire
@both_ways
async def test_every_kind_of_token_has_its_own_price(
    paid: Paid, upstream: Upstream, wire: Wire, *, stream: bool
) -> None:
    """M10."""
    usage, cost_nano = DETAILED[wire.provider]
    fixture = upstream.put("detailed", wire.answer(wire.usage(usage), stream=stream))

    _, books = await charged(paid, wire, fixture, stream=stream)

    assert books == Books(spent=cost_nano)


@on_every_wire
@both_ways
async def test_an_answer_without_usage_costs_the_whole_hold(
    paid: Paid, upstream: Upstream, wire: Wire, *, stream: bool
) -> None:
    """M18."""
    fixture = upstream.put("uncounted", wire.answer({}, stream=stream))

    reply, books = await charged(paid, wire, fixture, stream=stream)

    assert reply.status_code == 200
    assert books == await forfeited(paid, wire, stream=stream)


@pytest.mark.parametrize("wire", NATIVE[1:], ids=lambda wire: wire.provider)
@both_ways
@pytest.mark.parametrize("wrong", [None, -5, "1000", 1.5, 10**12], ids=str)
async def test_usage_that_no_provider_can_mean_costs_the_whole_hold(
    paid: Paid, upstream: Upstream, wire: Wire, wrong: object, *, stream: bool
) -> None:
    """M19."""
    usage = USAGES[wire.provider]
    told = wire.usage({**usage, next(iter(usage)): wrong})
    fixture = upstream.put("absurd", wire.answer(told, stream=stream))

    reply, books = await charged(paid, wire, fixture, stream=stream)

    assert reply.status_code == 200
    assert books == await forfeited(paid, wire, stream=stream)


@on_every_wire
@both_ways
async def test_whoever_saw_the_end_of_an_answer_finds_it_settled(
    paid: Paid, upstream: Upstream, wire: Wire, *, stream: bool
) -> None:
    """M08: the ledger is read at the moment in which the last bytes leave."""
    key = await paid.make_key()
    fixture = upstream.put("read-your-writes", wire.answer(wire.billed, stream=stream))
    last: list[tuple[bytes, Books]] = []

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def seen(message: Any) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                last.append((message["body"], await paid.books(key)))
            await send(message)

        await paid.app(scope, receive, seen)

    reply = await replace(paid, app=watched).ask(wire, key, fixture, stream=stream)

    ((data, books),) = last
    assert books == Books(spent=wire.cost_nano)
    assert wire.ends in data if stream else data == reply.content
    assert not (stream and wire.ends) or reply.content.count(wire.ends) == 1


# Refused and never reached


@on_native_wires
@both_ways
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 503, 529])
async def test_a_call_that_its_provider_refuses_costs_nothing(
    paid: Paid, upstream: Upstream, wire: Wire, status: int, *, stream: bool
) -> None:
    """M11."""
    body = b'{"error": {"message": "no", "type": "some_error"}}'
    headers = {"content-type": "application/json", "retry-after": "30"}
    fixture = upstream.put("refused", Answer(status=status, body=body, headers=headers))

    reply, books = await charged(paid, wire, fixture, stream=stream)

    assert reply.status_code >= 400
    assert len(upstream.asked[fixture]) == 1
    assert books == NOTHING


@on_native_wires
@both_ways
async def test_a_call_that_was_refused_once_and_then_answered_is_paid_once(
    paid: Paid, upstream: Upstream, wire: Wire, *, stream: bool
) -> None:
    """M38, as far as one provider goes: nothing was billed for the first try, so one hold serves both."""
    busy = Answer(status=503, body=b"{}")
    fixture = upstream.put("busy", busy, wire.answer(wire.billed, stream=stream))

    reply, books = await charged(paid, wire, fixture, stream=stream)

    assert reply.status_code == 200
    assert len(upstream.asked[fixture]) == 2
    assert books == Books(spent=wire.cost_nano)


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port of this machine at which nobody listens, kept from others."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def shake_no_hand(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unreached(store: str) -> AsyncIterator[Mapping[str, Paid]]:
    """Gateways whose providers cannot be spoken to."""
    async with AsyncExitStack() as stack:
        port = stack.enter_context(deaf_port())
        server = await stack.enter_async_context(await asyncio.start_server(shake_no_hand, "127.0.0.1", 0))
        no_tls = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield {
            "refused": await stack.enter_async_context(paid_gateway(store, f"http://127.0.0.1:{port}")),
            "no TLS": await stack.enter_async_context(paid_gateway(store, no_tls)),
        }


@pytest.mark.parametrize("wire", NATIVE[:2], ids=lambda wire: wire.provider)
@both_ways
@pytest.mark.parametrize("how", ["refused", "no TLS"])
async def test_a_call_that_reached_no_provider_costs_nothing(
    unreached: Mapping[str, Paid], wire: Wire, how: str, *, stream: bool
) -> None:
    """M12."""
    reply, books = await charged(unreached[how], wire, "nobody", stream=stream)

    assert (reply.status_code, refusal(reply)["code"]) == (502, "provider_connection_failed")
    assert books == NOTHING
