"""Pick the model that answers, and those that are asked when it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Literal, assert_never

from msgspec import Meta, structs

from prxy.modules.router.candidates import Candidate, able_candidates, affordable
from prxy.modules.router.lessons import bucket_of, failures, reward_milli
from prxy.modules.router.orders import by_latency, by_price, by_reward, by_weight
from prxy.money.usd import nano_from_usd
from prxy.pipeline.base import Call, Module, ModuleOptions, OnFailure, Outcome, Ports
from prxy.pipeline.spec import invalid
from prxy.store.ports import Circuit
from prxy.store.records import NO_LIMITS

Usd = Decimal
ModelName = Annotated[str, Meta(min_length=1, max_length=256)]
Names = Annotated[tuple[ModelName, ...], Meta(max_length=16)]
Weight = Annotated[float, Meta(ge=0, le=1e6)]


class Router(Module):
    """Ask one of several models, and the next where it is busy, broken or out of reach, until one answers.

    Candidates are `prefer`, `fallback_chain` and the requested model, in that order. Those without a key, those that
    the virtual key does not allow and those that cannot take the call are left out; where none is left, the requested
    model stays. The strategy puts the others into their order. One that failed five times within a minute, for this
    tenant, is asked last for half a minute.
    """

    name = "router"
    on_failure = OnFailure.SKIP

    class Options(ModuleOptions, frozen=True, kw_only=True, rename=None):
        strategy: Literal["cheapest-first", "fallback", "latency", "weighted", "q-learning"] = "cheapest-first"
        """cheapest-first: by the price of this call, about. fallback: as listed. latency: whoever began its answers
        soonest lately, as this process measured it. weighted: by chance, in proportion to `weights`. q-learning:
        whoever did best with questions that begin with the same three words: 1 for a whole answer, less up to 0.1 for
        10 s of waiting and up to 0.1 for a cost of one cent; 0 for a failure."""
        fallback_chain: Names = ()
        """Models to ask, in this order where the strategy has no other."""
        prefer: Names = ()
        """The same, before those of the chain."""
        budget_per_request: Usd | None = None
        """USD that the call may cost at most. Models whose worst case is higher are left out."""
        weights: Annotated[Mapping[ModelName, Weight], Meta(max_length=16)] = {}
        """Share of each model in the weighted strategy, which makes it a candidate; without one it is asked last.
        Empty: equal shares."""
        exploration: Annotated[float, Meta(ge=0, le=1)] = 0.1
        """Share of the calls that q-learning gives to a model by chance."""

    def __init__(self, options: Options, ports: Ports) -> None:
        self._options, self._ports = options, ports
        self._budget_nano = None if options.budget_per_request is None else _nano(options.budget_per_request)

    async def before(self, call: Call) -> Call:
        call = self._within_budget(call)
        candidates = self._candidates(call)
        if not candidates:
            return call
        ordered = await self._usable_first(call, await self._ordered(call, candidates))
        return structs.replace(call, targets=tuple(each.name for each in ordered))

    async def after(self, call: Call, outcome: Outcome) -> None:
        if outcome.cached:
            return
        tenant, breakers = call.key.tenant, self._ports.breakers
        failed = tuple(failures(outcome))
        for target in failed if call.provider_key is None else ():  # nobody else has the caller's own key
            await breakers.failed(tenant, target)
        if outcome.response is not None and outcome.target is not None:
            await breakers.answered(tenant, outcome.target)
            if outcome.first_byte_s is not None and not outcome.tried:
                self._ports.latencies.note(
                    tenant, outcome.target, stream=call.request.stream, seconds=outcome.first_byte_s
                )
        if self._options.strategy == "q-learning":
            await self._learn(call, outcome, failed)

    def _within_budget(self, call: Call) -> Call:
        if self._budget_nano is None:
            return call
        budget = structs.replace(NO_LIMITS, per_request_nano=self._budget_nano)
        return structs.replace(call, asked=call.asked.under(budget))

    def _candidates(self, call: Call) -> Sequence[Candidate]:
        options, models, requested = self._options, self._ports.models, call.request.model
        named = [*options.prefer, *options.fallback_chain]
        if options.strategy == "weighted":
            named += options.weights
        if models.facts(requested, call) is not None:
            named.append(requested)
        found = able_candidates(named, call, models)
        return found if self._budget_nano is None else affordable(found, call.request, self._budget_nano)

    async def _ordered(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        options, ports, tenant = self._options, self._ports, call.key.tenant
        match options.strategy:
            case "cheapest-first":
                return by_price(candidates)
            case "fallback":
                return candidates
            case "latency":
                stream, known = call.request.stream, ports.latencies.known
                return by_latency(candidates, lambda each: known(tenant, each.target, stream=stream), ports.random)
            case "weighted":
                return by_weight(candidates, self._weights(call, candidates), ports.random)
            case "q-learning":
                targets = [each.target for each in candidates]
                lessons = await ports.lessons.recall(tenant, bucket_of(call.request), targets)
                return by_reward(candidates, lessons, options.exploration, ports.random)
            case _:
                assert_never(options.strategy)

    def _weights(self, call: Call, candidates: Sequence[Candidate]) -> Mapping[str, float]:
        """By target, since a model may be named in several ways."""
        named = ((self._ports.models.facts(name, call), weight) for name, weight in self._options.weights.items())
        found = {facts.target: weight for facts, weight in named if facts is not None}
        return found or {each.target: 1.0 for each in candidates}

    async def _usable_first(self, call: Call, ordered: Sequence[Candidate]) -> Sequence[Candidate]:
        """Those with an open breaker last; one that may be tried stays where it is, for the one call that tries it."""
        if len(ordered) < 2:
            return ordered
        tenant, breakers = call.key.tenant, self._ports.breakers
        circuits = await breakers.look(tenant, [each.target for each in ordered])
        closed = [each for each in ordered if circuits[each.target] is Circuit.CLOSED]
        first = ordered[0]
        if circuits[first.target] is Circuit.HALF_OPEN and await breakers.may_try(tenant, first.target):
            closed.insert(0, first)
        return [*closed, *(each for each in ordered if each not in closed)]

    async def _learn(self, call: Call, outcome: Outcome, failed: Sequence[str]) -> None:
        tenant, bucket, lessons = call.key.tenant, bucket_of(call.request), self._ports.lessons
        for target in failed:
            await lessons.learn(tenant, bucket, target, 0)
        if outcome.response is not None and outcome.target is not None:
            await lessons.learn(tenant, bucket, outcome.target, reward_milli(outcome))


def _nano(usd: Decimal) -> int:
    try:
        return nano_from_usd(usd)
    except ValueError as error:
        raise invalid(f"options of 'router': budget_per_request: {str(error).rstrip('.')}") from error
