"""What is explored to its end: each scenario is small, and together they hold every fault that the model knows."""

from __future__ import annotations

from collections.abc import Mapping

from tests.model.calls import Faults, Scenario, Sends
from tests.model.item import FREE, Setting

CALM = Faults(kill=False, sweep=False, lose=True, unknown=False)
ALIVE = Faults(kill=False, unknown=False)
ONCE = Sends(reserve=1, settle=1, rounds=1)
RESERVED_TWICE = Sends(reserve=2, settle=1, rounds=1)
TWO_ROUNDS = Sends(reserve=1, settle=1, rounds=2)

LOWERED_AND_RAISED = (Setting(version=0, limit=3), Setting(version=1, limit=1), Setting(version=2, limit=2))
FIRST_LIMIT = (Setting(version=0, limit=FREE), Setting(version=1, limit=2))
REVOKED = (Setting(version=0, limit=3), Setting(version=1, limit=3, active=False))
EXPIRING = (Setting(version=0, limit=3, expires=1),)
REVOKED_BY_HAND = (Setting(version=0, limit=3), Setting(version=0, limit=3, active=False))

SCENARIOS: Mapping[str, Scenario] = {
    "two requests": Scenario(((2,), (2,))),
    "three requests": Scenario(((1,), (1,), (1,)), sends=ONCE),
    "twins": Scenario(((2, 2),), sends=ONCE),
    "twins, sent twice": Scenario(((1, 1),), sends=RESERVED_TWICE, faults=ALIVE),
    "midnight": Scenario(((2,), (2,)), midnight=True, sends=ONCE),
    "the key expires at midnight": Scenario(((2,),), settings=EXPIRING, midnight=True),
    "limit lowered and raised": Scenario(((1,), (2,)), settings=LOWERED_AND_RAISED, sends=TWO_ROUNDS),
    "a first limit, and a cost without a bound": Scenario(((0,), (2,)), settings=FIRST_LIMIT, sends=TWO_ROUNDS),
    "revoked": Scenario(((1,), (2,)), settings=REVOKED, sends=TWO_ROUNDS),
    "revoked by hand": Scenario(((2,),), settings=REVOKED_BY_HAND),
    "one place": Scenario(((1,), (2,)), places=1, sends=TWO_ROUNDS),
    "calm": Scenario(((1,), (2,)), settings=(Setting(version=0, limit=2),), faults=CALM),
    "calm, one place": Scenario(((1,), (2,)), places=1, sends=Sends(reserve=2, settle=1, rounds=2), faults=CALM),
}
