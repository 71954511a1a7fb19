"""Whom the router asks, in which order, and what it learns from the end of a call."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import structs
from tests.unit.pipeline.test_runner import ANSWER, CALL, PORTS

from prxy.canonical.errors import (
    GatewayError,
    InvalidRequest,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderRejected,
    ProviderStreamInterrupted,
    ProviderTimeout,
)
from prxy.canonical.parts import Inline, Media, MediaKind, Part, Text
from prxy.canonical.request import ChatRequest, Instructions, Message, Role, Sampling
from prxy.catalog import ModelCard, Prices, Rates
from prxy.modules import MODULES
from prxy.modules.router.lessons import bucket_of
from prxy.pipeline.base import Call, Facts, Outcome, Ports, Step, Tried
from prxy.pipeline.pipelines import Pipelines
from prxy.store.learning import OwnLatencies
from prxy.store.ports import Circuit, Lesson

CENT = 10_000_000


def make_card(input_usd: float | None, output_usd: float = 0.0, **more: Any) -> ModelCard:
    """Prices in USD per million tokens; None: unknown."""
    million = 1_000_000
    price, written = int((input_usd or 0) * million), int(output_usd * million)
    rates = Rates(
        above_tokens=0, input=price, output=written, cached_input=price, cache_write=price, cache_write_1h=price
    )
    prices = None if input_usd is None else Prices(standard=(rates,))
    return ModelCard(id="x", prices=prices, **more)


CARDS: Mapping[str, ModelCard] = {
    "cheap": make_card(0.1, 0.1, max_output_tokens=4_000),
    "middle": make_card(1.0, 1.0, max_output_tokens=4_000),
    "dear": make_card(10.0, 10.0, max_output_tokens=4_000),
    "wordy": make_card(0.01, 5.0, max_output_tokens=4_000),
    "unpriced": make_card(None),
    "small": make_card(0.01, 0.01, context_window=50),
    "blind": make_card(0.01, 0.01, image_tokens=0),
}
KEYLESS = "keyless"


class KnownHere:
    """Every model of `CARDS` at one provider, under its bare name too, and one that nobody has a key for."""

    def facts(self, model: str, call: Call) -> Facts | None:
        name = model.removeprefix("here/")
        if name == KEYLESS:
            card, usable = make_card(0.0), False
        elif name in CARDS:
            card, usable = CARDS[name], True
        else:
            return None
        return Facts(target=f"here/{name}", card=card, usable=usable, abilities=frozenset())


@dataclass
class Noted:
    """Breakers that stand as a test says; keeps what it is told."""

    stands: dict[str, Circuit] = field(default_factory=dict)
    taken: bool = False
    tried: list[str] = field(default_factory=list)
    told: list[tuple[str, str, str]] = field(default_factory=list)

    async def look(self, tenant: str, targets: Sequence[str]) -> Mapping[str, Circuit]:
        return {target: self.stands.get(target.removeprefix("here/"), Circuit.CLOSED) for target in targets}

    async def may_try(self, tenant: str, target: str) -> bool:
        self.tried.append(target)
        return not self.taken

    async def failed(self, tenant: str, target: str) -> None:
        self.told.append(("failed", tenant, target))

    async def answered(self, tenant: str, target: str) -> None:
        self.told.append(("answered", tenant, target))


@dataclass
class Taught:
    lessons: dict[str, Lesson] = field(default_factory=dict)
    learnt: list[tuple[str, str, str, int]] = field(default_factory=list)
    asked_for: list[tuple[str, str]] = field(default_factory=list)

    async def recall(self, tenant: str, bucket: str, targets: Sequence[str]) -> Mapping[str, Lesson]:
        self.asked_for.append((tenant, bucket))
        return {target: self.lessons.get(target.removeprefix("here/"), Lesson()) for target in targets}

    async def learn(self, tenant: str, bucket: str, target: str, reward_milli: int) -> None:
        self.learnt.append((tenant, bucket, target, reward_milli))


def make_ports(
    *, breakers: Noted | None = None, lessons: Taught | None = None, chance: Iterable[float] = (), **more: Any
) -> Ports:
    """`chance`: what the random numbers are; 0.999 where they are used up."""
    numbers = iter(chance)
    return structs.replace(
        PORTS,
        models=KnownHere(),
        breakers=breakers or Noted(),
        lessons=lessons or Taught(),
        latencies=OwnLatencies(clock=lambda: 0.0),
        random=lambda: next(numbers, 0.999),
        **more,
    )


def make_call(model: str = "middle", *parts: Part, **more: Any) -> Call:
    said = parts or (Text(text="What is the capital of France?"),)
    request = ChatRequest(format="openai_chat", model=model, messages=(Message(role=Role.USER, parts=said),), **more)
    return structs.replace(CALL, request=request)


def router(ports: Ports, **options: Any) -> Any:
    return Pipelines(MODULES, ports, None).build(Step(module="router", config=options))


async def targets(call: Call, ports: Ports | None = None, **options: Any) -> tuple[str, ...]:
    return (await router(ports or make_ports(), **options).before(call)).targets


# Candidates


async def test_candidates_are_those_preferred_then_the_chain_then_the_one_asked_for() -> None:
    asked = await targets(make_call("dear"), strategy="fallback", prefer=["middle"], fallback_chain=["cheap"])

    assert asked == ("middle", "cheap", "dear")


async def test_two_names_of_one_model_are_one_candidate() -> None:
    asked = await targets(
        make_call("here/middle"), strategy="fallback", prefer=["cheap"], fallback_chain=["here/cheap", "middle"]
    )

    assert asked == ("cheap", "middle")


@pytest.mark.parametrize(
    "options",
    [{"prefer": ["nonesuch"]}, {"fallback_chain": ["nonesuch"]}, {"strategy": "weighted", "weights": {"nonesuch": 1}}],
    ids=["prefer", "chain", "weights"],
)
async def test_a_model_that_nobody_knows_is_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="'nonesuch'") as refused:
        await targets(make_call(), **options)

    assert refused.value.code == "invalid_pipeline"


async def test_a_requested_model_that_nobody_knows_is_left_to_what_comes_after() -> None:
    assert await targets(make_call("nonesuch")) == ()


async def test_a_model_without_a_key_is_left_out() -> None:
    assert await targets(make_call(), fallback_chain=[KEYLESS]) == ("middle",)


async def test_the_requested_model_stays_where_nothing_is_left() -> None:
    call = await router(make_ports(), fallback_chain=[KEYLESS]).before(make_call(KEYLESS))

    assert call.targets == ()
    assert call.request.model == KEYLESS


async def test_a_model_whose_window_is_too_small_is_left_out() -> None:
    short = await targets(make_call(), fallback_chain=["small"])
    long = await targets(make_call("middle", Text(text="x" * 400)), fallback_chain=["small"])

    assert short == ("small", "middle")
    assert long == ("middle",)


async def test_a_model_that_takes_no_images_is_left_out_where_there_are_some() -> None:
    image = Media(kind=MediaKind.IMAGE, source=Inline(data="A" * 4_000, media_type="image/png"))

    assert await targets(make_call(), fallback_chain=["blind"]) == ("blind", "middle")
    assert await targets(make_call("middle", image), fallback_chain=["blind"]) == ("middle",)


async def test_the_bytes_of_an_image_are_no_text() -> None:
    image = Media(kind=MediaKind.IMAGE, source=Inline(data="A" * 40_000, media_type="image/png"))

    assert await targets(make_call("middle", image), fallback_chain=["small"]) == ("small", "middle")


async def test_the_request_itself_is_never_changed() -> None:
    call = make_call()

    routed = await router(make_ports(), fallback_chain=["cheap"]).before(call)

    assert routed.request is call.request


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"strategy": "best"}, "strategy"),
        ({"fallbackChain": []}, "fallbackChain"),
        ({"weights": {"cheap": -1}}, "weights"),
        ({"exploration": 2}, "exploration"),
        ({"budget_per_request": -1}, "budget_per_request"),
        ({"fallback_chain": ["cheap"] * 17}, "fallback_chain"),
    ],
    ids=["strategy", "unknown", "weight", "exploration", "budget", "too many"],
)
def test_a_wrong_option_is_named(options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InvalidRequest, match=wrong) as refused:
        router(make_ports(), **options)

    assert refused.value.code == "invalid_pipeline"


# Money


async def test_the_budget_becomes_a_limit_of_the_call_that_only_tightens() -> None:
    tight = structs.replace(make_call(), asked=structs.replace(CALL.asked, per_request_nano=CENT))

    lowered = await router(make_ports(), budget_per_request="0.001").before(make_call())
    kept = await router(make_ports(), budget_per_request="1").before(tight)

    assert lowered.asked.per_request_nano == 1_000_000
    assert kept.asked.per_request_nano == CENT


async def test_models_whose_worst_case_is_beyond_the_budget_are_left_out() -> None:
    call = make_call("dear", sampling=Sampling(max_output_tokens=100))

    asked = await targets(
        call, strategy="fallback", prefer=["middle", "unpriced"], fallback_chain=["cheap"], budget_per_request=0.002
    )

    assert asked == ("middle", "cheap")


async def test_where_none_fits_the_budget_admission_has_the_word() -> None:
    call = make_call("dear", sampling=Sampling(max_output_tokens=100))

    routed = await router(make_ports(), fallback_chain=["middle"], budget_per_request="0.000001").before(call)

    assert routed.targets == ("middle", "dear")
    assert routed.asked.per_request_nano == 1_000


# Orders


async def test_the_cheapest_for_this_call_comes_first_and_unknown_prices_last() -> None:
    chain = ["unpriced", "dear", "wordy", "cheap"]

    short_answer = await targets(make_call(sampling=Sampling(max_output_tokens=1)), fallback_chain=chain)
    long_answer = await targets(make_call(sampling=Sampling(max_output_tokens=4_000)), fallback_chain=chain)

    assert short_answer == ("cheap", "wordy", "middle", "dear", "unpriced")
    assert long_answer == ("cheap", "middle", "wordy", "dear", "unpriced")


async def test_equal_prices_keep_the_order_of_the_list() -> None:
    asked = await targets(make_call("here/cheap"), prefer=["unpriced"], fallback_chain=["blind", "small"])

    assert asked == ("blind", "small", "here/cheap", "unpriced")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_whoever_began_its_answers_soonest_comes_first(*, stream: bool) -> None:
    ports = make_ports()
    for target, seconds in (("here/cheap", 2.0), ("here/dear", 0.5)):
        ports.latencies.note("t", target, stream=stream, seconds=seconds)
        ports.latencies.note("t", target, stream=not stream, seconds=1 / seconds)
        ports.latencies.note("another tenant", target, stream=stream, seconds=1 / seconds)

    asked = await targets(make_call(stream=stream), ports, strategy="latency", fallback_chain=["cheap", "dear"])

    assert asked == ("dear", "cheap", "middle")


async def test_a_model_that_was_never_measured_comes_first_now_and_then() -> None:
    chance = random.Random(7)
    ports = make_ports(chance=iter(chance.random, None))
    ports.latencies.note("t", "here/cheap", stream=False, seconds=1.0)

    firsts = Counter([(await targets(make_call(), ports, strategy="latency", prefer=["cheap"]))[0] for _ in range(500)])

    assert set(firsts) == {"cheap", "middle"}
    assert 20 < firsts["middle"] < 90


async def test_weights_share_calls_out_without_losing_a_candidate() -> None:
    chance = random.Random(7)
    ports = make_ports(chance=iter(chance.random, None))
    weights = {"cheap": 3, "here/dear": 1, "wordy": 0}

    drawn = [await targets(make_call(), ports, strategy="weighted", weights=weights) for _ in range(500)]

    firsts = Counter(each[0] for each in drawn)
    assert set(firsts) == {"cheap", "here/dear"}
    assert 330 < firsts["cheap"] < 420
    assert {each[2:] for each in drawn} == {("wordy", "middle")}


async def test_without_weights_all_have_the_same_share() -> None:
    chance = random.Random(7)
    ports = make_ports(chance=iter(chance.random, None))

    firsts = Counter(
        [(await targets(make_call(), ports, strategy="weighted", prefer=["cheap", "dear"]))[0] for _ in range(600)]
    )

    assert set(firsts) == {"cheap", "dear", "middle"}
    assert min(firsts.values()) > 150


async def test_the_best_taught_comes_first_and_the_untried_before_those_that_failed() -> None:
    lessons = Taught(
        lessons={
            "dear": Lesson(count=10, reward_milli=9_500),
            "middle": Lesson(count=10, reward_milli=5_000),
            "wordy": Lesson(count=10, reward_milli=0),
        }
    )

    asked = await targets(
        make_call(), make_ports(lessons=lessons), strategy="q-learning", fallback_chain=["dear", "wordy", "cheap"]
    )

    assert asked == ("dear", "middle", "cheap", "wordy")
    assert lessons.asked_for == [("t", "what is the")]


async def test_without_lessons_the_cheapest_comes_first() -> None:
    asked = await targets(make_call(), strategy="q-learning", fallback_chain=["dear", "cheap"])

    assert asked == ("cheap", "middle", "dear")


async def test_a_share_of_the_calls_explores() -> None:
    lessons = Taught(lessons={"dear": Lesson(count=10, reward_milli=9_500)})
    options: dict[str, Any] = {"strategy": "q-learning", "fallback_chain": ["dear", "cheap"], "exploration": 0.2}

    explored = await targets(make_call(), make_ports(lessons=lessons, chance=[0.19, 0.9]), **options)
    not_explored = await targets(make_call(), make_ports(lessons=lessons, chance=[0.2, 0.9]), **options)

    assert explored == ("middle", "dear", "cheap")
    assert not_explored == ("dear", "cheap", "middle")


# Breakers


async def test_an_open_target_is_asked_last_and_not_dropped() -> None:
    breakers = Noted(stands={"cheap": Circuit.OPEN, "middle": Circuit.OPEN})

    asked = await targets(make_call(), make_ports(breakers=breakers), fallback_chain=["cheap", "dear"])

    assert asked == ("dear", "cheap", "middle")
    assert breakers.tried == []


async def test_a_half_open_target_is_tried_by_whoever_gets_the_try() -> None:
    stands = {"cheap": Circuit.HALF_OPEN}

    first = await targets(make_call(), make_ports(breakers=Noted(stands=stands)), fallback_chain=["cheap"])
    other = await targets(make_call(), make_ports(breakers=Noted(stands=stands, taken=True)), fallback_chain=["cheap"])

    assert first == ("cheap", "middle")
    assert other == ("middle", "cheap")


async def test_a_half_open_target_behind_another_takes_nobodys_try() -> None:
    breakers = Noted(stands={"middle": Circuit.HALF_OPEN})

    asked = await targets(make_call(), make_ports(breakers=breakers), fallback_chain=["cheap", "dear"])

    assert asked == ("cheap", "dear", "middle")
    assert breakers.tried == []


async def test_one_candidate_alone_costs_no_look_at_the_breakers() -> None:
    breakers = Noted(stands={"middle": Circuit.HALF_OPEN})

    assert await targets(make_call(), make_ports(breakers=breakers)) == ("middle",)
    assert breakers.tried == []


# What is learnt


async def after(outcome: Outcome, ports: Ports, **options: Any) -> None:
    await router(ports, strategy="q-learning", **options).after(make_call(), outcome)


async def test_a_whole_answer_teaches_and_closes() -> None:
    breakers, lessons = Noted(), Taught()
    ports = make_ports(breakers=breakers, lessons=lessons)

    await after(Outcome(response=ANSWER, target="here/cheap", first_byte_s=5.0, cost_nano=CENT // 2), ports)

    assert breakers.told == [("answered", "t", "here/cheap")]
    assert lessons.learnt == [("t", "what is the", "here/cheap", 900)]
    assert ports.latencies.known("t", "here/cheap", stream=False) == 5.0


@pytest.mark.parametrize("seconds", [0.0, 3.0, 3_600.0])
@pytest.mark.parametrize("cost_nano", [None, 0, CENT, 1_000 * CENT])
async def test_the_worst_answer_teaches_more_good_than_any_failure(seconds: float, cost_nano: int | None) -> None:
    lessons = Taught()

    await after(
        Outcome(response=ANSWER, target="here/cheap", first_byte_s=seconds, cost_nano=cost_nano),
        make_ports(lessons=lessons),
    )

    assert 800 <= lessons.learnt[0][3] <= 1_000


async def test_those_that_failed_before_it_are_noted_and_the_time_is_nobodys() -> None:
    breakers, lessons = Noted(), Taught()
    ports = make_ports(breakers=breakers, lessons=lessons)
    tried = (
        Tried(target="here/cheap", error=ProviderOverloaded("busy")),
        Tried(target="here/middle", error=ProviderStreamInterrupted("reset")),
    )

    await after(Outcome(response=ANSWER, target="here/dear", tried=tried, first_byte_s=9.0, cost_nano=0), ports)

    assert breakers.told == [
        ("failed", "t", "here/cheap"),
        ("failed", "t", "here/middle"),
        ("answered", "t", "here/dear"),
    ]
    assert [each[2:] for each in lessons.learnt] == [("here/cheap", 0), ("here/middle", 0), ("here/dear", 1_000)]
    assert ports.latencies.known("t", "here/dear", stream=False) is None


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (ProviderRateLimited("slow"), True),
        (ProviderOverloaded("busy"), True),
        (ProviderTimeout("late"), True),
        (ProviderRejected("no"), False),
        (ProviderStreamInterrupted("perhaps its client left"), False),
        (GatewayError(), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_the_last_error_counts_where_it_is_the_models_own(error: GatewayError, *, counts: bool) -> None:
    breakers, lessons = Noted(), Taught()

    await after(Outcome(error=error, target="here/cheap"), make_ports(breakers=breakers, lessons=lessons))

    assert breakers.told == ([("failed", "t", "here/cheap")] if counts else [])
    assert [each[2:] for each in lessons.learnt] == ([("here/cheap", 0)] if counts else [])


@pytest.mark.parametrize(
    "outcome",
    [Outcome(response=ANSWER, cached=True), Outcome(error=InvalidRequest("no"))],
    ids=["cached", "refused before anybody was asked"],
)
async def test_what_asked_nobody_teaches_nothing(outcome: Outcome) -> None:
    breakers, lessons = Noted(), Taught()

    await after(outcome, make_ports(breakers=breakers, lessons=lessons))

    assert (breakers.told, lessons.learnt) == ([], [])


async def test_other_strategies_keep_no_lessons() -> None:
    lessons = Taught()

    await router(make_ports(lessons=lessons)).after(make_call(), Outcome(response=ANSWER, target="here/cheap"))

    assert lessons.learnt == []


@pytest.mark.parametrize(
    ("texts", "bucket"),
    [
        (["Translate  THIS\ntext, please"], "translate this text,"),
        (["First of all", "Second thoughts here now"], "second thoughts here"),
        (["Hello"], "hello"),
        ([" \n"], ""),
        ([], ""),
    ],
    ids=["three words", "the last message", "one word", "blank", "nothing"],
)
def test_the_kind_of_a_question_is_its_first_three_words(texts: list[str], bucket: str) -> None:
    said = [Message(role=Role.USER, parts=(Text(text=each),)) for each in texts]
    answer = Message(role=Role.ASSISTANT, parts=(Text(text="not the user's words"),))
    system = Instructions(role=Role.SYSTEM, parts=(Text(text="neither these words"),))
    request = ChatRequest(format="openai_chat", model="m", messages=(*said, answer), instructions=system)

    assert bucket_of(request) == bucket
