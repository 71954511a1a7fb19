"""Answer a repeated request from the store."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from prxy.canonical.digest import digest
from prxy.canonical.response import ChatResponse, FinishReason
from prxy.pipeline.base import Call, Module, ModuleOptions, OnFailure, Outcome, Ports

_WHOLE = (FinishReason.STOP, FinishReason.TOOL_CALL)
_NOT_CONTENT = ("stream", "include_usage", "headers", "user", "metadata", "cache_key")
"""Fields of a request that do not change what the model answers."""


class ExactCache(Module):
    """Give the stored answer to a request that was asked before, whole answers only, as JSON or as a stream."""

    name = "exact-cache"
    on_failure = OnFailure.SKIP

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
        self._options, self._cache = options, ports.response_cache

    async def before(self, call: Call) -> Call | ChatResponse:
        return await self._cache.get(call.key.tenant, self._digest(call)) or call

    async def after(self, call: Call, outcome: Outcome) -> None:
        response = outcome.response
        if response is None or outcome.cached or any(c.finish.reason not in _WHOLE for c in response.choices):
            return
        await self._cache.put(call.key.tenant, self._digest(call), response, self._options.ttl_seconds)

    def _digest(self, call: Call) -> str:
        asked = call.request
        left_out = {*_NOT_CONTENT, *self._options.exclude_fields}
        if not self._options.include_system:
            left_out.add("instructions")
        owner = call.key.id if self._options.scope == "user" else ""
        compared = {name: getattr(asked, name) for name in asked.__struct_fields__ if name not in left_out}
        return digest(self.name, owner, compared)
