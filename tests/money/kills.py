"""The proof that no charge is lost: a gateway is killed at nine points of a call, again and again.

`python -m tests.money.kills --each 20` kills twenty gateways at each point and prints a table. Exits 1 where anything
was not as promised. Store, provider and gateway are processes of their own; only the gateway dies.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field

from tests.api.conftest import provider_variables
from tests.money.doomed import LAST_WORD, Fate, Order, Point
from tests.money.provider import Provider, Script, at_random, running_provider
from tests.money.stored import Money, read_money, running_module, running_store, store_variables

from prxy.money.usd import nano_from_usd
from prxy.providers import PROVIDERS
from prxy.settings import read_settings
from prxy.store.key_text import ParsedKey, generate, hashed
from prxy.store.ledger import DynamoLedger
from prxy.store.records import ApiKey, Limits
from prxy.store.schema import TABLE
from prxy.wiring import Planes, wire

EXPIRED_S = 17 * 60
"""No hold lives longer than 16 minutes."""
UNCALLED = frozenset({Point.BEFORE_RESERVE, Point.RESERVE_APPLIED, Point.RESERVED, Point.BEFORE_CALL})
"""Here the provider was not asked."""
UNHELD = frozenset({Point.BEFORE_RESERVE, Point.SETTLED, Point.AFTER_END})
"""Here nothing is in flight."""


@dataclass(kw_only=True)
class Row:
    """What became of the calls that were killed at one point; amounts in nano-USD."""

    point: Point
    kills: int = 0
    lost_nano: int = 0
    held: int = 0
    unconfirmed_nano: int = 0
    excess_nano: int = 0
    """Counted and not billed, when the dead holds were forfeited."""
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.point:<32}{self.kills:>7}{self.lost_nano:>7}{self.held:>7}"
            f"{self.unconfirmed_nano:>15}{self.excess_nano:>15}{self.seconds:>9.1f}"
        )


HEADING = f"{'killed':<32}{'kills':>7}{'lost':>7}{'held':>7}{'unconfirmed':>15}{'excess':>15}{'seconds':>9}"


@dataclass(kw_only=True)
class Report:
    rows: list[Row] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kills, lost = sum(row.kills for row in self.rows), sum(row.lost_nano for row in self.rows)
        total = f"{kills} kills, {lost} nano-USD lost, {len(self.violations)} violations"
        return "\n".join([HEADING, *map(str, self.rows), total])


@dataclass(frozen=True, kw_only=True)
class Arena:
    planes: Planes
    provider: Provider
    nursery: subprocess.Popen[str]
    """Where the gateways are forked."""

    def fate_of(self, order: Order) -> Fate:
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(json.dumps(asdict(order)) + "\n")
        self.nursery.stdin.flush()
        fate = json.loads(self.nursery.stdout.readline())
        return Fate(status=fate["status"], passed=tuple(fate["passed"]), told=fate["told"])

    async def make_key(self, per_day_nano: int) -> ParsedKey:
        made = generate()
        limits = Limits(per_day_nano=per_day_nano)
        key = ApiKey(id=made.id, name="killed", tenant="acme", secret_hash=hashed(made.text), limits=limits)
        await self.planes.control.administration.create(key)
        return made

    async def bound_nano(self) -> int:
        """What the gateway would hold for a call, as it says to a key that cannot afford it."""
        key = await self.make_key(1)
        told = self.fate_of(Order(key=key.text, script="nobody", point=None)).told
        estimated = re.search(r'"estimated":"([0-9.]+)"', told)
        assert estimated, told
        return nano_from_usd(estimated[1])


@dataclass(frozen=True, kw_only=True)
class Budget:
    key: ParsedKey
    bound_nano: int
    """The worst case of each of its calls."""
    limit_nano: int


class Trial:
    """Kills at one point, all on one key, and at last a call that lives."""

    def __init__(self, arena: Arena, report: Report, row: Row, budget: Budget) -> None:
        self._arena, self._report, self._row, self._budget = arena, report, row, budget
        self._log: list[tuple[str, int]] = []
        """Every bill and every reading of the counter, in the order in which they happened."""
        self._settled = self._forfeited = 0
        self._name = f"sk-{row.point.name}"
        costs = at_random(budget.bound_nano, len(report.rows))
        self._script = Script(costs=costs, on_bill=lambda nano: self._log.append(("bill", nano)))
        arena.provider.scripts[self._name] = self._script

    async def run(self, each: int) -> None:
        for _ in range(each):
            await self._kill()
        await self._spare()
        self._check_prefixes()

    async def _kill(self) -> None:
        point, bills = self._row.point, len(self._script.bills)
        fate = self._fate(point)
        self._row.kills += 1
        self._check(fate.killed and fate.passed[-1:] == (point,), f"ended with {fate.status} behind {fate.passed}")
        told = LAST_WORD.decode() in fate.told
        self._check(told == (point is Point.AFTER_END), f"the client was told {'the' if told else 'no'} end")
        new = self._script.bills[bills:]
        self._check(len(new) == (point not in UNCALLED), f"the provider billed {new}")
        await self._judge(sum(new))

    async def _judge(self, cost_nano: int) -> None:
        """The killed call itself, before and after its hold has expired."""
        bound = self._budget.bound_nano
        left = (0, 0) if self._row.point in UNHELD else (1, bound)
        self._forfeited += left[1]
        self._settled += 0 if left[0] else cost_nano
        dead = await self._read()
        self._check((dead.holds, dead.held) == left, f"the dead call left {dead}")
        swept = await DynamoLedger(self._arena.planes.table).sweep(self._budget.key.id, int(time.time()) + EXPIRED_S)
        self._check(swept == left[0], f"{swept} holds were swept")
        after = await self._read()
        self._check(after.holds == 0, f"{after.holds} holds were left by the sweep")
        self._check(after.unconfirmed == self._forfeited, f"{after.unconfirmed} unconfirmed of {self._forfeited}")
        self._row.held += dead.holds
        self._row.excess_nano = after.counter - self._script.billed
        self._row.unconfirmed_nano = after.unconfirmed

    async def _read(self) -> Money:
        """Nothing lost, nothing beyond the limit, and in the counter what was settled or held, to the nano."""
        money, limit = await read_money(self._arena.planes.table, self._budget.key.id), self._budget.limit_nano
        self._log.append(("counter", money.counter))
        expected = self._settled + self._forfeited
        self._check(money.counter == expected, f"the counter says {money.counter}, and not {expected}")
        self._check(money.counter <= limit, f"the counter says {money.counter} under a limit of {limit}")
        excess = money.counter - self._script.billed
        self._row.lost_nano = max(self._row.lost_nano, -excess)
        self._check(0 <= excess <= self._forfeited, f"{excess} are counted and not billed")
        return money

    async def _spare(self) -> None:
        """Whatever died before, a call that lives passes every point and is charged what it cost."""
        billed = self._script.billed
        fate = self._fate(None)
        self._check(fate.status == 0, f"the call that lived ended with {fate.status}")
        self._check(fate.passed == (*Point,), f"the call that lived passed {fate.passed}")
        self._check(LAST_WORD.decode() in fate.told, "the call that lived has no end")
        self._settled += self._script.billed - billed
        self._check((await self._read()).holds == 0, "the call that lived left its hold")

    def _fate(self, point: Point | None) -> Fate:
        return self._arena.fate_of(Order(key=self._budget.key.text, script=self._name, point=point))

    def _check_prefixes(self) -> None:
        """At any moment no more was billed than the next reading shows."""
        billed = 0
        for what, nano in self._log:
            if what == "bill":
                billed += nano
            self._check(what == "bill" or billed <= nano, f"{billed} were billed before the counter said {nano}")

    def _check(self, holds: bool, what: str) -> None:
        if not holds:
            self._report.violations.append(f"{self._row.point}, kill {self._row.kills}: {what}")


@asynccontextmanager
async def running_arena() -> AsyncIterator[Arena]:
    async with AsyncExitStack() as stack:
        provider = stack.enter_context(running_provider())
        variables = {**provider_variables(provider.url), **store_variables(stack.enter_context(running_store()))}
        planes = wire(read_settings(variables, PROVIDERS))
        stack.push_async_callback(planes.aclose)
        await planes.table.create_table(TABLE)
        nursery = stack.enter_context(running_module("tests.money.doomed", variables))
        yield Arena(planes=planes, provider=provider, nursery=nursery)


async def kills(each: int) -> Report:
    """So many at each point."""
    report = Report()
    async with running_arena() as arena:
        bound = await arena.bound_nano()
        for point in Point:
            started, row, limit = time.monotonic(), Row(point=point), (each + 1) * bound
            budget = Budget(key=await arena.make_key(limit), bound_nano=bound, limit_nano=limit)
            await Trial(arena, report, row, budget).run(each)
            row.seconds = time.monotonic() - started
            report.rows.append(row)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.money.kills", description="Try to lose a charge.")
    parser.add_argument("--each", type=int, default=20, help="kills at each of the nine points")
    logging.disable(logging.WARNING)  # each sweep forfeits what a kill has left, and says so
    report = asyncio.run(kills(parser.parse_args().each))
    sys.stdout.write(f"{report}\n")
    for violation in report.violations:
        sys.stderr.write(f"{violation}\n")
    sys.exit(1 if report.violations else 0)


if __name__ == "__main__":
    main()
