"""Answer a question from the store where the same was asked in other words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from prxy.canonical.digest import digest
from prxy.canonical.errors import GatewayError
from prxy.canonical.parts import Part, Refusal, ServerToolCall, ServerToolResult, Text, ToolCall, ToolResult
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.canonical.response import ChatResponse, FinishReason
from prxy.pipeline.base import Call, Module, ModuleOptions, OnFailure, Outcome, Ports
from prxy.pipeline.spec import invalid
from prxy.store.ports import Shelf

MOST_BYTES = 24_000
"""Longer questions are not compared: embedding models take about 8,000 tokens, and no one vector says that much."""

_NOT_CONTENT = ("stream", "include_usage", "user", "metadata", "cache_key", "messages")
"""Fields of a request that do not change what the model answers, and the one that is looked at apart."""
_OF_TOOLS = (ToolCall, ToolResult, ServerToolCall, ServerToolResult)


class Asked(Struct, frozen=True):
    """A question that found no answer."""

    shelf: Shelf
    name: str
    vector: Sequence[float]


class SemanticCache(Module):
    """Give the stored answer to a question that was asked before in other words, as JSON or as a stream.

    Compared by meaning is the text of the last message alone, which must be the user's. All the rest must be equal:
    tenant, key (or `scope`), model, system text, tools, parameters, the conversation so far, and beside the request
    what exact-cache compares. For the same words mean another thing after another conversation ("and in winter?"), and
    a long history would make all of its questions look alike: no similarity is a reason to mix them.

    Only whole answers are kept, never refusals. Not compared are questions with media and those of over 24,000 bytes.
    A question costs an embedding, charged to the key like any call; the key must be allowed its model.
    """

    name = "semantic-cache"
    on_failure = OnFailure.SKIP
    shapes = False
    budget_s = 5.0

    class Options(ModuleOptions, frozen=True, kw_only=True):
        similarity: Annotated[float, Meta(gt=0, le=1)] = 0.85
        """Cosine of two questions from which on they count as the same."""
        ttl_seconds: Annotated[int, Meta(ge=1, le=30 * 86400)] = 3600
        """How long an answer may be reused."""
        scope: Literal["user", "global"] = "user"
        """user: answers of the same key. global: of every key of the tenant. Tenants never meet."""
        embedding_model: str | None = None
        """`provider/model`, or `local/name` for an installed one; none: what `PRXY_EMBEDDING_MODEL` says."""
        with_tools: bool = False
        """Whether requests with tools, and answers that call them, are kept too."""

    def __init__(self, options: Options, ports: Ports) -> None:
        if ports.vectors is None:
            raise invalid(f"{self.name} needs numpy, which is not installed here")
        model = options.embedding_model or ports.embeddings.default_model
        if not ports.embeddings.serves(model):
            raise invalid(
                f"'{self.name}' compares by '{model[:128]}', which makes no embeddings; name 'provider/model' with a "
                "provider that has them, or 'local/name' with an installed model, in embeddingModel"
            )
        self._options, self._vectors, self._model = options, ports.vectors, model
        self._cache, self._embeddings = ports.response_cache, ports.embeddings
        self._asked: Asked | None = None
        """What the answer of this call will be kept for."""

    async def before(self, call: Call) -> Call | ChatResponse:
        question = None if call.private else self._question(call.request)
        if question is None:
            return call
        shelf = self._shelf(call)
        vector = await self._embedded(question, call)
        for name in await self._vectors.nearest(shelf, vector, self._options.similarity):
            answer = await self._cache.get(shelf.tenant, name)
            if answer is not None:
                return answer
        self._asked = Asked(shelf, digest(self.name, shelf.name, question), vector)
        return call

    async def after(self, call: Call, outcome: Outcome) -> None:
        asked, response = self._asked, outcome.response
        if asked is None or response is None or outcome.cached or not self._worth_keeping(response):
            return
        if outcome.private or not (outcome.own_model or self._options.scope == "user"):
            return
        await self._cache.put(asked.shelf.tenant, asked.name, response, self._options.ttl_seconds)
        await self._vectors.add(asked.shelf, asked.name, asked.vector, self._options.ttl_seconds)

    def _question(self, request: ChatRequest) -> str | None:
        """The text to compare, None where the request is not one for this cache."""
        with_tools = bool(request.tools) or any(isinstance(part, _OF_TOOLS) for part in _parts(request.messages))
        if not request.messages or (with_tools and not self._options.with_tools):
            return None
        last = request.messages[-1]
        texts = [part.text for part in last.parts if isinstance(part, Text)]
        question = "\n".join(texts)
        plain = last.role is Role.USER and len(texts) == len(last.parts)
        return question if plain and question.strip() and len(question.encode()) <= MOST_BYTES else None

    def _shelf(self, call: Call) -> Shelf:
        """Where the questions are that may have the same answer."""
        asked = call.request
        owner = call.key.id if self._options.scope == "user" else ""
        compared = structs.replace(asked, **dict.fromkeys(_NOT_CONTENT))
        *before, last = asked.messages
        conversation = [*before, _without_text(last)]
        circumstances = (owner, self._model, call.targets, call.account, call.shaped_by)
        return Shelf(tenant=call.key.tenant, name=digest(self.name, circumstances, compared, conversation))

    async def _embedded(self, question: str, call: Call) -> Sequence[float]:
        """An embedding that is refused is no reason to refuse the call: the error is one of ours then."""
        try:
            return await self._embeddings.embed(question, self._model, call)
        except GatewayError as error:
            raise GatewayError("The question could not be embedded.", code=error.code) from error

    def _worth_keeping(self, response: ChatResponse) -> bool:
        """Whole answers, and calls of tools only where they were asked for."""
        whole = {FinishReason.STOP, FinishReason.TOOL_CALL} if self._options.with_tools else {FinishReason.STOP}
        parts = [part for choice in response.choices for part in choice.parts]
        if any(isinstance(part, Refusal) for part in parts):
            return False
        if not self._options.with_tools and any(isinstance(part, _OF_TOOLS) for part in parts):
            return False
        return bool(response.choices) and all(choice.finish.reason in whole for choice in response.choices)


def _parts(messages: Sequence[Message]) -> Sequence[Part]:
    return [part for message in messages for part in message.parts]


def _without_text(message: Message) -> Message:
    """What it says besides, so that it must be equal."""
    blank = [structs.replace(part, text="") for part in message.parts if isinstance(part, Text)]
    return structs.replace(message, parts=tuple(blank))
