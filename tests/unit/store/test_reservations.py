"""Write 1: what is admitted, what is refused, and why."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from tests.stores import NOON, PATIENT, USD, CountingTransport, make_claim, make_key

from prxy.canonical.errors import (
    CostLimitExceeded,
    GatewayError,
    IdempotencyConflict,
    NotAuthenticated,
    RateLimited,
)
from prxy.store.accounts import DynamoKeys
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.records import ApiKey, Claim, Hold, KeyStatus, Limits
from prxy.store.schema import api_key_at
from prxy.store.table import Table

CENT = USD // 100


async def together(ledger: DynamoLedger, key: ApiKey, claims: list[Claim]) -> list[Hold | BaseException]:
    return await asyncio.gather(*(ledger.reserve(key, claim) for claim in claims), return_exceptions=True)


async def test_of_fifty_parallel_calls_exactly_those_that_fit_the_day_are_admitted(
    administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = make_key(Limits(per_day_nano=1 * USD, concurrency=1000))
    await administration.create(key)

    answers = await together(ledger, key, [make_claim(key, 30 * CENT) for _ in range(50)])

    assert sum(isinstance(answer, Hold) for answer in answers) == 3
    refused = [answer for answer in answers if isinstance(answer, CostLimitExceeded)]
    assert len(refused) == 47
    assert dict(refused[0].details) == {
        "limit": "1",
        "spent": "0.9",
        "estimated": "0.3",
        "resets_at": "2026-11-23T00:00:00Z",
    }
    assert refused[0].code == "cost_limit_per_day"
    assert refused[0].retry_after == str(12 * 3600)


async def test_a_full_month_refuses_though_the_day_is_free(
    administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = make_key(Limits(per_day_nano=10 * USD, per_month_nano=1 * USD))
    await administration.create(key)
    await ledger.settle(await ledger.reserve(key, make_claim(key, 1 * USD)), 1 * USD)

    with pytest.raises(CostLimitExceeded) as refusal:
        await ledger.reserve(key, make_claim(key, 1, now=NOON + 86_400))

    assert refusal.value.code == "cost_limit_per_month"
    assert refusal.value.details["resets_at"] == "2026-12-01T00:00:00Z"


@pytest.mark.parametrize("window", ["request", "day", "month"])
async def test_more_than_a_whole_limit_is_refused_on_a_fresh_day_without_a_write(
    window: str, administration: DynamoKeyAdministration, ledger: DynamoLedger, transport: CountingTransport
) -> None:
    limits = replace(Limits(), **{f"per_{window}_nano": 20 * CENT})
    key = make_key(limits)
    await administration.create(key)
    before = transport.operations.count("UpdateItem")

    with pytest.raises(CostLimitExceeded) as refusal:
        await ledger.reserve(key, make_claim(key, 20 * CENT + 1))

    assert refusal.value.code == f"cost_limit_per_{window}"
    assert transport.operations.count("UpdateItem") == before


async def test_exactly_the_limit_is_admitted(administration: DynamoKeyAdministration, ledger: DynamoLedger) -> None:
    key = make_key(Limits(per_day_nano=20 * CENT, per_month_nano=20 * CENT, per_request_nano=20 * CENT))
    await administration.create(key)

    hold = await ledger.reserve(key, make_claim(key, 20 * CENT))

    assert hold.amount_nano == 20 * CENT


async def test_a_warm_call_costs_one_write_before_and_one_after(
    administration: DynamoKeyAdministration, ledger: DynamoLedger, transport: CountingTransport
) -> None:
    key = make_key(Limits(per_day_nano=USD, requests_per_minute=60))
    await administration.create(key)
    transport.operations.clear()

    hold = await ledger.reserve(key, make_claim(key, CENT))
    await ledger.settle(hold, CENT // 2)

    assert transport.operations == ["UpdateItem", "UpdateItem"]


async def test_requests_per_minute_are_counted_and_free_again_with_the_next_minute(
    administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = make_key(Limits(requests_per_minute=5, concurrency=1000))
    await administration.create(key)

    answers = await together(ledger, key, [make_claim(key, 0, now=NOON + 10) for _ in range(20)])
    later = await ledger.reserve(key, make_claim(key, 0, now=NOON + 60))

    admitted = [answer for answer in answers if isinstance(answer, Hold)]
    refused = [answer for answer in answers if isinstance(answer, RateLimited)]
    assert sorted(hold.requests_remaining or 0 for hold in admitted) == [0, 1, 2, 3, 4]
    assert {(error.code, error.retry_after) for error in refused} == {("requests_per_minute", "50")}
    assert len(refused) == 15
    assert later.requests_remaining == 4


async def test_one_more_than_the_concurrency_is_refused_until_one_settles(
    administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = make_key(Limits(concurrency=32))
    await administration.create(key)

    answers = await together(ledger, key, [make_claim(key, 0) for _ in range(33)])
    holds = [answer for answer in answers if isinstance(answer, Hold)]
    await ledger.settle(holds[0], 0)
    one_more = await ledger.reserve(key, make_claim(key, 0))

    errors = [answer for answer in answers if isinstance(answer, RateLimited)]
    assert len(holds) == 32
    assert [(error.code, error.retry_after) for error in errors] == [("concurrency", "1")]
    assert one_more.account_id == key.id


@pytest.mark.parametrize("status", [KeyStatus.REVOKED, KeyStatus.FROZEN])
async def test_a_key_that_is_no_longer_active_is_refused_by_the_very_next_reserve(
    status: KeyStatus, administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = make_key(Limits(per_day_nano=USD))
    await administration.create(key)
    await ledger.reserve(key, make_claim(key, CENT))

    await administration.update(replace(key, status=status))

    with pytest.raises(NotAuthenticated):
        await ledger.reserve(key, make_claim(key, CENT))


async def test_an_expired_key_and_an_unknown_one_are_refused_alike(
    administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    expired, unknown = replace(make_key(), expires_at=NOON), make_key()
    await administration.create(expired)

    answers = [
        *await together(ledger, expired, [make_claim(expired, 1)]),
        *await together(ledger, unknown, [make_claim(unknown, 1)]),
    ]

    assert [type(answer) for answer in answers] == [NotAuthenticated, NotAuthenticated]
    assert str(answers[0]) == str(answers[1])


async def test_a_key_that_expires_in_a_second_still_counts(
    administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = replace(make_key(), expires_at=NOON + 1)
    await administration.create(key)

    hold = await ledger.reserve(key, make_claim(key, 1))

    assert hold.amount_nano == 1


async def test_a_lowered_limit_holds_at_once_and_the_fresh_key_is_remembered(
    table: Table, administration: DynamoKeyAdministration
) -> None:
    stale = make_key(Limits(per_day_nano=10 * USD))
    await administration.create(stale)
    fresh = await administration.update(replace(stale, limits=Limits(per_day_nano=CENT)))
    keys = DynamoKeys(table)
    ledger = DynamoLedger(table, remember=keys.remember, reserving=PATIENT, settling=PATIENT)

    with pytest.raises(CostLimitExceeded):
        await ledger.reserve(stale, make_claim(stale, 2 * CENT))

    assert await keys.find(stale.id) == fresh


async def test_a_changed_key_is_tried_once_more_under_its_fresh_version(
    administration: DynamoKeyAdministration, ledger: DynamoLedger, transport: CountingTransport
) -> None:
    stale = make_key(Limits(per_day_nano=USD))
    await administration.create(stale)
    await administration.update(replace(stale, name="another name"))
    transport.operations.clear()

    hold = await ledger.reserve(stale, make_claim(stale, CENT))

    assert transport.operations == ["UpdateItem", "UpdateItem"]
    assert hold.amount_nano == CENT


async def test_a_raised_limit_holds_at_once_under_what_modules_ask_for(
    administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    stale = make_key(Limits(per_day_nano=CENT))
    await administration.create(stale)
    await administration.update(replace(stale, limits=Limits(per_day_nano=10 * USD)))
    free = make_claim(stale, USD)
    guarded = replace(make_claim(stale, USD), limits=Limits(per_request_nano=CENT))

    admitted, refused = await together(ledger, stale, [free]) + await together(ledger, stale, [guarded])

    assert isinstance(admitted, Hold)
    assert isinstance(refused, CostLimitExceeded)
    assert refused.code == "cost_limit_per_request"


async def test_the_same_request_under_another_nonce_is_a_twin(
    administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = make_key(Limits(per_day_nano=USD))
    await administration.create(key)

    answers = await together(ledger, key, [make_claim(key, CENT, request_id="same") for _ in range(5)])

    assert sum(isinstance(answer, Hold) for answer in answers) == 1
    twins = [answer for answer in answers if isinstance(answer, IdempotencyConflict)]
    assert [(twin.status, twin.code) for twin in twins] == [(409, "idempotency_in_progress")] * 4


async def test_the_same_claim_sent_again_is_admitted_and_charged_once(
    table: Table, administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = make_key(Limits(per_day_nano=USD))
    await administration.create(key)
    claim = make_claim(key, CENT)

    first = await ledger.reserve(key, claim)
    again = await ledger.reserve(key, claim)

    item = await table.get_item(api_key_at(key.id))
    assert (again.rid, again.nonce, again.resent) == (first.rid, first.nonce, True)
    assert item is not None
    assert item["d20261122"] == CENT


async def test_windows_without_a_limit_are_counted_too(
    administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = make_key()
    await administration.create(key)

    await ledger.settle(await ledger.reserve(key, make_claim(key, 7)), 5)
    await ledger.reserve(key, make_claim(key, 3))

    day, month = await ledger.standings(key.id, NOON)
    assert (day.spent_nano, day.held_nano) == (month.spent_nano, month.held_nano) == (5, 3)


async def test_what_costs_nothing_is_admitted_though_the_day_is_spent(
    administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    """I08."""
    key = make_key(Limits(per_day_nano=10))
    await administration.create(key)
    await ledger.settle(await ledger.reserve(key, make_claim(key, 10)), 10)

    free = await ledger.reserve(key, make_claim(key, 0))

    assert free.amount_nano == 0
    with pytest.raises(CostLimitExceeded):
        await ledger.reserve(key, make_claim(key, 1))


@pytest.mark.parametrize("limits", [Limits(requests_per_minute=0), Limits(concurrency=0), Limits(per_day_nano=0)])
async def test_a_limit_of_zero_admits_nothing_that_costs(
    limits: Limits, administration: DynamoKeyAdministration, ledger: DynamoLedger
) -> None:
    key = make_key(limits)
    await administration.create(key)

    with pytest.raises(GatewayError) as refusal:
        await ledger.reserve(key, make_claim(key, 1))

    assert refusal.value.status == 429
