"""Protocols with one rule broken, and the invariant that shows it. A checker that misses one of them proves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tests.model.calls import At, Scenario, Sends, Steps, View
from tests.model.item import Claim, Hold, Item, Setting, World, Writes, Written
from tests.model.protocol import ADMITTED_FIRST, CONFIRMED, COUNTED, COVERED, EXACT, LIMITED, Gateway, ended
from tests.model.scenarios import CALM, FIRST_LIMIT, LOWERED_AND_RAISED, ONCE, REVOKED_BY_HAND, SCENARIOS


class CheckThenAct(Gateway):
    """Reads whether there is room, and reserves in another step without asking again."""

    class Blind(Writes):
        def is_within_limit(self, item: Item, claim: Claim) -> bool:
            return True

    writes_of = Blind

    def begin(self, view: View) -> Steps:
        item = view.world.item
        if item.counted(view.world.day) + view.process.amount <= item.setting.limit:
            yield from super().begin(view)


class ReadModifyWrite(Gateway):
    """Writes back what was read plus the amount."""

    class Put(Writes):
        def raised(self, item: Item, claim: Claim) -> int:
            return claim.seen + claim.amount

    writes_of = Put

    def as_sent(self, world: World, claim: Claim) -> Claim:
        return claim._replace(seen=world.item.counted(claim.day))


class ChargeAfterwards(Gateway):
    """Calls where there is room, and counts the cost when the answer has come."""

    class Adding(Writes):
        def settle(self, world: World, hold: Hold | None, own: Hold, *, actual: int | None, resent: bool) -> Written:
            return self.given_back(world, own.day, -(own.amount if actual is None else actual)), hold

    writes_of = Adding

    def attempt(self, label: str, view: View) -> Steps:
        claim = view.process.claim
        if claim is not None and self.writes.is_within_limit(view.world.item, claim):
            yield label, view.now(at=At.ADMITTED, landed=True)


class ExpiryReleases(Gateway):
    """Gives a lapsed hold back, as if its call had cost nothing."""

    class Releasing(Writes):
        def lapsed(self, world: World, hold: Hold) -> World:
            return self.given_back(world, hold.day, hold.amount)

    writes_of = Releasing


class LapsedUnseen(Gateway):
    """Forfeits a lapsed hold and tells nobody."""

    class Silent(Writes):
        def lapsed(self, world: World, hold: Hold) -> World:
            return world

    writes_of = Silent


class SettleUnchecked(Gateway):
    """Settles whether or not the hold stands, so once for each copy of the message."""

    class Unchecked(Writes):
        def stands(self, hold: Hold | None, own: Hold) -> bool:
            return True

    writes_of = Unchecked


class SettleWithoutNonce(Gateway):
    """Settles any hold under the request id, also that of a twin."""

    class Nonceless(Writes):
        def stands(self, hold: Hold | None, own: Hold) -> bool:
            return hold is not None

    writes_of = Nonceless


class NoVersion(Gateway):
    """Believes the limits of its cache."""

    class Unversioned(Writes):
        def is_current(self, item: Item, claim: Claim) -> bool:
            return True

    writes_of = Unversioned


class NoStatus(Gateway):
    """Believes that a key which was active still is."""

    class Statusless(Writes):
        def is_active(self, item: Item) -> bool:
            return True

    writes_of = Statusless


class NoExpiry(Gateway):
    """Never looks at the key's expiry."""

    class Ageless(Writes):
        def is_alive(self, item: Item, claim: Claim) -> bool:
            return True

    writes_of = Ageless


class ReservedTooLittle(Gateway):
    """The provider bills one more than was reserved."""

    dearer = 1


class ReserveWithoutId(Gateway):
    """Applies each copy of a reserve anew."""

    class Forgetful(Writes):
        def is_new(self, hold: Hold | None) -> bool:
            return True

    writes_of = Forgetful


class NoTombstone(Gateway):
    """Removes the hold although a copy of the reserve may still be late."""

    class Clean(Writes):
        leaves_tombstones = False

    writes_of = Clean


class FreshWindow(Gateway):
    """Leaves it to the condition whether an amount fits: an untouched window admits any."""

    class Trusting(Writes):
        def fits(self, claim: Claim) -> bool:
            return True

    writes_of = Trusting


class BoundsNothing(Gateway):
    """Takes the 0 of a claim whose cost has no bound for an amount, and tries again under a limit that it learnt of."""

    class Counting(Writes):
        def fits(self, claim: Claim) -> bool:
            return claim.amount <= claim.limit

    writes_of = Counting


