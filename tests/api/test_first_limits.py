"""A first limit in USD, set a moment ago, against a process whose copy of the key knows nothing of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from msgspec import structs
from tests.api.paid import NOTHING, Paid, key_id, paid_gateway
from tests.api.test_money import ASK, WHOLE
from tests.api.upstream import Answer, Upstream

from prxy.local import dynamodb
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.records import Limits

pytestmark = pytest.mark.asyncio(loop_scope="module")
USD = 10**9
CHAT = "/v1/chat/completions"
FREE, DOLLAR = Limits(), Limits(per_day_nano=USD)
UNPRICED = {**ASK, "model": "openai/unheard-of-model"}
UNBOUNDED = {
    **ASK,
    "messages": [
        {
            "role": "user",
            "content": [{"type": "file", "file": {"file_id": "file-1"}}],
        }
    ],
}


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paid(store: str, upstream: Upstream) -> AsyncIterator[Paid]:
    async with paid_gateway(store, upstream.url, PRXY_TABLE="first-limits") as gateway:
        yield gateway


async def limited_elsewhere(paid: Paid, key: str, limits: Limits) -> None:
    """By another process: this one keeps its copy of the key."""
    elsewhere = DynamoKeyAdministration(paid.planes.table)
    stored = await elsewhere.read(key_id(key))
    await elsewhere.update(structs.replace(stored, limits=limits))


@pytest.mark.parametrize(
    ("body", "code"),
    [(UNPRICED, "model_price_unknown"), (UNBOUNDED, "cost_unbounded")],
    ids=["no price", "no bound"],
)
async def test_what_nothing_bounds_reaches_no_provider_once_a_limit_is_set(
    paid: Paid, upstream: Upstream, body: dict[str, Any], code: str
) -> None:
    key = await paid.make_key(FREE)
    fixture = upstream.put(f"first-limit-{code}", Answer(body=json.dumps(WHOLE).encode()))

    allowed = await paid.send("POST", CHAT, key, body, x_provider_key=fixture)
    await limited_elsewhere(paid, key, DOLLAR)
    before = await paid.books(key)
    refused = [await paid.send("POST", CHAT, key, body, x_provider_key=fixture) for _ in range(2)]

    assert allowed.status_code == 200, allowed.text
    assert [(each.status_code, each.json()["error"]["code"]) for each in refused] == [(400, code)] * 2
    assert len(upstream.asked[fixture]) == 1
    assert await paid.books(key) == before
    assert before.holds == NOTHING.holds


async def test_what_can_be_bounded_goes_on_under_the_limit(paid: Paid, upstream: Upstream) -> None:
    key = await paid.make_key(FREE)
    fixture = upstream.put("first-limit-bounded", Answer(body=json.dumps(WHOLE).encode()))
    assert (await paid.send("POST", CHAT, key, UNPRICED, x_provider_key=fixture)).status_code == 200
    await limited_elsewhere(paid, key, DOLLAR)

    reply = await paid.send("POST", CHAT, key, ASK, x_provider_key=fixture)

    assert reply.status_code == 200, reply.text
    assert (await paid.books(key)).spent == 450_000


async def test_a_limit_that_was_taken_away_lets_it_through(paid: Paid, upstream: Upstream) -> None:
    """A copy that knows a limit refuses for as long as it is kept, and never longer."""
    key = await paid.make_key(FREE)
    fixture = upstream.put("first-limit-gone", Answer(body=json.dumps(WHOLE).encode()))
    await limited_elsewhere(paid, key, DOLLAR)
    assert (await paid.send("POST", CHAT, key, UNPRICED, x_provider_key=fixture)).status_code == 400
    await limited_elsewhere(paid, key, FREE)
    assert (await paid.send("POST", CHAT, key, ASK, x_provider_key=fixture)).status_code == 200

    reply = await paid.send("POST", CHAT, key, UNPRICED, x_provider_key=fixture)

    assert reply.status_code == 200, reply.text
