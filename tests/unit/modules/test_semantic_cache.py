"""What the semantic cache takes for the same question, what it keeps, and what it leaves alone."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import structs
from tests.stores import NOON, fresh_table, store_transport
from tests.unit.pipeline.test_runner import ANSWER, CALL, PORTS

from prxy.canonical.errors import CostLimitExceeded, GatewayError, InvalidRequest, ProviderTimeout, StoreUnavailable
from prxy.canonical.parts import Inline, Media, MediaKind, Part, Refusal, Text, ToolCall, ToolResult
from prxy.canonical.request import (
    ChatRequest,
    FunctionTool,
    Instructions,
    Message,
    OutputFormat,
    OutputKind,
    Role,
    Sampling,
)
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason
from prxy.modules.semantic_cache import MOST_BYTES, SemanticCache
from prxy.pipeline.base import Call, Outcome, Ports, Step
from prxy.pipeline.pipelines import Pipelines
from prxy.pipeline.runner import Run
from prxy.store.cache import DynamoResponseCache
from prxy.store.records import ApiKey, ProviderKey
from prxy.store.vectors import DynamoVectors

QUESTION, PARAPHRASE, UNRELATED = "What is the capital of Norway?", "Norway's capital is?", "Who wrote Faust?"
DEGREES = {QUESTION: 0.0, PARAPHRASE: 20.0, UNRELATED: 60.0}
TOOL = FunctionTool(name="look")
CALLED = ToolCall(id="1", name="look")
PICTURE = Media(kind=MediaKind.IMAGE, source=Inline(media_type="image/png", data="AAAA"))


class Clock:
    now = float(NOON)

    def __call__(self) -> float:
        return self.now


@dataclass
class Directions:
    """Embeddings in a plane; a text that was not foreseen points as the first one does."""

    default_model: str = "somewhere/plane"
    asked: list[tuple[str, str]] = field(default_factory=list)
    error: GatewayError | None = None

    def serves(self, model: str) -> bool:
        return model.startswith("somewhere/")

    async def embed(self, text: str, model: str, call: Call) -> Sequence[float]:
        self.asked.append((text, model))
        if self.error:
            raise self.error
        angle = math.radians(DEGREES.get(text, 0.0))
        return [math.cos(angle), math.sin(angle)]


@dataclass
class Cached:
    """One process with the module, over a table of its own."""

    ports: Ports
    embeddings: Directions
    clock: Clock

    async def asks(self, call: Call, answer: ChatResponse | None = None, **config: object) -> ChatResponse | None:
        """What the module answers, None where the call goes on; the provider's answer is kept then."""
        module = Pipelines({"semantic-cache": SemanticCache}, self.ports, None).build(
            Step(module="semantic-cache", config=config)
        )
        run = Run([module])
        found = await run.before(call)
        if isinstance(found, ChatResponse):
            return found
        await run.after(Outcome(response=answer or said("Oslo")))
        return None


@pytest.fixture
async def cached() -> AsyncIterator[Cached]:
    clock, embeddings = Clock(), Directions()
    async for transport in store_transport():
        table = await fresh_table(transport)
        ports = structs.replace(
            PORTS,
            response_cache=DynamoResponseCache(table, clock=clock),
            vectors=DynamoVectors(table, clock=clock),
            embeddings=embeddings,
        )
        yield Cached(ports, embeddings, clock)


def said(text: str, *more: Part, reason: FinishReason = FinishReason.STOP) -> ChatResponse:
    return structs.replace(ANSWER, choices=(Choice(parts=(Text(text=text), *more), finish=Finish(reason=reason)),))


def user(*parts: Part | str) -> Message:
    return Message(role=Role.USER, parts=tuple(Text(text=each) if isinstance(each, str) else each for each in parts))


def asking(text: str = QUESTION, **fields: Any) -> Call:
    request = ChatRequest(format="openai_chat", model="m", messages=(user(text),))
    return structs.replace(CALL, request=structs.replace(request, **fields))


def by(key: ApiKey, text: str = PARAPHRASE) -> Call:
    return structs.replace(asking(text), key=key)


async def test_other_words_for_the_same_question_get_its_answer(cached: Cached) -> None:
    await cached.asks(asking())

    assert await cached.asks(asking(PARAPHRASE)) == said("Oslo")
    assert await cached.asks(asking(UNRELATED)) is None
    assert cached.embeddings.asked[0] == (QUESTION, "somewhere/plane")


