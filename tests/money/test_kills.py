"""M31. `python -m tests.money.kills` kills more."""

from __future__ import annotations

from tests.money.doomed import Point
from tests.money.kills import kills

EACH = 2


async def test_no_kill_loses_a_charge_or_hides_what_it_holds() -> None:
    report = await kills(EACH)

    assert report.violations == []
    assert [(row.point, row.kills, row.lost_nano) for row in report.rows] == [(point, EACH, 0) for point in Point]
