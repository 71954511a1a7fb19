"""What several processes do at once with one key: an event delivered twice, a limit changed while calls run."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from msgspec import structs
from tests.api.paid import Books, Paid, key_id, paid_gateway, refusal, until
from tests.api.test_money import ASK, WHOLE
from tests.api.upstream import Answer, Upstream

from prxy.api.http import App
from prxy.local import dynamodb
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.records import Limits

pytestmark = pytest.mark.asyncio(loop_scope="module")
CHAT = "/v1/chat/completions"
COST = 450_000
USD = 10**9
SLOW = Answer(body=[json.dumps(WHOLE).encode()], pause_s=0.5)


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(store: str, upstream: Upstream) -> AsyncIterator[tuple[Paid, Paid]]:
    """Each with a memory of its own."""
    async with (
        paid_gateway(store, upstream.url, PRXY_TABLE="others") as one,
        paid_gateway(store, upstream.url, PRXY_TABLE="others") as other,
    ):
        yield one, other


def delivered_as(paid: Paid, request_id: str) -> Paid:
    """As Lambda hands an event on: with the id that API Gateway gave it."""
    inner: App = paid.app

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await inner({**scope, "prxy.request_id": request_id}, receive, send)

    return replace(paid, app=app)


async def test_an_event_that_is_delivered_twice_at_once_is_one_call(
    gateways: tuple[Paid, Paid], upstream: Upstream
) -> None:
    """M32."""
    one, other = (delivered_as(paid, "the-same-event") for paid in gateways)
    key = await one.make_key()
    gate = threading.Event()
    waiting = Answer(body=[json.dumps(WHOLE).encode()], gate=gate)
    fixture = upstream.put("delivered-twice", waiting, waiting)

    sent = [asyncio.create_task(paid.send("POST", CHAT, key, ASK, x_provider_key=fixture)) for paid in (one, other)]
    await asyncio.wait(sent, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    gate.set()
    replies = await asyncio.gather(*sent)

    refused = next(reply for reply in replies if reply.status_code != 200)
    assert sorted(reply.status_code for reply in replies) == [200, 409]
    assert refusal(refused)["code"] == "idempotency_in_progress"
    assert len(upstream.asked[fixture]) == 1
    assert await one.books(key) == Books(spent=COST)


async def limited(paid: Paid, key: str, per_day_nano: int) -> None:
    """By an admin whose process serves nobody."""
    administration = DynamoKeyAdministration(paid.planes.table)
    stored = await administration.read(key_id(key))
    await administration.update(structs.replace(stored, limits=Limits(per_day_nano=per_day_nano)))


async def test_a_limit_that_changes_while_calls_run_holds_at_once_everywhere(
    gateways: tuple[Paid, Paid], upstream: Upstream
) -> None:
    """M25: those that run are settled, below what is spent nothing is admitted, and above it everything again."""
    key = await gateways[0].make_key(Limits(per_day_nano=USD))
    fixture = upstream.put("changed-limits", SLOW)

    async def ask(paid: Paid) -> httpx.Response:
        return await paid.send("POST", CHAT, key, ASK, x_provider_key=fixture)

    for paid in gateways:
        assert (await ask(paid)).status_code == 200
    running = [asyncio.create_task(ask(paid)) for paid in gateways]
    await until(lambda: len(upstream.asked[fixture]) == 4)
    await limited(gateways[0], key, COST)
    lowered = [await ask(paid) for paid in gateways]
    finished = await asyncio.gather(*running)
    settled = await gateways[0].books(key)
    await limited(gateways[0], key, USD)
    raised = [await ask(paid) for paid in gateways]

    assert [(reply.status_code, refusal(reply)["code"]) for reply in lowered] == [(429, "cost_limit_per_day")] * 2
    assert [reply.status_code for reply in (*finished, *raised)] == [200] * 4
    assert settled == Books(spent=4 * COST)
