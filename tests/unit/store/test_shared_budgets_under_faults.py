"""Calls over a key, a project and a tenant, with answers lost and requests late: all of the three hold, or none.

`PRXY_TEST_STORES` and `PRXY_TEST_STORES_RUNS` choose other stores and more runs: see `make test-stores`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.dynamodb_servers import ASKED_FOR, running
from tests.stores import NOON, make_claim, make_key
from tests.unit.store.ledger_stage import TWICE, UNANSWERED, End, Fate, Stage, staged

from prxy.canonical.errors import GatewayError, StoreUnavailable
from prxy.store.budgets import DynamoBudgetAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.records import ApiKey, Budget, Hold, Limits
from prxy.store.schema import HOLDS, NONCE, UNCONFIRMED, api_key_at, budget_at, mapping, number, text
from prxy.store.sharing import SharedLedger
from prxy.store.table import Item

RUNS = int(os.environ.get("PRXY_TEST_STORES_RUNS", "0"))
PROFILE = settings(
    max_examples=RUNS or 15,
    derandomize=not RUNS,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
DAY, LAPSED = "d20261122", NOON + 16 * 60
OF_KEY, OF_PROJECT, OF_TENANT = (Limits(per_day_nano=limit, concurrency=6) for limit in (300, 200, 350))


class Ask(NamedTuple):
    project: str
    amount: int
    quarters: int
    """Of the amount, that the provider bills."""
    end: End


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Calls at the same time."""

    asks: list[Ask]
    on_the_way_in: list[Fate]
    on_the_way_out: list[Fate]
    deliver: bool
    """What is late arrives behind them; else when all is over."""


ASK = st.builds(Ask, st.sampled_from(("web", "app")), st.integers(0, 120), st.integers(0, 4), st.sampled_from(End))
FATES = st.lists(st.sampled_from((Fate.CLEAR, *Fate)), max_size=2)
"""Two at the most, so that a hold that is given back always is; where it is not, it is forfeited."""
STORM = st.lists(UNANSWERED | st.just(Fate.CLEAR), max_size=12)


def crowds(fates: st.SearchStrategy[list[Fate]]) -> st.SearchStrategy[list[Crowd]]:
    asks = st.lists(ASK, min_size=1, max_size=3)
    crowd = st.builds(Crowd, asks=asks, on_the_way_in=fates, on_the_way_out=fates, deliver=st.booleans())
    return st.lists(crowd, min_size=1, max_size=5)


