"""The ledger's store fails: no provider is called that was not paid for, and nothing is charged or refunded twice."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
from tests.api.faulty_store import Fault, FaultyStore
from tests.api.paid import NOTHING, RICH, Books, Paid, key_id, paid_gateway, refusal, until
from tests.api.upstream import Upstream
from tests.api.wires import NATIVE, Wire, both_ways, is_whole, on_native_wires

from prxy.store.records import Budget, Limits

pytestmark = pytest.mark.asyncio(loop_scope="module")
ON_SOME = ((NATIVE[0], False), (NATIVE[1], True))
"""Where every one would only take longer."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paid(proxy: FaultyStore, upstream: Upstream) -> AsyncIterator[Paid]:
    async with paid_gateway(proxy.url, upstream.url) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty(proxy: FaultyStore, upstream: Upstream) -> AsyncIterator[Paid]:
    """A gateway that gives its store 0.4 s for an answer."""
    async with paid_gateway(proxy.url, upstream.url, PRXY_STORE_TIMEOUT_S="0.4") as gateway:
        yield gateway


def refused_for_the_store(reply: httpx.Response) -> bool:
    told = (reply.status_code, refusal(reply)["code"], reply.headers["retry-after"])
    return told == (503, "budget_store_unavailable", "1")


# At the reserve

FAILS: Mapping[str, tuple[Fault, ...]] = {
    "throttled": (Fault.THROTTLED, Fault.THROTTLED),
    "broken": (Fault.BROKEN, Fault.BROKEN),
    "denied": (Fault.DENIED,),
    "answers lost": (Fault.LOST, Fault.LOST),
    "broken, answer lost": (Fault.BROKEN, Fault.LOST),
}


@on_native_wires
@pytest.mark.parametrize("how", FAILS)
async def test_a_call_that_cannot_be_paid_for_reaches_no_provider(
    paid: Paid, faulty: FaultyStore, books_of: Paid, upstream: Upstream, *, wire: Wire, how: str
) -> None:
    """M26: whatever has become of the reserve, it is taken back; the next call is admitted."""
    key = await books_of.make_key()
    fixture = upstream.put("unpaid", wire.answer(wire.billed, stream=False))
    for stream in (False, True):
        faulty.next_writes.extend(FAILS[how])
        assert refused_for_the_store(await paid.ask(wire, key, fixture, stream=stream))
    asked, books = [*upstream.asked[fixture]], await books_of.books(key)

    later = await paid.ask(wire, key, fixture)

    assert (asked, books) == ([], NOTHING)
    assert later.status_code == 200
    assert await books_of.books(key) == Books(spent=wire.cost_nano)


@pytest.mark.parametrize(("wire", "stream"), ON_SOME, ids=["openai", "anthropic"])
async def test_a_store_that_says_nothing_is_not_waited_for(
    hasty: Paid, faulty: FaultyStore, books_of: Paid, upstream: Upstream, *, wire: Wire, stream: bool
) -> None:
    """M26."""
    key = await books_of.make_key()
    fixture = upstream.put("silent-store", wire.answer(wire.billed, stream=stream))
    faulty.next_writes.extend((Fault.SILENT, Fault.SILENT))

    refused = await hasty.ask(wire, key, fixture, stream=stream)

    assert refused_for_the_store(refused)
    assert upstream.asked[fixture] == []
    assert await books_of.books(key) == NOTHING


