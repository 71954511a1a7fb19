"""When an alarm rings, and that it costs a timer only where none is set that goes off early enough."""

from __future__ import annotations

import asyncio
from itertools import count

from prxy.providers.lean.alarm import Alarm

TICK_S = 0.01


class Loop(asyncio.SelectorEventLoop):
    """Counts the timers that are asked of it."""

    timers = 0

    def call_at(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        self.timers += 1
        return super().call_at(*args, **kwargs)


def rung(*dues_in_ticks: float | None, after_ticks: int) -> int:
    """How often an alarm rang that was set to one time after another; None: to rest."""

    async def ring() -> int:
        times = count()
        alarm, now = Alarm(lambda: next(times)), asyncio.get_running_loop().time()
        for due in dues_in_ticks:
            if due is None:
                alarm.rest()
            else:
                alarm.set(now + due * TICK_S)
        await asyncio.sleep(after_ticks * TICK_S)
        alarm.drop()
        return next(times)

    return asyncio.run(ring())


def test_an_alarm_rings_once_when_it_is_due() -> None:
    assert rung(1, after_ticks=6) == 1


def test_an_alarm_that_is_put_off_rings_at_the_later_time_only() -> None:
    assert rung(1, 3, after_ticks=9) == 1
    assert rung(1, 60, after_ticks=5) == 0


def test_an_alarm_that_is_brought_forward_rings_at_the_earlier_time_only() -> None:
    assert rung(60, 1, after_ticks=5) == 1


def test_an_alarm_at_rest_does_not_ring_until_it_is_set_again() -> None:
    assert rung(1, None, after_ticks=5) == 0
    assert rung(60, None, 2, after_ticks=8) == 1


def test_many_waits_after_one_another_share_a_timer() -> None:
    async def wait() -> None:
        alarm, now = Alarm(lambda: None), asyncio.get_running_loop().time()
        for later in range(1000):
            alarm.set(now + 60 + later)
            alarm.rest()
        alarm.drop()

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(wait())
        loop = runner.get_loop()

    assert isinstance(loop, Loop)
    assert loop.timers == 1
