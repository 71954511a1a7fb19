"""The money protocol in every interleaving of a few calls: it holds, and with any of its rules broken it does not."""

from __future__ import annotations

from functools import cache

import pytest
from tests.model.calls import Scenario
from tests.model.checker import Exploration, explore
from tests.model.mutants import MUTANTS
from tests.model.protocol import INVARIANTS, Gateway
from tests.model.scenarios import SCENARIOS


@cache
def explored(scenario: Scenario) -> Exploration:
    """The true protocol, to the end of the scenario or to the first violation."""
    return explore(Gateway(scenario), INVARIANTS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_interleaving_breaks_an_invariant(name: str) -> None:
    violation = explored(SCENARIOS[name]).violation

    assert violation is None, str(violation)


def test_more_than_a_million_states_are_seen() -> None:
    states = {name: explored(scenario).states for name, scenario in SCENARIOS.items()}

    assert sum(states.values()) >= 1_000_000, states


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_found_by_its_invariant(name: str) -> None:
    mutant = MUTANTS[name]

    violation = explore(mutant.gateway(mutant.scenario), frozenset((mutant.caught_by,))).violation

    assert violation is not None
    assert violation.invariant == mutant.caught_by


@pytest.mark.parametrize("name", MUTANTS)
def test_with_the_rule_in_place_the_same_scenario_holds(name: str) -> None:
    violation = explored(MUTANTS[name].scenario).violation

    assert violation is None, str(violation)


def test_a_counterexample_can_be_read_step_by_step() -> None:
    mutant = MUTANTS["expiry releases"]

    violation = explore(mutant.gateway(mutant.scenario), frozenset((mutant.caught_by,))).violation

    assert str(violation).splitlines() == [
        "I3: what the provider billed is counted does not hold after 6 steps:",
        "  1 A begins                                               counted - - | billed 0 0 | limit 3 | holds 0",
        "  2 A reserve applied                                      counted 2 - | billed 0 0 | limit 3 | holds 1",
        "  3 A is admitted                                          counted 2 - | billed 0 0 | limit 3 | holds 1",
        "  4 A calls the provider                                   counted 2 - | billed 0 0 | limit 3 | holds 1",
        "  5 A its hold lapses and is swept                         counted 0 - | billed 0 0 | limit 3 | holds 0",
        "  6 A is billed 1                                          counted 0 - | billed 1 0 | limit 3 | holds 0",
    ]