@on_native_wires
@both_ways
@pytest.mark.parametrize("known", [False, True], ids=["unknown key", "known key"])
@pytest.mark.parametrize("limits", [Limits(), RICH], ids=["unlimited", "limited"])
async def test_without_a_store_nobody_is_served_until_it_is_back(
    paid: Paid,
    faulty: FaultyStore,
    books_of: Paid,
    upstream: Upstream,
    *,
    wire: Wire,
    limits: Limits,
    known: bool,
    stream: bool,
) -> None:
    """M26: also keys without any limit, whose authority is checked by the same write."""
    key = await books_of.make_key(limits)
    fixture = upstream.put("no-store", wire.answer(wire.billed, stream=stream))
    if known:
        assert (await paid.send("GET", "/v1/models", key)).status_code == 200

    await faulty.leave()
    refused = await paid.ask(wire, key, fixture, stream=stream)
    asked = [*upstream.asked[fixture]]
    await faulty.come()
    later = await paid.ask(wire, key, fixture, stream=stream)

    assert refused_for_the_store(refused)
    assert asked == []
    assert is_whole(wire, later, stream=stream)
    assert await books_of.books(key) == Books(spent=wire.cost_nano)


async def test_a_reserve_that_nobody_could_take_back_stays_held(
    hasty: Paid, faulty: FaultyStore, books_of: Paid, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """It landed unseen: forfeited later, and told of in the log."""
    wire, key = NATIVE[0], await books_of.make_key()
    fixture = upstream.put("unresolved", wire.answer(wire.billed, stream=False))
    faulty.next_writes.extend((Fault.LOST, Fault.SILENT, Fault.SILENT, Fault.SILENT))

    reply = await hasty.ask(wire, key, fixture)

    books = await books_of.books(key)
    (line,) = (record for record in caplog.records if record.msg == "reserve_unresolved")
    assert refused_for_the_store(reply)
    assert upstream.asked[fixture] == []
    assert books.holds == {vars(line)["rid"]: books.spent}
    assert books.spent == await books_of.hold_of(wire)


@on_native_wires
@both_ways
@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.BROKEN, Fault.LOST], ids=lambda each: each.name)
async def test_a_reserve_that_is_sent_twice_is_one_hold_and_one_charge(
    paid: Paid, faulty: FaultyStore, books_of: Paid, upstream: Upstream, *, wire: Wire, fault: Fault, stream: bool
) -> None:
    """M27."""
    key = await books_of.make_key()
    fixture = upstream.put("resent", wire.answer(wire.billed, stream=stream))
    faulty.next_writes.append(fault)

    reply = await paid.ask(wire, key, fixture, stream=stream)

    assert is_whole(wire, reply, stream=stream)
    assert len(upstream.asked[fixture]) == 1
    assert faulty.writes == ["UpdateItem"] * 3
    assert await books_of.books(key) == Books(spent=wire.cost_nano)


async def test_a_call_that_is_fitted_to_a_budget_is_admitted_though_a_reserve_was_sent_twice(
    paid: Paid, faulty: FaultyStore, books_of: Paid, upstream: Upstream
) -> None:
    """What keeps a late copy of the refused reserve from landing keeps nothing from the fitted one."""
    wire, key = NATIVE[0], await books_of.make_key()
    budget = Budget(tenant=f"tenant-{key_id(key)}", limits=Limits(per_day_nano=3 * wire.cost_nano))
    await books_of.planes.control.budgets.create(budget)
    fixture = upstream.put("fitted-again", wire.answer(wire.billed, stream=False))
    open_ended = {name: value for name, value in wire.asked.items() if name != "max_tokens"}
    first = await paid.send("POST", wire.path, key, open_ended, x_provider_key=fixture)
    faulty.next_writes.append(Fault.LOST)

    second = await paid.send("POST", wire.path, key, open_ended, x_provider_key=fixture)

    assert (faulty.next_writes, second.status_code) == (deque(), 200)
    caps = [int(reply.headers["x-prxy-max-tokens"]) for reply in (first, second)]
    assert caps[0] > caps[1] > 0
    assert await books_of.books(key) == Books(spent=2 * wire.cost_nano)


