"""The runner: order, precedence, and what happens when a module breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from msgspec import structs

from prxy.canonical.errors import CostLimitExceeded, InvalidRequest, NotFound, NotPermitted, StoreUnavailable
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason
from prxy.pipeline.base import Call, Facts, Module, ModuleOptions, OnFailure, Outcome, Ports, Step
from prxy.pipeline.flights import Flights
from prxy.pipeline.pipelines import Pipelines
from prxy.pipeline.runner import Run
from prxy.store.learning import OwnLatencies
from prxy.store.ports import Circuit, Lesson
from prxy.store.records import ApiKey

KEY = ApiKey(id="k", name="k", tenant="t")
CALL = Call(
    id="req_1",
    now=0,
    key=KEY,
    request=ChatRequest(format="openai_chat", model="m", messages=(Message(role=Role.USER, parts=()),)),
)
ANSWER = ChatResponse(
    format="openai_chat", id="1", model="m", choices=(Choice(parts=(), finish=Finish(reason=FinishReason.STOP)),)
)


class NoCache:
    async def get(self, tenant: str, digest: str) -> ChatResponse | None:
        return None

    async def put(self, tenant: str, digest: str, response: ChatResponse, ttl_s: int) -> None:
        return None


class NoModels:
    def facts(self, model: str, call: Call) -> Facts | None:
        return None


class NoEmbeddings:
    default_model = "local/none"

    def serves(self, model: str) -> bool:
        return False

    async def embed(self, text: str, model: str, call: Call) -> Sequence[float]:
        raise NotFound("There are none.")


class NoBreakers:
    async def look(self, tenant: str, targets: Sequence[str]) -> Mapping[str, Circuit]:
        return dict.fromkeys(targets, Circuit.CLOSED)

    async def may_try(self, tenant: str, target: str) -> bool:
        return True

    async def failed(self, tenant: str, target: str) -> None:
        return None

    async def answered(self, tenant: str, target: str) -> None:
        return None


class NoLessons:
    async def recall(self, tenant: str, bucket: str, targets: Sequence[str]) -> Mapping[str, Lesson]:
        return dict.fromkeys(targets, Lesson())

    async def learn(self, tenant: str, bucket: str, target: str, reward_milli: int) -> None:
        return None


class NoModerator:
    async def flagged(self, texts: Sequence[str], model: str, call: Call) -> Sequence[str]:
        return ()


PORTS = Ports(
    response_cache=NoCache(),
    embeddings=NoEmbeddings(),
    moderator=NoModerator(),
    vectors=None,
    models=NoModels(),
    flights=Flights(),
    breakers=NoBreakers(),
    lessons=NoLessons(),
    latencies=OwnLatencies(),
    clock=lambda: 0.0,
    random=lambda: 0.0,
)


class Scripted(Module):
    """Does what the test says, and notes that it ran."""

    name = "scripted"
    on_failure = OnFailure.SKIP
    Options = ModuleOptions

    def __init__(self, name: str, log: list[str], *, breaks: Exception | None = None, answers: bool = False) -> None:
        self._name, self._log, self._breaks, self._answers = name, log, breaks, answers

    async def before(self, call: Call) -> Call | ChatResponse:
        self._log.append(f"before {self._name}")
        if self._breaks:
            raise self._breaks
        return ANSWER if self._answers else structs.replace(call, id=call.id + self._name)

    async def after(self, call: Call, outcome: Outcome) -> None:
        self._log.append(f"after {self._name} {call.id}")


class Guard(Scripted):
    on_failure = OnFailure.REJECT


async def test_hooks_run_in_order_and_back() -> None:
    log: list[str] = []
    run = Run([Scripted("a", log), Scripted("b", log)])

    await run.before(CALL)
    await run.after(Outcome(response=ANSWER))

    assert log == ["before a", "before b", "after b req_1ab", "after a req_1a"]


async def test_a_module_that_answers_ends_the_way_in() -> None:
    log: list[str] = []
    run = Run([Scripted("a", log), Scripted("b", log, answers=True), Scripted("c", log)])

    result = await run.before(CALL)
    await run.after(Outcome(response=ANSWER, cached=True))

    assert result is ANSWER
    assert run.answered_by == "scripted"
    assert log == ["before a", "before b", "after a req_1a"]


async def test_a_broken_convenience_is_skipped() -> None:
    log: list[str] = []
    run = Run([Scripted("a", log, breaks=StoreUnavailable()), Scripted("b", log)])

    result = await run.before(CALL)

    assert isinstance(result, Call)
    assert log == ["before a", "before b"]


async def test_a_broken_guard_refuses_the_call() -> None:
    run = Run([Guard("a", [], breaks=StoreUnavailable())])

    with pytest.raises(StoreUnavailable):
        await run.before(CALL)


async def test_a_refusal_is_never_skipped() -> None:
    refusal = CostLimitExceeded("day", limit="1", spent="1", estimated="1")
    run = Run([Scripted("a", [], breaks=refusal)])

    with pytest.raises(CostLimitExceeded):
        await run.before(CALL)


class First(Scripted):
    name = "first"


class Second(Scripted):
    name = "second"


def pipelines(configured: object = None) -> Pipelines:
    def built(kind: type[Scripted]) -> type[Module]:
        class Built(kind):  # type: ignore[misc, valid-type]
            def __init__(self, options: ModuleOptions, ports: Ports) -> None:
                super().__init__(kind.name, [])

        return Built

    return Pipelines({"first": built(First), "second": built(Second)}, PORTS, configured)


def names(steps: tuple[Step, ...]) -> list[str]:
    return [step.module for step in steps]


def test_the_header_wins_over_the_key_and_the_key_over_the_configuration() -> None:
    made = pipelines("first")
    key = structs.replace(KEY, pipeline="second")

    assert names(made.steps(None, KEY)) == ["first"]
    assert names(made.steps(None, key)) == ["second"]
    assert names(made.steps("first,second", key)) == ["first", "second"]
    assert names(made.steps("none", key)) == []


async def test_guards_can_be_run_without_the_conveniences() -> None:
    class Watching(Guard):
        def __init__(self, options: ModuleOptions, ports: Ports) -> None:
            super().__init__("watching", [], breaks=NotPermitted("no"))

    class Answering(Scripted):
        def __init__(self, options: ModuleOptions, ports: Ports) -> None:
            super().__init__("answering", [], answers=True)

    modules = {"watching": Watching, "answering": Answering}
    made = Pipelines(modules, PORTS, None)

    with pytest.raises(NotPermitted):
        await made.run_guards([Step(module="answering"), Step(module="watching")]).before(CALL)
    assert await made.run_guards([Step(module="answering")]).before(CALL) == CALL


def test_mandatory_modules_stay_with_the_keys_own_options() -> None:
    key = structs.replace(KEY, pipeline=[{"second": {}}, "first"], mandatory=("second",))

    assert names(pipelines().steps("none", key)) == ["second"]
    assert names(pipelines().steps("second,first", key)) == ["second", "first"]


def test_a_header_may_name_only_what_the_key_allows() -> None:
    key = structs.replace(KEY, modules=("first",))

    with pytest.raises(NotPermitted) as refused:
        pipelines().steps("second", key)

    assert refused.value.code == "module_not_allowed"


def test_an_unknown_module_is_told_with_the_nearest_name() -> None:
    with pytest.raises(InvalidRequest, match="did you mean 'second'"):
        pipelines("secnd")
