"""What a module needs of the model: where it is not there, the module is left out, does what it can, or refuses."""

from __future__ import annotations

import pytest
from tests.unit.pipeline.test_runner import CALL, Scripted

from prxy.canonical.errors import InvalidRequest
from prxy.catalog import ModelCard
from prxy.pipeline.base import Ability, Call, Facts, Without
from prxy.pipeline.runner import Run


class Knows:
    """Of a model that is able to do that and no more."""

    def __init__(self, *abilities: Ability) -> None:
        self._abilities = frozenset(abilities)

    def facts(self, model: str, call: Call) -> Facts | None:
        return Facts(target=f"p/{model}", card=ModelCard(id=model), usable=True, abilities=self._abilities)


class Skipped(Scripted):
    needs = frozenset({Ability.TOOLS})


class Degraded(Skipped):
    without = Without.DEGRADE


class Blocking(Skipped):
    without = Without.BLOCK


@pytest.mark.parametrize(
    ("kind", "ran", "named"), [(Skipped, [], ["scripted"]), (Degraded, ["before a"], ["scripted"])]
)
async def test_a_module_that_the_model_does_not_suit_says_so(
    kind: type[Scripted], ran: list[str], named: list[str]
) -> None:
    log: list[str] = []
    run = Run([kind("a", log)], Knows(Ability.PRICES))

    await run.before(CALL)

    assert (log, run.skipped) == (ran, named)


async def test_a_module_that_must_work_refuses_a_model_that_does_not_suit() -> None:
    with pytest.raises(InvalidRequest) as refused:
        await Run([Blocking("a", [])], Knows()).before(CALL)

    assert (refused.value.code, refused.value.param) == ("invalid_pipeline", "x-prxy-pipe")
    assert "'p/m'" in refused.value.message


@pytest.mark.parametrize("kind", [Skipped, Degraded, Blocking])
async def test_where_the_model_suits_each_runs(kind: type[Scripted]) -> None:
    log: list[str] = []
    run = Run([kind("a", log)], Knows(Ability.TOOLS))

    await run.before(CALL)

    assert (log, run.skipped) == (["before a"], [])
