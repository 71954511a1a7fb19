"""Keys that may not begin another call: out of money, of places, or of calls in a minute."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace as changed
from tests.api.faulty_store import FaultyStore
from tests.api.paid import RICH, USD, Books, Paid, key_id, paid_gateway, refusal, until
from tests.api.upstream import Upstream
from tests.api.wires import NATIVE, Wire, both_ways, is_whole, on_native_wires

from prxy.api.routes import ROUTES
from prxy.store.records import Limits

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paid(proxy: FaultyStore, upstream: Upstream) -> AsyncIterator[Paid]:
    async with paid_gateway(proxy.url, upstream.url) as gateway:
        yield gateway


SPENDING = {
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1beta/models/{model:path}:{method}",
    "/v1/models/{model:path}:{method}",
}
FREE = {
    "/v1/messages/count_tokens",
    "/v1beta/models/{model:path}:countTokens",
    "/v1/models/{model:path}:countTokens",
    "/v1/models",
    "/v1/models/{id:path}",
    "/v1/pipeline",
    "/health",
}
MORE_DOORS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("/v1/responses", {"model": "gpt-4o-mini", "input": "x", "max_output_tokens": 500}),
    ("/v1/responses", {"model": "gpt-4o-mini", "input": "x", "max_output_tokens": 500, "stream": True}),
    ("/v1/models/gemini-2.5-flash:generateContent", NATIVE[2].asked),
)


async def exhaust(books_of: Paid, key: str) -> int:
    """Lower the limit of the day to what is spent."""
    administration, spent = books_of.planes.control.administration, (await books_of.books(key)).spent
    stored = await administration.read(key_id(key))
    await administration.update(changed(stored, limits=Limits(per_day_nano=spent)))
    return spent


async def test_every_route_is_known_to_spend_or_to_be_free(books_of: Paid) -> None:
    """A new route is put into one of the two sets, and with the first into the test below."""
    paths = {mounted.path for make in ROUTES.values() for mounted in make(books_of.planes.data)}

    assert paths == SPENDING | FREE


@pytest.mark.parametrize("pipe", [None, "none"], ids=["by default", "without modules"])
async def test_every_route_that_spends_refuses_a_key_that_has_nothing_left(
    paid: Paid, books_of: Paid, upstream: Upstream, pipe: str | None
) -> None:
    """M22, M24."""
    wire, key = NATIVE[0], await books_of.make_key()
    fixture = upstream.put("exhausted", wire.answer(wire.billed, stream=False))
    headers = {"x_provider_key": fixture} | ({"x_prxy_pipe": pipe} if pipe else {})
    assert (await paid.ask(wire, key, fixture)).status_code == 200
    spent = await exhaust(books_of, key)
    doors = [each.ask(stream=stream) for each in NATIVE for stream in (False, True)]

    refused = [await paid.send("POST", path, key, body, **headers) for path, body in (*doors, *MORE_DOORS)]

    told = [refusal(each) for each in refused]
    assert {(reply.status_code, error["code"]) for reply, error in zip(refused, told, strict=True)} == {
        (429, "cost_limit_per_day")
    }
    assert {Decimal(error[name]) * USD for error in told for name in ("limit", "spent")} == {spent}
    assert all(Decimal(error["estimated"]) > 0 and error["resets_at"].endswith("T00:00:00Z") for error in told)
    assert {reply.headers["x-should-retry"] for reply in refused} == {"false"}
    assert all(0 < int(reply.headers["retry-after"]) <= 86_400 for reply in refused)
    assert len(upstream.asked[fixture]) == 1
    assert await books_of.books(key) == Books(spent=spent)


async def test_what_is_free_is_given_to_a_key_that_has_nothing_left(
    paid: Paid, faulty: FaultyStore, books_of: Paid
) -> None:
    """M22."""
    key = await books_of.make_key(Limits(per_day_nano=0))

    replies = [await paid.send("GET", path, key) for path in ("/v1/models", "/v1/models/gpt-4o-mini", "/v1/pipeline")]
    counted = await paid.send("POST", "/v1/messages/count_tokens", key, NATIVE[0].asked | {"max_tokens": None})

    assert [reply.status_code for reply in replies] == [200, 200, 200]
    assert (counted.status_code, counted.headers["x-prxy-cost-usd"]) == (200, "0")
    assert faulty.writes == []


@on_native_wires
@both_ways
async def test_a_kept_answer_is_given_without_a_write_to_a_key_that_has_nothing_left(
    paid: Paid, faulty: FaultyStore, books_of: Paid, upstream: Upstream, wire: Wire, *, stream: bool
) -> None:
    """M23."""
    key = await books_of.make_key()
    fixture = upstream.put("kept", wire.answer(wire.billed, stream=False))
    assert (await paid.ask(wire, key, fixture, x_prxy_pipe="exact-cache")).status_code == 200
    spent = await exhaust(books_of, key)
    faulty.operations.clear()

    reply = await paid.ask(wire, key, fixture, stream=stream, x_prxy_pipe="exact-cache")

    assert is_whole(wire, reply, stream=stream)
    assert reply.headers["x-prxy-cache"] == "exact-cache"
    assert (faulty.writes, len(upstream.asked[fixture])) == ([], 1)
    assert await books_of.books(key) == Books(spent=spent)


async def test_one_call_more_than_may_run_at_a_time_is_refused(paid: Paid, upstream: Upstream) -> None:
    """M36."""
    wire, gate = NATIVE[0], threading.Event()
    key = await paid.make_key()
    fixture = upstream.put("waiting", replace(wire.answer(wire.billed, stream=True), gate=gate))
    running = [asyncio.create_task(paid.ask(wire, key, fixture, stream=True)) for _ in range(32)]
    await until(lambda: len(upstream.asked[fixture]) == 32)

    refused = [await paid.ask(each, key, fixture, stream=stream) for each in NATIVE for stream in (False, True)]
    gate.set()
    answered = await asyncio.gather(*running)
    admitted = await paid.ask(wire, key, fixture)

    assert {(each.status_code, refusal(each)["code"]) for each in refused} == {(429, "concurrency")}
    assert {(each.headers["retry-after"], each.headers["x-should-retry"]) for each in refused} == {("1", "true")}
    assert {each.status_code for each in (*answered, admitted)} == {200}
    assert len(upstream.asked[fixture]) == 33
    assert await paid.books(key) == Books(spent=33 * wire.cost_nano)


async def test_requests_per_minute_are_counted_down_and_begin_anew(paid: Paid, upstream: Upstream) -> None:
    """M36."""
    wire, time = NATIVE[0], [1_795_348_800 + 50]
    paid = paid.with_gateway(changed(paid.planes.data, clock=lambda: float(time[0])))
    key = await paid.make_key(changed(RICH, requests_per_minute=3))
    fixture = upstream.put("frequent", wire.answer(wire.billed, stream=False))

    served = [await paid.ask(wire, key, fixture) for _ in range(3)]
    refused = [await paid.ask(each, key, fixture, stream=stream) for each in NATIVE for stream in (False, True)]
    time[0] += 10
    served.append(await paid.ask(wire, key, fixture))

    told = ("limit", "remaining", "reset")
    assert [tuple(each.headers[f"x-ratelimit-{name}-requests"] for name in told) for each in served] == [
        ("3", "2", "10s"),
        ("3", "1", "10s"),
        ("3", "0", "10s"),
        ("3", "2", "60s"),
    ]
    assert {(each.status_code, refusal(each)["code"]) for each in refused} == {(429, "requests_per_minute")}
    assert {(each.headers["retry-after"], each.headers["x-should-retry"]) for each in refused} == {("10", "true")}
    assert len(upstream.asked[fixture]) == 4
