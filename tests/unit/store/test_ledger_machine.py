"""The ledger beside a plain model of it, through any sequence of calls, crashes, lost and late messages.

`PRXY_TEST_STORES` and `PRXY_TEST_STORES_RUNS` choose other stores and more runs: see `make test-stores`.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from msgspec.structs import replace
from tests.dynamodb_servers import ASKED_FOR, running
from tests.stores import NOON, make_claim, make_key
from tests.unit.store.ledger_model import EVER, LedgerModel, Settling, day_of
from tests.unit.store.ledger_stage import (
    ASKED,
    ASKING,
    ASKINGS,
    AT,
    CLOCK,
    COPY_LIVES_S,
    DAY,
    HOUR,
    LIMITS,
    MOMENTS,
    MOST_HOLDS,
    SETTLE_STORMS,
    STATUSES,
    STORMS,
    TWICE,
    UNANSWERED,
    Asking,
    Call,
    End,
    Fate,
    ReserveCopy,
    SettleCopy,
    Stage,
    Storm,
    optional,
    staged,
)

from prxy.canonical.errors import GatewayError, StoreUnavailable
from prxy.providers.transport import HttpRequest
from prxy.store.records import ApiKey, Claim, KeyStatus, Limits
from prxy.store.schema import AMOUNT, HOLDS, NONCE, UNCONFIRMED, mapping, reservation_id

RUNS = int(os.environ.get("PRXY_TEST_STORES_RUNS", "0"))
PROFILE = settings(
    max_examples=RUNS or 20,
    stateful_step_count=50 if RUNS else 30,
    derandomize=not RUNS,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class LedgerMachine(RuleBasedStateMachine):
    """Rules act on the ledger and on the model; the invariants compare the item with the model."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.now = NOON
        key = make_key(Limits(per_day_nano=300, per_month_nano=400, concurrency=6))
        stage.wait(stage.administration.create(key))
        stage.weather.fates.clear()
        stage.weather.late.clear()
        self.model = LedgerModel(key)
        self.known = [key]
        """The key in all its versions, the newest last."""
        self.open: list[Call] = []
        self.closed: list[Call] = []
        self.copies: list[ReserveCopy | SettleCopy] = []

    @rule(askings=ASKINGS, limits=ASKED, moment=MOMENTS, stale=st.booleans())
    def reserve(self, askings: list[Asking], limits: Limits, moment: tuple[int, int], stale: bool) -> None:
        """Several calls at a time, so that more than one finds the same dead holds."""
        pause, skew = moment
        self._pass(pause)
        key = self.known[-2:][0] if stale else self.model.key
        claims = [replace(self._claim(asking), limits=limits, now=self.now - skew) for asking in askings]
        calls = [self._reserved(key, claim, asking.share) for claim, asking in zip(claims, askings, strict=True)]

        for call, asking in zip(calls, askings, strict=True):
            if call is not None and asking.end is End.SETTLED:
                self._settle(call, call.bill, ())
            if call is not None and asking.end is End.CRASH:
                self.open.remove(call)

    @precondition(lambda self: len(self.model.holds) < MOST_HOLDS)
    @rule(asking=ASKING, fate=UNANSWERED)
    def reserve_twice_for_want_of_an_answer(self, asking: Asking, fate: Fate) -> None:
        claim, limits = self._claim(asking), self.model.key.limits
        assume(_fits(limits, asking.amount))
        self.stage.weather.fates.append(fate)

        call = self._reserved(self.model.key, claim, asking.share)

        assert call is None or call.hold.resent
        if call is None:
            self.model.block(reservation_id(claim.request_id), claim.now)
        self._under_way(self._late(), claim, limits)

    def _under_way(self, requests: list[HttpRequest], claim: Claim, limits: Limits) -> None:
        """A copy of an ended reserve leaves no hold, unless a twin or an old mark stood where its own would."""
        entry = self.model.holds.get(reservation_id(claim.request_id))
        lives = entry is not None and entry.ends_at >= claim.now + COPY_LIVES_S
        blocked = entry is not None and lives and entry.nonce in (None, claim.nonce)
        version = self.model.key.version
        self.copies += [
            ReserveCopy(request=each, claim=claim, limits=limits, version=version, blocked=blocked) for each in requests
        ]

    def _claim(self, asking: Asking) -> Claim:
        request_id = f"{self.model.key.id}/{asking.request}"
        return make_claim(self.model.key, asking.amount, request_id=request_id, now=self.now)

    def _reserved(self, key: ApiKey, claim: Claim, share: int) -> Call | None:
        """The ledger admits what the model admits, and refuses the rest for the model's reason."""
        limits = self.model.key.limits.under(claim.limits)
        expected = self.model.reserve(claim, limits)
        if expected == "concurrency" and (lapsed := self.model.lapsed(claim.now)):
            self.model.forfeit(lapsed)
            expected = self.model.reserve(claim, limits)
        try:
            hold = self.stage.wait(self.stage.ledger.reserve(key, claim))
        except GatewayError as refusal:
            assert refusal.code == expected
            return None
        assert expected is None
        assert sorted(each.rid for each in hold.lapsed) == sorted(self.model.lapsed(claim.now))
        call = Call(hold=hold, bill=claim.amount_nano * share // 4)
        self.open.append(call)
        for window in (day_of(claim.now), day_of(claim.now)[:6]):
            self.model.billed[window] += call.bill
        return call

    @precondition(lambda self: len(self.model.holds) < MOST_HOLDS)
    @rule(asking=ASKING, storm=STORMS)
    def reserve_without_any_answer(self, asking: Asking, storm: Storm) -> None:
        claim, limits = self._claim(asking), self.model.key.limits
        assume(_fits(limits, asking.amount))
        self.stage.weather.fates.extend((*storm.reserve, storm.void, storm.void))

        with pytest.raises(StoreUnavailable):
            self.stage.wait(self.stage.ledger.reserve(self.model.key, claim))

        self.stage.weather.fates.clear()
        self._given_up(claim, limits, storm)

    def _given_up(self, claim: Claim, limits: Limits, storm: Storm) -> None:
        rid = reservation_id(claim.request_id)
        void = Settling(rid=rid, nonce=claim.nonce, reserved_at=claim.now, resent=True)
        if Fate.LOST in storm.reserve:
            self.model.reserve(claim, limits)
        taken_back = storm.void is not Fate.LATE and self.model.settle(void, 0)
        if storm.void is Fate.CLEAR and not taken_back:
            self.model.block(rid, claim.now)
        late, reserves = self._late(), storm.reserve.count(Fate.LATE)
        self._under_way(late[:reserves], claim, limits)
        self.copies += [
            SettleCopy(request=each, settling=void, actual=0, sent_at=claim.now) for each in late[reserves:]
        ]

    def _late(self) -> list[HttpRequest]:
        found = self.stage.weather.late[:]
        self.stage.weather.late.clear()
        return found

    @precondition(lambda self: self.copies)
    @rule(at=AT, again=st.booleans())
    def a_late_copy_arrives(self, at: int, again: bool) -> None:
        copy = self.copies[at % len(self.copies)]
        if not again:
            self.copies.remove(copy)

        status = self.stage.wait(self.stage.weather.deliver(copy.request))

        match copy:
            case ReserveCopy():
                current = copy.version == self.model.key.version
                applied = current and self.model.reserve(copy.claim, copy.limits) is None
                assert not (applied and copy.blocked)
            case SettleCopy():
                applied = self.model.settle(copy.settling, copy.actual)
        assert (status == 200) is applied

    @precondition(lambda self: self.open)
    @rule(picks=st.lists(st.tuples(AT, st.booleans()), min_size=1, max_size=3), fates=SETTLE_STORMS)
    def settle(self, picks: list[tuple[int, bool]], fates: tuple[Fate, ...]) -> None:
        for at, confirmed in picks[: len(self.open)]:
            call = self.open[at % len(self.open)]
            actual = call.bill if confirmed else None
            self._settle(call, actual, fates)

    def _settle(self, call: Call, actual: int | None, fates: tuple[Fate, ...]) -> None:
        self.stage.weather.fates.extend(fates)
        if len(fates) < TWICE.count:
            self.stage.wait(self.stage.ledger.settle(call.hold, actual))
            self.open.remove(call)
            self.closed.append(call)
        else:
            with pytest.raises(StoreUnavailable):
                self.stage.wait(self.stage.ledger.settle(call.hold, actual))
        self._settled(call.settling, actual, fates)

    def _settled(self, settling: Settling, actual: int | None, fates: tuple[Fate, ...]) -> None:
        applied = fates != (Fate.LATE, Fate.LATE) and self.model.settle(settling, actual)
        if not applied and len(fates) < TWICE.count:
            self.model.settle(settling, actual, clearing=False)
        self.copies += [
            SettleCopy(request=each, settling=settling, actual=actual, sent_at=self.now) for each in self._late()
        ]

    @precondition(lambda self: self.closed)
    @rule(at=AT, actual=optional(0, 60))
    def settle_once_more(self, at: int, actual: int | None) -> None:
        call = self.closed[at % len(self.closed)]

        self.stage.wait(self.stage.ledger.settle(call.hold, actual and min(actual, call.hold.amount_nano)))

    @precondition(lambda self: self.open)
    @rule(at=AT)
    def crash(self, at: int) -> None:
        """Nobody will settle the call, though its provider bills it."""
        self.open.pop(at % len(self.open))

    @rule()
    def sweep(self) -> None:
        lapsed = self.model.lapsed(self.now)

        swept = self.stage.wait(self.stage.ledger.sweep(self.model.key.id, self.now))

        assert swept == len(lapsed)
        self.model.forfeit(lapsed)

    @rule(limits=LIMITS, status=STATUSES, lasts=st.sampled_from((None, None, 0, HOUR)))
    def administer(self, limits: Limits, status: KeyStatus, lasts: int | None) -> None:
        """A dead key comes to life again, so that most of a run is about money."""
        key = self.model.key
        dead = key.status is not KeyStatus.ACTIVE or key.expires_at is not None
        ends_at = None if dead or lasts is None else self.now + lasts
        changed = replace(key, limits=limits, status=KeyStatus.ACTIVE if dead else status, expires_at=ends_at)

        self.model.key = self.stage.wait(self.stage.administration.update(changed))

        self.known.append(self.model.key)

    @rule(step=CLOCK)
    def time_passes(self, step: int) -> None:
        self._pass(step)

    def _pass(self, step: int) -> None:
        self.now += step
        self.copies = [copy for copy in self.copies if self.now < copy.sent_at + COPY_LIVES_S]

    @rule(ago=st.sampled_from((0, DAY)))
    def ask_for_the_standings(self, ago: int) -> None:
        day = day_of(self.now - ago)

        standings = self.stage.wait(self.stage.ledger.standings(self.model.key.id, self.now - ago))

        for standing, window in zip(standings, (day, day[:6]), strict=True):
            held = self.model.held(window)
            assert (standing.spent_nano, standing.held_nano) == (self.model.used[window] - held, held)
            assert standing.unconfirmed_nano == self.model.unconfirmed[window]

    @invariant()
    def the_item_is_as_the_model_says(self) -> None:
        item = self.stage.item(self.model.key)

        for window, kind in self._windows().items():
            assert item.get(kind + window, 0) == self.model.used[window]
            assert item.get("u" + window, 0) == self.model.unconfirmed[window]
        assert item[UNCONFIRMED] == self.model.unconfirmed[EVER]
        holds = {rid: mapping(hold) for rid, hold in mapping(item[HOLDS]).items()}
        assert {rid: (hold[AMOUNT], hold.get(NONCE)) for rid, hold in holds.items()} == {
            rid: (entry.amount, entry.nonce) for rid, entry in self.model.holds.items()
        }

    @invariant()
    def nothing_is_overspent_and_no_bill_is_missed(self) -> None:
        for window in self._windows():
            bound = self.model.bounds.get(window)
            assert bound is None or self.model.used[window] <= bound
            assert self.model.billed[window] <= self.model.used[window]

    def _windows(self) -> dict[str, str]:
        """The days and months that the item still counts, and the letter before their names."""
        today, yesterday = day_of(self.now), day_of(self.now - DAY)
        return {today: "d", yesterday: "d", today[:6]: "m", yesterday[:6]: "m"}


def _fits(limits: Limits, amount: int) -> bool:
    """Whether the ledger writes at all."""
    money = (limits.per_request_nano, limits.per_day_nano, limits.per_month_nano)
    return all(limit is None or amount <= limit for limit in money)


@pytest.mark.parametrize("name", ASKED_FOR)
def test_the_ledger_agrees_with_its_model(name: str) -> None:
    with staged(running(name).url) as stage:
        run_state_machine_as_test(lambda: LedgerMachine(stage), settings=PROFILE)