@pytest.mark.parametrize(("similarity", "hits"), [(0.93, True), (0.95, False)])
async def test_the_similarity_decides_what_is_the_same(cached: Cached, similarity: float, hits: bool) -> None:
    """The cosine of 20 degrees is 0.9397."""
    await cached.asks(asking(), similarity=similarity)

    assert (await cached.asks(asking(PARAPHRASE), similarity=similarity) is not None) is hits


@pytest.mark.parametrize(
    "same", [{"stream": True}, {"user": "u"}, {"metadata": {"a": 1}}, {"include_usage": True}, {"cache_key": "k"}]
)
async def test_what_changes_no_answer_is_not_compared(cached: Cached, same: dict[str, Any]) -> None:
    await cached.asks(asking())

    assert await cached.asks(asking(PARAPHRASE, **same)) == said("Oslo")


OTHERS: dict[str, Call] = {
    "system text": asking(instructions=Instructions(role=Role.SYSTEM, parts=(Text(text="Be brief."),))),
    "model": asking(model="n"),
    "temperature": asking(sampling=Sampling(temperature=0.5)),
    "output": asking(output=OutputFormat(kind=OutputKind.JSON)),
    "tools": asking(tools=(TOOL,)),
    "format": asking(format="anthropic_messages"),
    "conversation": asking(
        messages=(user("Hi"), Message(role=Role.ASSISTANT, parts=(Text(text="Hi"),)), user(QUESTION))
    ),
    "speaker": asking(messages=(structs.replace(user(QUESTION), name="Kim"),)),
    "targets": structs.replace(asking(), targets=("m", "n")),
    "provider key": structs.replace(asking(), provider_key="sk-other"),
    "stored provider key": structs.replace(
        asking(), stored={"openai": ProviderKey(tenant="t", provider="openai", last4="1234", updated_at=NOON)}
    ),
    "guardrails": structs.replace(asking(), shaped_by=(Step(module="guardrails", config={"pii_redact": True}),)),
    "tenant": by(ApiKey(id="k", name="k", tenant="other"), QUESTION),
    "key": by(ApiKey(id="other", name="k", tenant="t"), QUESTION),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
async def test_the_same_question_elsewhere_is_another_one(cached: Cached, other: Call) -> None:
    await cached.asks(asking(), withTools=True)

    assert await cached.asks(other, said("Bergen"), withTools=True) is None
    assert await cached.asks(other, withTools=True) == said("Bergen")
    assert await cached.asks(asking(), withTools=True) == said("Oslo")


async def test_vectors_of_two_embedding_models_are_never_compared(cached: Cached) -> None:
    await cached.asks(asking(), embeddingModel="somewhere/one")

    assert await cached.asks(asking(), embeddingModel="somewhere/two") is None


async def test_a_tenants_keys_share_answers_where_the_scope_says_so(cached: Cached) -> None:
    await cached.asks(asking(), scope="global")

    assert await cached.asks(by(ApiKey(id="other", name="k", tenant="t")), scope="global") == said("Oslo")
    assert await cached.asks(by(ApiKey(id="k", name="k", tenant="other")), scope="global") is None
    assert await cached.asks(asking()) is None


async def test_when_the_best_match_has_expired_the_second_best_answers(cached: Cached) -> None:
    await cached.asks(asking(), said("first"), ttlSeconds=60)
    await cached.asks(asking(PARAPHRASE), said("second"), ttlSeconds=120, similarity=0.99)

    before = await cached.asks(asking())
    cached.clock.now += 60
    after = await cached.asks(asking())

    assert (before, after) == (said("first"), said("second"))


async def test_a_vector_whose_answer_is_gone_hides_no_other(cached: Cached) -> None:
    await cached.asks(asking(), said("x" * 400_000))
    await cached.asks(asking(PARAPHRASE), said("second"), similarity=0.99)

    assert await cached.asks(asking()) == said("second")


NOT_KEPT = {
    "cut": said("Os", reason=FinishReason.LENGTH),
    "filtered": said("", reason=FinishReason.CONTENT_FILTER),
    "declined": said("No.", reason=FinishReason.REFUSAL),
    "declined in a part": said("", Refusal(text="No.")),
    "failed": said("", reason=FinishReason.ERROR),
    "a call": said("", CALLED, reason=FinishReason.TOOL_CALL),
    "a call, oddly ended": said("", CALLED),
    "half": structs.replace(
        said("Oslo"), choices=(*said("Oslo").choices, *said("O", reason=FinishReason.LENGTH).choices)
    ),
    "nothing": structs.replace(ANSWER, choices=()),
}


@pytest.mark.parametrize("answer", NOT_KEPT.values(), ids=NOT_KEPT.keys())
async def test_only_whole_answers_are_kept(cached: Cached, answer: ChatResponse) -> None:
    await cached.asks(asking(), answer)

    assert await cached.asks(asking()) is None


async def test_nothing_is_kept_of_a_call_that_failed_or_was_answered_from_a_store(cached: Cached) -> None:
    for outcome in (Outcome(error=ProviderTimeout("late")), Outcome(response=ANSWER, cached=True)):
        module = SemanticCache(SemanticCache.Options(), cached.ports)
        await module.before(asking())
        await module.after(asking(), outcome)

    assert await cached.asks(asking()) is None


async def test_calls_of_tools_are_kept_where_they_are_asked_for(cached: Cached) -> None:
    answer = said("", CALLED, reason=FinishReason.TOOL_CALL)
    await cached.asks(asking(tools=(TOOL,)), answer, withTools=True)

    assert await cached.asks(asking(PARAPHRASE, tools=(TOOL,)), withTools=True) == answer


LEFT_ALONE: dict[str, ChatRequest] = {
    "a picture": asking(messages=(user(QUESTION, PICTURE),)).request,
    "tools": asking(tools=(TOOL,)).request,
    "a result before": asking(
        messages=(Message(role=Role.TOOL, parts=(ToolResult(call_id="1"),)), user(QUESTION))
    ).request,
    "a beginning of the answer": asking(messages=(Message(role=Role.ASSISTANT, parts=(Text(text="Os"),)),)).request,
    "no words": asking("  ").request,
    "no message": asking(messages=()).request,
    "very many words": asking("x" * (MOST_BYTES + 1)).request,
}


@pytest.mark.parametrize("request_", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
async def test_what_is_no_plain_question_is_not_even_embedded(cached: Cached, request_: ChatRequest) -> None:
    call = structs.replace(CALL, request=request_)

    assert [await cached.asks(call), await cached.asks(call)] == [None, None]
    assert cached.embeddings.asked == []


@pytest.mark.parametrize(
    "error",
    [
        CostLimitExceeded("day", limit="1", spent="1", estimated="1"),
        InvalidRequest("no price", code="model_price_unknown"),
        ProviderTimeout("late"),
        StoreUnavailable(),
    ],
    ids=lambda error: error.code,
)
async def test_a_question_that_cannot_be_embedded_goes_on_without(
    cached: Cached, error: GatewayError, caplog: pytest.LogCaptureFixture
) -> None:
    cached.embeddings.error = error
    run = Run([SemanticCache(SemanticCache.Options(), cached.ports)])

    with caplog.at_level(logging.WARNING):
        found = await run.before(asking())

    assert found == asking()
    assert run.skipped == ["semantic-cache"]
    assert caplog.records[-1].__dict__["cause"] == error.code


async def test_a_call_is_not_held_up_by_a_store_of_vectors_that_is_out_of_reach(cached: Cached) -> None:
    class Unreachable:
        async def nearest(self, shelf: object, vector: object, least: float) -> Sequence[str]:
            raise StoreUnavailable

        async def add(self, shelf: object, name: str, vector: object, ttl_s: int) -> None:
            raise StoreUnavailable

    run = Run([SemanticCache(SemanticCache.Options(), structs.replace(cached.ports, vectors=Unreachable()))])

    assert await run.before(asking()) == asking()
    assert run.skipped == ["semantic-cache"]


REFUSED = {
    "similarity above 1": ({"similarity": 1.5}, "similarity"),
    "similarity 0": ({"similarity": 0}, "similarity"),
    "unknown scope": ({"scope": "all"}, "scope"),
    "unknown model": ({"embeddingModel": "voyage-3"}, "'voyage-3', which makes no embeddings"),
    "unknown option": ({"table": "x"}, "it takes: similarity, ttlSeconds, scope, embeddingModel, withTools"),
}


@pytest.mark.parametrize(("config", "words"), REFUSED.values(), ids=REFUSED.keys())
async def test_options_that_make_no_sense_are_refused(cached: Cached, config: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await cached.asks(asking(), **config)

    assert caught.value.code == "invalid_pipeline"
    assert words in caught.value.message


def test_where_numpy_is_missing_the_module_says_so() -> None:
    with pytest.raises(InvalidRequest) as caught:
        SemanticCache(SemanticCache.Options(), structs.replace(PORTS, vectors=None))

    assert caught.value.code == "invalid_pipeline"
    assert "semantic-cache needs numpy, which is not installed here" in caught.value.message
