"""An explicit-state model checker: every state that a small system can reach, breadth first, so traces are shortest.

A system is one shared value and several parts. A part moves by itself: what it may do depends on the shared value and
on the part alone, and changes those two alone. Thereby
- the rules run once for each pair of shared value and part, however many states contain it, and may be written to be
  read;
- the order of the parts means nothing, so states that differ in it alone are one state (symmetry reduction).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

S = TypeVar("S", bound=Hashable)
P = TypeVar("P", bound=Hashable)
V = TypeVar("V", bound=Hashable)

State = tuple[int, ...]
"""Number of the shared value, then those of the parts in ascending order."""


class System(Protocol[S, P]):
    """What is explored. Each `faults_…` names the invariants that do not hold."""

    def start(self) -> tuple[S, Sequence[P]]: ...

    def moves(self, shared: S, part: P) -> Iterator[tuple[str, S, P]]:
        """Everything that the part may do next, each with a sentence for the trace."""
        ...

    def events(self, shared: S) -> Iterator[tuple[str, S]]:
        """Everything that may happen to the shared value by itself."""
        ...

    def faults_of_shared(self, shared: S) -> Iterator[str]: ...

    def faults_of_part(self, part: P) -> Iterator[str]: ...

    def balance_of_shared(self, shared: S) -> int:
        """Must equal the sum over the parts in every state; the invariant of that is called `balance`."""
        ...

    def balance_of_part(self, part: P) -> int: ...

    balance: str

    def faults_at_the_end(self, shared: S, parts: Sequence[P]) -> Iterator[str]:
        """Of a state in which nothing more can happen."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    invariant: str
    trace: tuple[str, ...]
    """One line a step, and the values that it led to."""

    def __str__(self) -> str:
        return "\n".join((f"{self.invariant} does not hold after {len(self.trace)} steps:", *self.trace))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    states: int
    violation: Violation | None
    """None: every reachable state was seen and every watched invariant held in it."""


def explore(system: System[S, P], watch: frozenset[str]) -> Exploration:
    """Visit every state; stop at the first that violates one of the invariants to watch."""
    return _Search(system, watch).run()


class _Numbered(Generic[V]):
    """Gives equal values one number, and works out once what follows from the value alone."""

    def __init__(
        self, faults: Callable[[V], Iterator[str]], balance: Callable[[V], int], watch: frozenset[str]
    ) -> None:
        self.values: list[V] = []
        self.balances: list[int] = []
        self.fault: list[str | None] = []
        self._faults, self._balance, self._watch = faults, balance, watch
        self._numbers: dict[V, int] = {}

    def number(self, value: V) -> int:
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = len(self.values)
            self.values.append(value)
            self.balances.append(self._balance(value))
            self.fault.append(next((fault for fault in self._faults(value) if fault in self._watch), None))
        return number


class _Search(Generic[S, P]):
    def __init__(self, system: System[S, P], watch: frozenset[str]) -> None:
        self._system = system
        self._watch = watch
        self._shared = _Numbered(system.faults_of_shared, system.balance_of_shared, watch)
        self._parts = _Numbered(system.faults_of_part, system.balance_of_part, watch)
        self._moves: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
        self._events: dict[int, tuple[int, ...]] = {}
        self._came_from: dict[State, State | None] = {}

    def run(self) -> Exploration:
        shared, parts = self._system.start()
        start = (self._shared.number(shared), *sorted(self._parts.number(part) for part in parts))
        self._came_from[start] = None
        frontier = [start]
        while frontier:
            reached: list[State] = []
            for state in frontier:
                fault = self._expand(state, reached)
                if fault is not None:
                    return self._found(*fault)
            frontier = reached
        return Exploration(states=len(self._came_from), violation=None)

    def _expand(self, state: State, reached: list[State]) -> tuple[str, State] | None:
        came_from, final = self._came_from, True
        for after in self._after(state):
            final = False
            if after not in came_from:
                came_from[after] = state
                reached.append(after)
                fault = self._fault(after)
                if fault is not None:
                    return fault, after
        fault = self._fault_at_the_end(state) if final else None
        return None if fault is None else (fault, state)

    def _after(self, state: State) -> Iterator[State]:
        shared, parts = state[0], state[1:]
        for at, part in enumerate(parts):
            if at and part == parts[at - 1]:
                continue
            rest = parts[:at] + parts[at + 1 :]
            moves = self._moves.get((shared, part))
            for shared_after, part_after in self._moves_of(shared, part) if moves is None else moves:
                yield (shared_after, *sorted((*rest, part_after)))
        events = self._events.get(shared)
        for shared_after in self._events_of(shared) if events is None else events:
            yield (shared_after, *parts)

    def _moves_of(self, shared: int, part: int) -> tuple[tuple[int, int], ...]:
        moves = self._system.moves(self._shared.values[shared], self._parts.values[part])
        found = {(self._shared.number(after), self._parts.number(part_after)) for _, after, part_after in moves}
        self._moves[shared, part] = tuple(sorted(found))
        return self._moves[shared, part]

    def _events_of(self, shared: int) -> tuple[int, ...]:
        events = self._system.events(self._shared.values[shared])
        self._events[shared] = tuple(self._shared.number(after) for _, after in events)
        return self._events[shared]

    def _fault(self, state: State) -> str | None:
        shared, parts = state[0], state[1:]
        if self._shared.fault[shared] is not None:
            return self._shared.fault[shared]
        balances, faults = self._parts.balances, self._parts.fault
        total = 0
        for part in parts:
            total += balances[part]
            if faults[part] is not None:
                return faults[part]
        unbalanced = total != self._shared.balances[shared] and self._system.balance in self._watch
        return self._system.balance if unbalanced else None

    def _fault_at_the_end(self, state: State) -> str | None:
        shared, *parts = state
        values = [self._parts.values[part] for part in parts]
        faults = self._system.faults_at_the_end(self._shared.values[shared], values)
        return next((fault for fault in faults if fault in self._watch), None)

    def _found(self, invariant: str, state: State) -> Exploration:
        path: list[State] = []
        at: State | None = state
        while at is not None:
            path.append(at)
            at = self._came_from[at]
        trace = tuple(self._told(path[::-1]))
        return Exploration(states=len(self._came_from), violation=Violation(invariant=invariant, trace=trace))

    def _told(self, path: Sequence[State]) -> Iterator[str]:
        """The path in words, with the parts under the names A, B, C, which the sorted states do not keep."""
        shared, started = self._system.start()
        parts = list(started)
        for step, state in enumerate(path[1:], start=1):
            label, shared, parts = next(
                (label, after, parts_after)
                for label, after, parts_after in self._labelled(shared, parts)
                if self._state(after, parts_after) == state
            )
            yield f"{step:3} {label:54} {shared}"

    def _labelled(self, shared: S, parts: list[P]) -> Iterator[tuple[str, S, list[P]]]:
        for at, part in enumerate(parts):
            for label, after, part_after in self._system.moves(shared, part):
                yield f"{chr(ord('A') + at)} {label}", after, [*parts[:at], part_after, *parts[at + 1 :]]
        for label, after in self._system.events(shared):
            yield label, after, parts

    def _state(self, shared: S, parts: Sequence[P]) -> State:
        return (self._shared.number(shared), *sorted(self._parts.number(part) for part in parts))