@dataclass(kw_only=True)
class Play:
    """One tenant with two projects, a key in each of them, and a stranger whose project has the name of one."""

    stage: Stage
    keys: dict[str, ApiKey] = field(default_factory=dict)
    running: list[tuple[Hold, int]] = field(default_factory=list)
    billed: dict[str, int] = field(default_factory=dict)
    """By project: for calls that were admitted."""

    def __post_init__(self) -> None:
        self.tenant = secrets.token_hex(4)
        self.budgets = DynamoLedger(self.stage.table, at=budget_at, reserving=TWICE, settling=TWICE)
        self.ledger = SharedLedger(self.stage.ledger, self.budgets)
        self.stage.weather.fates.clear()
        self.stage.weather.late.clear()
        self.of_tenant = self._made(Budget(tenant=self.tenant, limits=OF_TENANT))
        self.stranger = self._made(Budget(tenant=f"{self.tenant}/x", project="web", limits=OF_PROJECT))
        self.of_projects = {
            name: self._made(Budget(tenant=self.tenant, project=name, limits=OF_PROJECT)) for name in ("web", "app")
        }
        for name in self.of_projects:
            self.keys[name] = replace(make_key(OF_KEY, tenant=self.tenant), project=name)
            self.billed[name] = 0
            self.stage.wait(self.stage.administration.create(self.keys[name]))

    def _made(self, budget: Budget) -> Budget:
        self.stage.wait(DynamoBudgetAdministration(self.stage.table).create(budget))
        return budget

    async def reserve(self, crowd: Crowd) -> None:
        self.stage.weather.fates.extend(crowd.on_the_way_in)
        answers = await asyncio.gather(*map(self._reserved, crowd.asks), return_exceptions=True)
        self.stage.weather.fates.clear()
        for answer in answers:
            assert not isinstance(answer, BaseException) or isinstance(answer, GatewayError), repr(answer)
        if crowd.deliver:
            await self.deliver()

    async def _reserved(self, ask: Ask) -> None:
        key = self.keys[ask.project]
        shared = (self.of_projects[ask.project], self.of_tenant)
        hold = await self.ledger.reserve(key, replace(make_claim(key, ask.amount), shared=shared))
        bill = ask.amount * ask.quarters // 4
        self.billed[ask.project] += bill
        if ask.end is not End.CRASH:
            self.running.append((hold, bill))

    async def settle(self, crowd: Crowd) -> None:
        """All that runs, side by side. Where that fails, the hold stays and is forfeited."""
        self.stage.weather.fates.extend(crowd.on_the_way_out)
        ends = await asyncio.gather(*(self.ledger.settle(*each) for each in self.running), return_exceptions=True)
        self.stage.weather.fates.clear()
        self.running.clear()
        assert all(end is None or isinstance(end, StoreUnavailable) for end in ends), ends

    async def deliver(self) -> None:
        """What was late arrives."""
        while self.stage.weather.late:
            await self.stage.weather.deliver(self.stage.weather.late.pop())

    async def sweep(self) -> None:
        for key in self.keys.values():
            while await self.stage.ledger.sweep(key.id, LAPSED):
                pass
        for budget in (*self.of_projects.values(), self.of_tenant):
            while await self.budgets.sweep(budget.id, LAPSED):
                pass

    def item(self, place: Item) -> Item:
        item = self.stage.wait(self.stage.table.get_item(place))
        assert item is not None
        return item

    def used(self, name: str) -> tuple[int, int]:
        """What counts against the day of the key in a project, and against that of the project."""
        own, project = self.item(api_key_at(self.keys[name].id)), self.item(budget_at(self.of_projects[name].id))
        return number(own.get(DAY, 0)), number(project.get(DAY, 0))

    def check(self) -> None:
        """At any time: nothing is overspent, no bill is missed, and strangers pay for nobody."""
        tenant = number(self.item(budget_at(self.of_tenant.id)).get(DAY, 0))
        for name in self.keys:
            own, project = self.used(name)
            assert self.billed[name] <= own <= 300
            assert self.billed[name] <= project <= 200
        assert sum(self.billed.values()) <= tenant <= 350
        assert DAY not in self.item(budget_at(self.stranger.id))

    def nonces(self, place: Item) -> set[str]:
        """Of the calls that the item holds money for."""
        holds = map(mapping, mapping(self.item(place)[HOLDS]).values())
        return {text(hold[NONCE]) for hold in holds if NONCE in hold}

    def check_that_all_hold_or_none(self) -> None:
        tenant = self.nonces(budget_at(self.of_tenant.id))
        keys = [self.nonces(api_key_at(key.id)) for key in self.keys.values()]
        projects = [self.nonces(budget_at(budget.id)) for budget in self.of_projects.values()]
        assert keys == projects
        assert tenant == set().union(*keys)


def over(play: Play) -> None:
    """Everything is settled, arrived and swept: no hold is left, and the rest is accounted for."""
    play.stage.wait(play.settle(Crowd(asks=[], on_the_way_in=[], on_the_way_out=[], deliver=False)))
    play.stage.wait(play.deliver())
    play.check()
    play.stage.wait(play.sweep())
    play.check()
    for budget in (*play.of_projects.values(), play.of_tenant):
        assert play.item(budget_at(budget.id))[HOLDS] == {}


@pytest.mark.parametrize("name", ASKED_FOR)
def test_after_every_step_all_three_hold_a_call_or_none_does_and_in_the_end_they_agree(name: str) -> None:
    with staged(running(name).url) as stage:

        @PROFILE
        @given(crowds(FATES))
        def played(steps: list[Crowd]) -> None:
            play = Play(stage=stage)
            for step in steps:
                stage.wait(play.reserve(step))
                play.check()
                play.check_that_all_hold_or_none()
                if all(ask.end is not End.LATER for ask in step.asks):
                    stage.wait(play.settle(replace_fates(step)))
                    play.check_that_all_hold_or_none()
            over(play)

            (own, web), (other, app) = play.used("web"), play.used("app")
            tenant = play.item(budget_at(play.of_tenant.id))
            unconfirmed = [number(play.item(budget_at(each.id))[UNCONFIRMED]) for each in play.of_projects.values()]
            assert (own, other) == (web, app)
            assert (number(tenant.get(DAY, 0)), tenant[UNCONFIRMED]) == (web + app, sum(unconfirmed))

        played()


def replace_fates(crowd: Crowd) -> Crowd:
    """One fault at the most: a settlement is sent twice, and arrives."""
    return Crowd(asks=[], on_the_way_in=[], on_the_way_out=crowd.on_the_way_out[:1], deliver=False)


@pytest.mark.parametrize("name", ASKED_FOR)
def test_in_a_storm_nothing_is_overspent_and_no_hold_stays(name: str) -> None:
    """Here a hold may stay that could not be given back: it is forfeited, and its budget is too careful by it."""
    with staged(running(name).url) as stage:

        @PROFILE
        @given(crowds(STORM))
        def played(steps: list[Crowd]) -> None:
            play = Play(stage=stage)
            for step in steps:
                stage.wait(play.reserve(step))
                play.check()
                stage.wait(play.settle(step))
                play.check()
            over(play)

        played()
