"""Calls to providers that modules make on behalf of a client's call: each is paid for in a hold of its own, and asked
once through the gateway's transports and with its keys.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from prxy.canonical.errors import InvalidRequest, NotPermitted, ProviderBadResponse, ProviderConnectionFailed
from prxy.canonical.response import Usage
from prxy.catalog import Catalog, ModelCard
from prxy.known_models import open_target
from prxy.money.bound import CALL_TOKENS
from prxy.money.payment import Payment, admit
from prxy.money.prices import nano_from_pico
from prxy.pipeline.base import Call
from prxy.providers.base import ConfiguredProvider, Speaks, build_request, signed
from prxy.providers.calling import Attempts, call_provider
from prxy.providers.egress import ConfinedTransport
from prxy.providers.errors import error_from_reply
from prxy.providers.transport import Deadlines, HttpRequest, Transport
from prxy.routing import Target
from prxy.store.ports import Ledger, ProviderKeys
from prxy.store.records import Claim, Use

TransportOf = Callable[[ConfiguredProvider], Transport]
Answer = TypeVar("Answer")


class Question(Struct, Generic[Answer], frozen=True, kw_only=True):
    purpose: str
    """Tells the hold from that of the call itself: one word."""
    model: str
    path: str
    """Below the provider's base URL."""
    body: Callable[[str], bytes]
    """Of the model's name at its provider."""
    decode: Callable[[bytes], Answer]
    """Raises msgspec.DecodeError."""
    usage: Callable[[Answer], Usage | None]
    """None: the provider did not say."""
    patience_s: float
    free: bool = False
    """The provider bills nothing for it."""


class SideCalls(Struct, frozen=True, kw_only=True):
    providers: Mapping[str, ConfiguredProvider]
    catalog: Catalog
    ledger: Ledger
    provider_keys: ProviderKeys
    transport_of: TransportOf
    deadlines: Deadlines

    async def ask(self, question: Question[Answer], call: Call) -> Answer:
        """Settled on every way out: what may have been billed without a word is charged in full.

        Raises GatewayError.
        """
        target = await open_target(question.model, call, self.providers, self.provider_keys)
        card = self.catalog.card(target.provider.row.name, target.model)
        http = self._request(question, target)
        most = 0 if question.free else _most_nano(card, http.body)
        use = Use(
            request_id=call.id,
            provider=target.provider.row.name,
            model=target.model,
            project=call.key.project,
            calls=0,
        )
        payment = await admit(self.ledger, call.key, _claim(question, call, most), card, use)
        try:
            answer = await self._asked(http, question, target, payment, call)
            await payment.settle(question.usage(answer))
            return answer
        finally:
            if payment.open:
                await payment.settle(None)
            await payment.written()

    def _request(self, question: Question[Answer], target: Target) -> HttpRequest:
        return build_request(
            target.provider,
            _speaks(target.provider, question.path),
            target.model,
            credential=target.credential,
            body=question.body(target.model),
            deadlines=self.deadlines.within(question.patience_s),
        )

    async def _asked(
        self, http: HttpRequest, question: Question[Answer], target: Target, payment: Payment, call: Call
    ) -> Answer:
        """Once, without a retry. Gives the hold back where the provider was not reached, or refused."""
        transport = self.transport_of(target.provider)
        way_out = transport if call.egress is None else ConfinedTransport(transport, call.egress)
        try:
            request = await signed(target.provider, http, target.credential)
            reply = await call_provider(way_out, request, Attempts(retries_left=0))
        except (ProviderConnectionFailed, NotPermitted) as refusal:
            await payment.release(refusal)
            raise
        try:
            if reply.status >= 300:
                wire = _speaks(target.provider, question.path).format
                error = await error_from_reply(reply, target.provider.row.name, wire, target.credential)
                await payment.release(error)
                raise error
            return question.decode(await reply.read())
        except msgspec.DecodeError as error:
            raise ProviderBadResponse(f"The provider's answer holds no {question.purpose}.") from error
        finally:
            await reply.aclose()


def _speaks(provider: ConfiguredProvider, path: str) -> Speaks:
    """Where it is asked, with the errors of its first wire."""
    return replace(provider.row.speaks[0], path=path, stream_path=None)


def _claim(question: Question[Answer], call: Call, most: int | None) -> Claim:
    """Raises InvalidRequest (model_price_unknown) where a USD limit meets an unknown price."""
    if most is None and call.limits.money:
        raise InvalidRequest(
            f"No price is known for '{question.model[:128]}', and this call is under a USD limit.",
            code="model_price_unknown",
        )
    return Claim(
        request_id=f"{call.id}#{question.purpose}",
        nonce=secrets.token_hex(8),
        amount_nano=most or 0,
        bounded=most is not None,
        now=call.now,
        limits=call.asked,
        shared=call.budgets,
        again=True,
    )


def _most_nano(card: ModelCard, body: bytes) -> int | None:
    """No tokeniser makes more tokens than there are bytes, and what comes back is not billed as output."""
    if card.prices is None:
        return None
    dearest = max(rates.input for rates in card.prices.standard)
    return card.prices.fee_nano + nano_from_pico((len(body) + CALL_TOKENS) * dearest)
