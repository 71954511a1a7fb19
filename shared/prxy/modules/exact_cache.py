"""Answer a repeated request from the store."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, structs

from prxy.canonical.digest import digest
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import ChatResponse, FinishReason
from prxy.pipeline.base import Call, Module, ModuleOptions, OnFailure, Outcome, Ports
from prxy.pipeline.spec import invalid

_WHOLE = (FinishReason.STOP, FinishReason.TOOL_CALL)
_NOT_CONTENT = ("stream", "include_usage", "user", "metadata", "cache_key")
"""Fields of a request that do not change what the model answers."""


FOLLOWS_S = 30.0
"""How long a call waits for the answer to an equal one that runs already."""


class ExactCache(Module):
    """Give the stored answer to a request that was asked before, whole answers only, as JSON or as a stream. Of equal
    requests at the same time one is asked, and the others wait for its answer, for 30 seconds at the most.

    Equal must be the request, whatever way it is spelled, and beside it the provider key (the caller's own, or those
    that the tenant has stored) and the pipeline's modules that may change what is asked or answered, with their
    options: an answer that passed no guardrails is never given where there are some.
    """

    name = "exact-cache"
    on_failure = OnFailure.SKIP
    shapes = False
    budget_s = FOLLOWS_S + 5.0

    class Options(ModuleOptions, frozen=True, kw_only=True):
        ttl_seconds: Annotated[int, Meta(ge=1, le=30 * 86400)] = 3600
        """How long an answer may be reused."""
        scope: Literal["user", "global"] = "user"
        """user: answers of the same key. global: of every key of the tenant. Tenants never meet."""
        include_system: bool = True
        """Whether the system text is part of what must be equal."""
        exclude_fields: tuple[str, ...] = ()
        """More fields of the request to leave out of the comparison (`sampling`, `tools`, `reasoning`)."""

    def __init__(self, options: Options, ports: Ports) -> None:
        unknown = sorted({*options.exclude_fields} - {*ChatRequest.__struct_fields__})
        if unknown:
            raise invalid(
                f"options of '{self.name}': a request has no '{unknown[0][:64]}'; its fields are: "
                f"{', '.join(ChatRequest.__struct_fields__)}"
            )
        self._options, self._cache, self._flights = options, ports.response_cache, ports.flights
        self._asked, self._leads = "", False
        """Digest of the question, and whether this call is the first to ask it."""

    async def before(self, call: Call) -> Call | ChatResponse:
        if call.private:
            return call
        tenant, self._asked = call.key.tenant, self._digest(call)
        found = await self._cache.get(tenant, self._asked)
        if found is None and not self._flights.lead((tenant, self._asked)):
            found = await self._flights.follow((tenant, self._asked), FOLLOWS_S)
        elif found is None:
            self._leads = True
        return found or call

    async def after(self, call: Call, outcome: Outcome) -> None:
        kept = outcome.response if self._may_keep(outcome) else None
        if kept is None or outcome.cached or any(choice.finish.reason not in _WHOLE for choice in kept.choices):
            kept = None
        try:
            if kept is not None:
                await self._cache.put(call.key.tenant, self._asked, kept, self._options.ttl_seconds)
        finally:
            if self._leads:
                self._flights.land((call.key.tenant, self._asked), kept)

    def _may_keep(self, outcome: Outcome) -> bool:
        """For other keys, only what the model said that they ask for too: they may not use another one."""
        return not outcome.private and (outcome.own_model or self._options.scope == "user")

    def _digest(self, call: Call) -> str:
        left_out = {*_NOT_CONTENT, *self._options.exclude_fields}
        if not self._options.include_system:
            left_out.add("instructions")
        owner = call.key.id if self._options.scope == "user" else ""
        compared = structs.replace(call.request, **dict.fromkeys(left_out))
        return digest(self.name, owner, compared, call.targets, call.account, call.shaped_by)