@both_ways
@pytest.mark.parametrize(("writes", "charged"), [(1, False), (2, True)], ids=["at the reserve", "at the settle"])
async def test_a_call_that_is_given_up_while_the_store_writes_leaves_no_hold(
    paid: Paid, faulty: FaultyStore, books_of: Paid, upstream: Upstream, *, writes: int, charged: bool, stream: bool
) -> None:
    """M14."""
    wire, key = NATIVE[0], await books_of.make_key()
    fixture = upstream.put("given-up", wire.answer(wire.billed, stream=stream))

    call = asyncio.create_task(paid.ask(wire, key, fixture, stream=stream))
    faulty.once_written.extend((*[lambda: None] * (writes - 1), call.cancel))
    await asyncio.wait({call})

    assert call.cancelled()
    assert len(upstream.asked[fixture]) == charged
    assert await books_of.books(key) == Books(spent=wire.cost_nano * charged)


# At the settle


@on_native_wires
@both_ways
@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_a_settle_whose_answers_are_lost_is_one_refund(
    paid: Paid, faulty: FaultyStore, books_of: Paid, upstream: Upstream, *, wire: Wire, lost: int, stream: bool
) -> None:
    """M28."""
    key = await books_of.make_key()
    fixture = upstream.put("settled-often", wire.answer(wire.billed, stream=stream))
    faulty.next_writes.extend((None, *[Fault.LOST] * lost))

    reply = await paid.ask(wire, key, fixture, stream=stream)

    assert is_whole(wire, reply, stream=stream)
    assert faulty.writes == ["UpdateItem"] * (2 + lost)
    assert await books_of.books(key) == Books(spent=wire.cost_nano)


@pytest.mark.parametrize(("wire", "stream"), ON_SOME, ids=["openai", "anthropic"])
@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.SILENT, Fault.DENIED], ids=lambda each: each.name)
async def test_a_call_whose_settle_fails_is_answered_and_stays_held(
    hasty: Paid,
    faulty: FaultyStore,
    books_of: Paid,
    upstream: Upstream,
    caplog: pytest.LogCaptureFixture,
    *,
    wire: Wire,
    stream: bool,
    fault: Fault,
) -> None:
    """M29: the log has what it takes to put it right."""
    key = await books_of.make_key()
    fixture = upstream.put("unsettled", wire.answer(wire.billed, stream=stream))
    faulty.next_writes.extend((None, *[fault] * 8))

    reply = await hasty.ask(wire, key, fixture, stream=stream)
    faulty.next_writes.clear()

    books = await books_of.books(key)
    (line,) = (vars(record) for record in caplog.records if record.msg == "settle_failed")
    assert is_whole(wire, reply, stream=stream)
    assert books.holds == {line["rid"]: line["held_nano"]}
    assert books.spent == line["held_nano"] >= line["actual_nano"] == wire.cost_nano


@on_native_wires
@both_ways
async def test_a_store_that_goes_away_under_a_call_leaves_the_counter_above_the_truth(
    paid: Paid,
    faulty: FaultyStore,
    books_of: Paid,
    upstream: Upstream,
    caplog: pytest.LogCaptureFixture,
    *,
    wire: Wire,
    stream: bool,
) -> None:
    """M29: the client loses nothing by it, and the key can be used again as soon as the store is back."""
    key, gate = await books_of.make_key(), threading.Event()
    answer = wire.answer(wire.billed, stream=stream)
    fixture = upstream.put("left-alone", replace(answer, gate=gate), answer)

    call = asyncio.create_task(paid.ask(wire, key, fixture, stream=stream))
    await until(lambda: bool(upstream.asked[fixture]))
    await faulty.leave()
    gate.set()
    reply = await call
    await faulty.come()
    held = await books_of.books(key)
    later = await paid.ask(wire, key, fixture, stream=stream)

    assert is_whole(wire, reply, stream=stream)
    assert [record.msg for record in caplog.records].count("settle_failed") == 1
    assert [*held.holds.values()] == [held.spent]
    assert held.spent >= wire.cost_nano
    assert is_whole(wire, later, stream=stream)
    assert await books_of.books(key) == replace(held, spent=held.spent + wire.cost_nano)
