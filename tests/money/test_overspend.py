"""M01, M02, M04. `python -m tests.money.overspend` plays more rounds."""

from __future__ import annotations

from tests.money.overspend import PLACES, REQUESTS, overspend

ROUNDS = 5


async def test_crowds_on_four_gateways_never_overspend_and_get_all_that_the_money_allows() -> None:
    report = await overspend(ROUNDS)

    assert report.violations == []
    assert report.overspend_nano == 0
    assert report.rounds == ROUNDS
    assert report.requests >= ROUNDS * REQUESTS
    assert report.admitted >= ROUNDS * PLACES
