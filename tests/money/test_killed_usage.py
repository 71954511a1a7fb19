"""What GET /v1/usage says of calls whose gateway was killed between the hold and the settlement, and the way out."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
from msgspec import structs
from tests.api.conftest import provider_variables
from tests.money.doomed import Order, Point
from tests.money.kills import EXPIRED_S, Arena
from tests.money.provider import Script, at_random, running_provider
from tests.money.stored import running_module, store_variables

from prxy.local import dynamodb
from prxy.local.stream import Stream
from prxy.money.usd import usd_from_nano
from prxy.providers import PROVIDERS
from prxy.settings import read_settings
from prxy.store import key_text
from prxy.store.records import ApiKey
from prxy.store.schema import TABLE
from prxy.wiring import local_app, wire


@pytest.fixture
async def arena() -> AsyncIterator[tuple[Arena, Stream]]:
    """The store is this process: its stream is at hand, and only gateways die."""
    async with AsyncExitStack() as stack:
        stream = Stream()
        provider = stack.enter_context(running_provider())
        url = stack.enter_context(dynamodb.running(stream))
        variables = {**provider_variables(provider.url), **store_variables(url), "PRXY_TABLE": "killed-usage"}
        planes = wire(read_settings(variables, PROVIDERS))
        stack.push_async_callback(planes.aclose)
        await planes.table.create_table(TABLE)
        nursery = stack.enter_context(running_module("tests.money.doomed", variables))
        yield Arena(planes=planes, provider=provider, nursery=nursery), stream


async def asked(arena: Arena, method: str, path: str, key: str, body: object = None) -> dict[str, Any]:
    transport = httpx.ASGITransport(local_app(arena.planes))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        answer = await http.request(method, path, json=body, headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def usage_of(arena: Arena, key: str) -> dict[str, Any]:
    return await asked(arena, "GET", "/v1/usage", key)


async def admin_of(arena: Arena) -> str:
    made = key_text.generate(admin=True)
    admin = ApiKey(id=made.id, name="a", tenant="t", admin=True, secret_hash=key_text.hashed(made.text))
    await arena.planes.control.administration.create(admin)
    return made.text


def budget(told: dict[str, Any], field: str) -> Decimal:
    """Of the day, as of the month."""
    [amount] = {Decimal(each[field]) for each in told["budgets"]}
    return amount


def charged(told: dict[str, Any]) -> Decimal:
    """What rows and the unconfirmed part of the budget add up to."""
    return Decimal(told["totals"]["cost_usd"]) + budget(told, "unconfirmed_usd")


async def reconciled(arena: Arena, key: str, costs_nano: Sequence[int]) -> None:
    """Every call that nobody settled, at what its provider billed."""
    admin, key_id = await admin_of(arena), key.removeprefix("prxy_live_")[:12]
    calls = (await asked(arena, "GET", "/v1/usage/calls", key))["data"]
    dead = [call["attempt"] for call in calls if call["unconfirmed_usd"] != "0"]
    for attempt, cost in zip(dead, costs_nano, strict=True):
        body = {"attempt": attempt, "cost_usd": usd_from_nano(cost)}
        await asked(arena, "POST", f"/v1/keys/{key_id}/reconcile", admin, body)


async def test_a_killed_call_is_held_and_then_unconfirmed_and_rows_and_budget_agree(
    arena: tuple[Arena, Stream],
) -> None:
    place, stream = arena
    bound = await place.bound_nano()
    key = await place.make_key(10 * bound)
    script = Script(costs=at_random(bound, 7))
    place.provider.scripts["sk-killed"] = script
    order = Order(key=key.text, script="sk-killed", point=None)
    in_flight = (Point.RESERVED, Point.MID_STREAM, Point.BEFORE_SETTLE)

    fates = [place.fate_of(replace(order, point=point)) for point in (None, *in_flight, Point.SETTLED)]
    assert await place.planes.house.use.keep(stream.take()) == []
    before = await usage_of(place, key.text)
    house = structs.replace(place.planes.house, clock=lambda: time.time() + EXPIRED_S)
    swept = await house.sweep()
    assert place.fate_of(order).status == 0
    assert await place.planes.house.use.keep(stream.take()) == []
    after = await usage_of(place, key.text)
    await reconciled(place, key.text, [0, *script.bills[1:3]])
    known = await usage_of(place, key.text)

    held = len(in_flight) * Decimal(usd_from_nano(bound))
    billed = [script.bills[0], *script.bills[-2:]]
    assert [fate.killed for fate in fates] == [False, True, True, True, True]
    assert (budget(before, "reserved_usd"), budget(before, "unconfirmed_usd")) == (held, 0)
    assert budget(before, "spent_usd") == charged(before) == Decimal(usd_from_nano(sum(billed[:2])))
    assert swept == len(in_flight)
    assert (budget(after, "reserved_usd"), budget(after, "unconfirmed_usd")) == (0, held)
    assert budget(after, "spent_usd") == charged(after) == Decimal(usd_from_nano(sum(billed))) + held
    assert after["totals"]["calls"] == 3
    assert Decimal(after["totals"]["unconfirmed_usd"]) == held
    assert budget(known, "unconfirmed_usd") == 0
    assert (
        budget(known, "spent_usd") == Decimal(known["totals"]["cost_usd"]) == Decimal(usd_from_nano(sum(script.bills)))
    )
