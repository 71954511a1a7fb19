"""Text as vectors: by a provider's embeddings API, or by a model that the operator has installed beside prxy.

A provider is asked through the gateway's own transports and with its keys, admitted and settled in a hold of its own:
a call that has its question embedded takes two of the key's calls per minute. An installed model is a Python entry
point of the group `prxy.embedders`, `name -> callable(list[str]) -> list[list[float]]`, and costs nothing.

https://platform.openai.com/docs/api-reference/embeddings/create (as of 2026-11-22)
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from threading import Lock

import msgspec
from msgspec import Struct

from prxy.canonical.errors import (
    GatewayError,
    InvalidRequest,
    NotFound,
    NotPermitted,
    ProviderBadResponse,
    ProviderConnectionFailed,
)
from prxy.canonical.response import Usage
from prxy.catalog import Catalog, ModelCard
from prxy.known_models import target_of
from prxy.money.bound import CALL_TOKENS
from prxy.money.meter import is_sound
from prxy.money.payment import Payment, admit
from prxy.money.prices import nano_from_pico
from prxy.pipeline.base import Call, Embeddings
from prxy.providers.base import ConfiguredProvider, Speaks, build_request, signed
from prxy.providers.calling import Attempts, call_provider
from prxy.providers.egress import ConfinedTransport
from prxy.providers.errors import error_from_reply
from prxy.providers.transport import Deadlines, HttpRequest, Transport
from prxy.routing import Target, locate
from prxy.store.ports import Ledger
from prxy.store.records import Claim

LOCAL = "local"
"""Before the name of an installed model, in the place of a provider."""
GROUP = "prxy.embedders"
PATIENCE_S = 3.0
"""What asks for a vector can do without it: a provider that takes longer is not waited for."""

TransportOf = Callable[[ConfiguredProvider], Transport]
Embedder = Callable[[list[str]], list[list[float]]]


class Datum(Struct, frozen=True):
    embedding: list[float]


class Used(Struct, frozen=True):
    prompt_tokens: int = 0


class Answer(Struct, frozen=True):
    data: list[Datum]
    usage: Used | None = None


_answers = msgspec.json.Decoder(Answer)
_encoder = msgspec.json.Encoder()


class InstalledEmbedders:
    """Found and loaded when first asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Embedder] = {}
        self._lock = Lock()

    @cached_property
    def _entries(self) -> Mapping[str, EntryPoint]:
        return {each.name: each for each in entry_points(group=GROUP)}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    async def embed(self, name: str, text: str) -> Sequence[float]:
        """In a thread of its own. Raises whatever the model raises, and ProviderBadResponse for what is no vector."""
        return _checked(await asyncio.to_thread(self._run, name, text))

    def _run(self, name: str, text: str) -> list[float]:
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._entries[name].load()
        (vector,) = self._loaded[name]([text])
        return [float(each) for each in vector]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEmbeddings(Embeddings):
    model: str
    """The default, as `provider/model` or `local/name`."""
    providers: Mapping[str, ConfiguredProvider]
    catalog: Catalog
    ledger: Ledger
    transport_of: TransportOf
    deadlines: Deadlines
    installed: InstalledEmbedders = field(default_factory=InstalledEmbedders)

    @property
    def default_model(self) -> str:
        return self.model

    def serves(self, model: str) -> bool:
        prefix, _, name = model.partition("/")
        if prefix == LOCAL:
            return name in self.installed
        try:
            provider, _ = locate(model, self.providers)
        except GatewayError:
            return False
        return provider.row.embeddings_path is not None

    async def embed(self, text: str, model: str, call: Call) -> Sequence[float]:
        if not self.serves(model):
            raise NotFound(f"No embeddings are made by '{model[:128]}'.", code="model_not_found", param="model")
        prefix, _, name = model.partition("/")
        if prefix == LOCAL:
            return await self.installed.embed(name, text)
        target = target_of(model, call, self.providers)
        http = self._request(text, target)
        card = self.catalog.card(target.provider.row.name, target.model)
        payment = await admit(self.ledger, call.key, _claim(call, card, http.body), card)
        return await self._paid(http, target, payment, call)

    def _request(self, text: str, target: Target) -> HttpRequest:
        return build_request(
            target.provider,
            _speaks(target.provider),
            target.model,
            credential=target.credential,
            body=_encoder.encode({"model": target.model, "input": text}),
            deadlines=self.deadlines.within(PATIENCE_S),
        )

    async def _paid(self, http: HttpRequest, target: Target, payment: Payment, call: Call) -> Sequence[float]:
        """Settled on every way out: what may have been billed without a word is charged in full."""
        try:
            answer = await self._asked(http, target, payment, call)
            await payment.settle(_metered(answer))
            return _checked(answer.data[0].embedding if len(answer.data) == 1 else [])
        finally:
            if payment.open:
                await payment.settle(None)
            await payment.written()

    async def _asked(self, http: HttpRequest, target: Target, payment: Payment, call: Call) -> Answer:
        """Once, without a retry. Gives the hold back where the provider was not reached, or refused."""
        transport = self.transport_of(target.provider)
        way_out = transport if call.egress is None else ConfinedTransport(transport, call.egress)
        try:
            request = await signed(target.provider, http, target.credential)
            reply = await call_provider(way_out, request, Attempts(retries_left=0))
        except (ProviderConnectionFailed, NotPermitted):
            await payment.release()
            raise
        try:
            if reply.status >= 300:
                wire = _speaks(target.provider).format
                error = await error_from_reply(reply, target.provider.row.name, wire, target.credential)
                await payment.release()
                raise error
            return _answers.decode(await reply.read())
        except msgspec.DecodeError as error:
            raise ProviderBadResponse("The provider's answer holds no embeddings.") from error
        finally:
            await reply.aclose()


def _speaks(provider: ConfiguredProvider) -> Speaks:
    """Where it makes embeddings, with the errors of its first wire."""
    path = provider.row.embeddings_path
    assert path is not None, "only what serves embeddings is asked"
    return replace(provider.row.speaks[0], path=path, stream_path=None)


def _claim(call: Call, card: ModelCard, body: bytes) -> Claim:
    """Raises InvalidRequest (model_price_unknown) where a USD limit meets an unknown price."""
    most = _most_nano(card, body)
    if most is None and call.limits.money:
        raise InvalidRequest(
            f"No price is known for '{card.id}', and this call is under a USD limit.", code="model_price_unknown"
        )
    return Claim(
        request_id=f"{call.id}#embed",
        nonce=secrets.token_hex(8),
        amount_nano=most or 0,
        now=call.now,
        limits=call.asked,
        tenant=call.tenant,
        again=True,
    )


def _most_nano(card: ModelCard, body: bytes) -> int | None:
    """No tokeniser makes more tokens than there are bytes, and a vector is not billed as output."""
    if card.prices is None:
        return None
    dearest = max(rates.input for rates in card.prices.standard)
    return card.prices.fee_nano + nano_from_pico((len(body) + CALL_TOKENS) * dearest)


def _metered(answer: Answer) -> Usage | None:
    if answer.usage is None:
        return None
    usage = Usage(input_tokens=answer.usage.prompt_tokens)
    return usage if is_sound(usage) else None


def _checked(vector: Sequence[float]) -> Sequence[float]:
    """Raises ProviderBadResponse for what has no direction."""
    length = math.hypot(*vector)
    if not math.isfinite(length) or length == 0:
        raise ProviderBadResponse("An embedding must be one vector of finite numbers, not all of them zero.")
    return vector
