"""The life of a paid call, step by step: `prxy.store.ledger` and `prxy.money.payment` as a system to explore.

Between any two steps anything else may happen. A message is sent, and applied at any later time or never; its answer
comes or does not; who waits for it gives up at any time and sends it again, or ends without it. A process is killed
after any step. Holds are swept at any time. Nothing here is ordered by a clock.

I2 says precisely: a limit that is lowered stops new calls and does not reach back, so a counter is compared with the
limit that was in force when the last call of its day was admitted, not with today's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, assert_never

from tests.model.calls import (
    ASKED,
    OVER,
    Answer,
    At,
    Block,
    Message,
    Process,
    Request,
    Reserve,
    Scenario,
    Settle,
    Steps,
    View,
)
from tests.model.item import DAYS, FREE, TOMBSTONE, Claim, Item, Setting, Verdict, World, Writes, added

COUNTED = "I1: a counter is what was settled, forfeited or is held"
LIMITED = "I2: a counter is within the limit under which the last call was admitted"
COVERED = "I3: what the provider billed is counted"
ADMITTED_FIRST = "I4: only a call that was admitted by an active key, under a limit with a bound, reaches the provider"
CONFIRMED = "I5: what is unconfirmed is what was forfeited"
EXACT = "I6: without crashes the counter is what was billed, and no hold is left"
INVARIANTS = frozenset((COUNTED, LIMITED, COVERED, ADMITTED_FIRST, CONFIRMED, EXACT))

APART = 1000
"""Further apart than any counter gets: one number then adds up each day by itself."""


class Gateway:
    """The true protocol. A mutant overrides one rule, here or in `writes`."""

    balance: ClassVar[str] = COUNTED
    dearer: ClassVar[int] = 0
    """By how much the provider may bill more than was reserved."""
    writes_of: ClassVar[type[Writes]] = Writes

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.faults, self.sends = scenario, scenario.faults, scenario.sends
        self.writes = self.writes_of(scenario.places)

    def start(self) -> tuple[World, Sequence[Request]]:
        requests = [
            Request(None, tuple(Process(amount, nonce) for nonce, amount in enumerate(amounts)))
            for amounts in self.scenario.requests
        ]
        return World(Item(self.scenario.settings[0])), requests

    def events(self, world: World) -> Iterator[tuple[str, World]]:
        if self.scenario.midnight and world.day + 1 < DAYS:
            yield "midnight", world._replace(day=world.day + 1)
        if world.changes + 1 < len(self.scenario.settings):
            setting = self.scenario.settings[world.changes + 1]
            item = world.item._replace(setting=setting)
            told = f"the limit becomes {setting.limit}" if setting.active else "the key is revoked"
            yield told, world._replace(item=item, changes=world.changes + 1)

    def moves(self, world: World, request: Request) -> Iterator[tuple[str, World, Request]]:
        for at, process in enumerate(request.processes):
            for label, after in self._process_moves(View(world, request.hold, process)):
                processes = (*request.processes[:at], _tidied(after.process), *request.processes[at + 1 :])
                yield label + " (twin)" * at, after.world, Request(after.hold, processes)
        if self.faults.sweep and request.hold is not None:
            swept, hold = self.writes.sweep(world, request.hold)
            yield "its hold lapses and is swept", swept, request._replace(hold=hold)

    def _process_moves(self, view: View) -> Steps:
        yield from self._own_steps(view)
        yield from self._messages(view)
        if view.process.bill == ASKED:
            yield from self._bills(view)
        if self.faults.kill and view.process.at not in (At.READY, *OVER):
            yield "is killed", ended(view, At.DEAD)

    def _own_steps(self, view: View) -> Steps:
        """What the process does by itself: it changes nothing but what it knows and what it has sent."""
        process = view.process
        match process.at:
            case At.READY:
                yield from self.begin(view)
            case At.ADMITTED:
                yield "calls the provider", view.now(at=At.CALLED, bill=ASKED)
                yield "cannot reach the provider", self._settle(view, 0)
            case At.CALLED if process.bill != ASKED:
                yield f"learns that it costs {process.bill}", self._settle(view, process.bill)
            case At.CALLED if self.faults.unknown:
                yield "hears no more from the provider", self._settle(view, None)
        if process.answer is not None:
            yield from self._answered(view.now(sent=None, answer=None), process.answer)
        if process.sent is not None:
            yield "waits no longer", self._unanswered(view, process.sent)

    # Before the call: `DynamoLedger.reserve`.

    def begin(self, view: View) -> Steps:
        for setting in self.scenario.settings[: view.world.changes + 1]:
            claimed = self.claimed(view, setting, view.world.day)
            yield from self.attempt("begins", claimed)

    def claimed(self, view: View, setting: Setting, day: int) -> View:
        claim = Claim(view.process.amount, view.process.nonce, day, setting.version, setting.limit)
        return view.now(at=At.RESERVING, claim=claim, rounds=view.process.rounds + 1)

    def attempt(self, label: str, view: View) -> Steps:
        claim = view.process.claim
        assert claim is not None
        if self.writes.fits(claim):
            yield label, self._send(view, At.RESERVING, Reserve(self.as_sent(view.world, claim)))
        else:
            yield from self._answered(view, self._refusal(view, claim))

    def as_sent(self, world: World, claim: Claim) -> Claim:
        return claim

    def _refusal(self, view: View, claim: Claim) -> Answer:
        verdict = self.writes.judge(view.world.item, view.hold, claim)
        return Answer(False, verdict, view.world.item.setting if verdict is Verdict.STALE else None)

    def _answered(self, view: View, answer: Answer) -> Steps:
        process = view.process
        match process.at, answer.verdict:
            case At.RESERVING, None:
                yield "is admitted", view.now(at=At.ADMITTED)
            case At.RESERVING, Verdict.ADMITTED:
                yield "is admitted", view.now(at=At.ADMITTED, resent=True)
            case At.RESERVING, verdict:
                yield from self._refused(view, verdict, answer.setting)
            case At.VOIDING, _ if not answer.applied:
                yield "blocks its reserve", self._send(view, At.BLOCKING, Block())
            case At.BLOCKING, _ if not answer.applied:
                yield from self.not_blocked(view)
            case _:
                yield "is done", ended(view, At.DONE)

    def _refused(self, view: View, verdict: Verdict | None, setting: Setting | None) -> Steps:
        process = view.process
        assert process.claim is not None
        again = process.rounds < self.sends.rounds
        if again and verdict is Verdict.STALE and setting is not None:
            yield from self.attempt("learns that the key was changed", self.claimed(view, setting, process.claim.day))
        if again and verdict is Verdict.CROWDED:
            known = Setting(process.claim.version, process.claim.limit)
            yield from self.attempt("asks again for a place", self.claimed(view, known, process.claim.day))
        if not (again and verdict is Verdict.STALE):
            yield "is refused", self.after_refusal(view)

    def after_refusal(self, view: View) -> View:
        """An earlier copy may be late, and would leave a hold that nobody settles."""
        return self._void(view) if view.process.resent else ended(view, At.DONE)

    def unsure(self, view: View) -> View:
        """Nobody will use a reserve whose outcome stayed unknown."""
        return self._void(view)

    def _void(self, view: View) -> View:
        return self._send(view, At.VOIDING, Settle(actual=0, resent=True))

    def not_blocked(self, view: View) -> Steps:
        """The reserve has landed after all."""
        yield "voids its reserve again", self._send(view, At.VOIDING_AGAIN, Settle(actual=0, resent=True))

    # After the call: `DynamoLedger.settle`.

    def _settle(self, view: View, actual: int | None) -> View:
        bill = ASKED if view.process.bill == ASKED else None
        return self._send(view.now(bill=bill), At.SETTLING, Settle(actual=actual, resent=view.process.resent))

    def _send(self, view: View, at: At, message: Message) -> View:
        return view.now(at=at, sent=message, sends=1)

    def _unanswered(self, view: View, message: Message) -> View:
        """Sent once more, or given up. What was sent may be late."""
        process, reserving = view.process, view.process.at is At.RESERVING
        if process.sends < (self.sends.reserve if reserving else self.sends.settle):
            return _let_go(view).now(sent=message, sends=process.sends + 1, resent=process.resent or reserving)
        return self.unsure(_let_go(view)) if reserving else ended(view, At.GAVE_UP)

    # The store's side of a message, and the provider's side of a call.

    def _messages(self, view: View) -> Steps:
        process = view.process
        if process.sent is not None and process.answer is None:
            after, answer = self._applied(view, process.sent)
            yield _told(process.sent, answer), after.now(answer=answer)
        for at, message in enumerate(process.late):
            left = view.now(late=process.late[:at] + process.late[at + 1 :])
            after, answer = self._applied(left, message)
            yield "late: " + _told(message, answer), after
            if self.faults.lose:
                yield f"a {_name(message)} is lost", left

    def _applied(self, view: View, message: Message) -> tuple[View, Answer]:
        match message:
            case Reserve(claim):
                return self._reserved(view, claim)
            case Settle(actual, resent):
                own = view.process.hold
                world, hold = self.writes.settle(view.world, view.hold, own, actual=actual, resent=resent)
            case Block():
                world, hold = self.writes.block(view.world, view.hold)
            case _:
                assert_never(message)
        return view._replace(world=world, hold=hold), Answer(world is not view.world)

    def _reserved(self, view: View, claim: Claim) -> tuple[View, Answer]:
        world, hold = self.writes.reserve(view.world, view.hold, claim)
        if world is view.world:
            return view, self._refusal(view, claim)
        setting = world.item.setting
        active = setting.active and (setting.expires is None or setting.expires > claim.day)
        bounded = claim.amount > 0 or setting.limit == FREE
        return View(world, hold, view.process._replace(landed=active and bounded)), Answer(True)

    def _bills(self, view: View) -> Steps:
        claim, history = view.process.claim, view.world.history
        assert claim is not None
        for cost in range(claim.amount + self.dearer + 1):
            world = view.world._replace(history=history._replace(billed=added(history.billed, claim.day, cost)))
            yield f"is billed {cost}", view._replace(world=world).now(bill=cost)

    # What must hold.

    def faults_of_shared(self, world: World) -> Iterator[str]:
        item, history = world.item, world.history
        for day in range(DAYS):
            if item.counted(day) > history.limit[day]:
                yield LIMITED
            if history.billed[day] > item.counted(day):
                yield COVERED
        if item.unconfirmed != history.forfeited:
            yield CONFIRMED

    def faults_of_part(self, request: Request) -> Iterator[str]:
        if any(process.at is At.CALLED and not process.landed for process in request.processes):
            yield ADMITTED_FIRST

    def balance_of_shared(self, world: World) -> int:
        item, history = world.item, world.history
        booked = [settled + forfeited for settled, forfeited in zip(history.settled, history.forfeited, strict=True)]
        return sum((item.counted(day) - booked[day]) * APART**day for day in range(DAYS))

    def balance_of_part(self, request: Request) -> int:
        return 0 if request.hold is None else request.hold.amount * APART**request.hold.day

    def faults_at_the_end(self, world: World, requests: Sequence[Request]) -> Iterator[str]:
        """A process that gave up has said so: reconciling its hold is for whoever reads the log."""
        calm = not (self.faults.kill or self.faults.sweep or self.faults.unknown)
        processes = [process for request in requests for process in request.processes]
        if not calm or any(process.at is At.GAVE_UP for process in processes):
            return
        held = any(request.hold not in (None, TOMBSTONE) for request in requests)
        counted = tuple(world.item.counted(day) for day in range(DAYS))
        if held or counted != world.history.billed:
            yield EXACT


def ended(view: View, at: At) -> View:
    return _let_go(view).now(at=at)


def _let_go(view: View) -> View:
    """Nobody waits for the message any more. If it was not applied yet, it may be at any time."""
    process = view.process
    late = process.late
    if process.sent is not None and process.answer is None:
        late = tuple(sorted((*late, process.sent), key=repr))
    return view.now(sent=None, answer=None, late=late)


def _tidied(process: Process) -> Process:
    """Without what can have no effect any more, so that states which differ in nothing else are one."""
    if process.at is At.CALLED or process.at is At.ADMITTED or process.at is At.RESERVING:
        return process
    process = process._replace(landed=False, rounds=0)
    if process.at not in OVER:
        return process
    bill = ASKED if process.bill == ASKED else None
    process = process._replace(sends=0, resent=False, bill=bill)
    return process if process.late or bill is not None else process._replace(claim=None)


def _told(message: Message, answer: Answer) -> str:
    outcome = "applied" if answer.applied else "refused"
    verdict = f" ({answer.verdict.value})" if answer.verdict else ""
    return f"{_name(message)} {outcome}{verdict}"


def _name(message: Message) -> str:
    match message:
        case Reserve():
            return "reserve"
        case Settle(actual):
            return f"settle to {'unknown' if actual is None else actual}"
        case Block():
            return "block"
    assert_never(message)