class SettledToday(Gateway):
    """Corrects the window of the day in which it settles."""

    class Today(Writes):
        def day_of(self, world: World, own: Hold) -> int:
            return world.day

    writes_of = Today


class CallsWhenUnsure(Gateway):
    """Takes no answer for a yes."""

    def unsure(self, view: View) -> View:
        return view.now(at=At.ADMITTED, resent=True)


class LeavesUnsure(Gateway):
    """Ends where no answer came, and leaves the reserve to land."""

    def unsure(self, view: View) -> View:
        return ended(view, At.DONE)


class RefusedAndForgotten(Gateway):
    """Ends at a refusal of the second copy, while the first may be late."""

    def after_refusal(self, view: View) -> View:
        return ended(view, At.DONE)


class ForgetsCopies(Gateway):
    """Asks again without remembering that a copy of the first round may be late."""

    def claimed(self, view: View, setting: Setting, day: int) -> View:
        return super().claimed(view.now(resent=False), setting, day)


class VoidsOnce(Gateway):
    """Void, then block; but the reserve may land between the two."""

    def not_blocked(self, view: View) -> Steps:
        yield "is done", ended(view, At.DONE)


class Mutant(NamedTuple):
    gateway: type[Gateway]
    scenario: Scenario
    caught_by: str


ONE_LARGE = Scenario(((2,),), sends=ONCE)
TWO_LARGE = Scenario(((2,), (2,)), sends=ONCE)
RESENT = Scenario(((2,),), sends=Sends(reserve=2, settle=2, rounds=1))
CALM_AND_RESENT = Scenario(((1,),), faults=CALM)
CALM_AND_FULL = SCENARIOS["calm"]
CALM_AND_CROWDED = SCENARIOS["calm, one place"]
SMALL_LIMIT = Scenario(((2,),), settings=(Setting(version=0, limit=1),), sends=ONCE)
EXPIRED = Scenario(((2,),), settings=(Setting(version=0, limit=3, expires=1),), midnight=True, sends=ONCE)

MUTANTS: Mapping[str, Mutant] = {
    "check, then act": Mutant(CheckThenAct, TWO_LARGE, LIMITED),
    "read, modify, write": Mutant(ReadModifyWrite, TWO_LARGE, COVERED),
    "charge after the answer": Mutant(ChargeAfterwards, TWO_LARGE, COVERED),
    "expiry releases": Mutant(ExpiryReleases, ONE_LARGE, COVERED),
    "expiry goes unseen": Mutant(LapsedUnseen, ONE_LARGE, CONFIRMED),
    "settle without looking for the hold": Mutant(SettleUnchecked, RESENT, COUNTED),
    "settle without nonce": Mutant(SettleWithoutNonce, SCENARIOS["twins"], COVERED),
    "cached limits without version": Mutant(NoVersion, Scenario(((2,),), settings=LOWERED_AND_RAISED), LIMITED),
    "cached status": Mutant(NoStatus, Scenario(((2,),), settings=REVOKED_BY_HAND, sends=ONCE), ADMITTED_FIRST),
    "expiry of the key unread": Mutant(NoExpiry, EXPIRED, ADMITTED_FIRST),
    "less reserved than may be billed": Mutant(ReservedTooLittle, ONE_LARGE, COVERED),
    "reserve without looking for the hold": Mutant(ReserveWithoutId, CALM_AND_RESENT, EXACT),
    "no tombstone": Mutant(NoTombstone, CALM_AND_RESENT, EXACT),
    "untouched window": Mutant(FreshWindow, SMALL_LIMIT, LIMITED),
    "0 for a cost without a bound": Mutant(BoundsNothing, Scenario(((0,),), settings=FIRST_LIMIT), ADMITTED_FIRST),
    "window of the settle": Mutant(SettledToday, Scenario(((2,),), midnight=True, sends=ONCE), COUNTED),
    "call without a confirmed reserve": Mutant(CallsWhenUnsure, ONE_LARGE, ADMITTED_FIRST),
    "unsure reserve left alone": Mutant(LeavesUnsure, CALM_AND_RESENT, EXACT),
    "refused reserve left alone": Mutant(RefusedAndForgotten, CALM_AND_FULL, EXACT),
    "copies of an earlier round forgotten": Mutant(ForgetsCopies, CALM_AND_CROWDED, EXACT),
    "unsure reserve voided once": Mutant(VoidsOnce, CALM_AND_RESENT, EXACT),
}
