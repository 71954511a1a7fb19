"""How many tokens a prompt has: asked of the provider where it counts them, else estimated.

The estimate takes four bytes of the rendered request for a token, rounded up, and 1,500 tokens for each medium: of
English prose a tokeniser makes a token of four to five bytes, and of a large picture about 1,500.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from prxy.canonical.errors import KeyChanged, ProviderError
from prxy.canonical.loss import Loss
from prxy.canonical.parts import Inline, Wire
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import ChatResponse
from prxy.gateway import Gateway, Plan
from prxy.known_models import open_target
from prxy.money.bound import media_of
from prxy.money.payment import Payment, admit
from prxy.pipeline.base import Call, Step
from prxy.planning import Means, make_plan
from prxy.providers.base import Speaks, signed
from prxy.providers.calling import call_provider
from prxy.providers.errors import attributed, error_from_reply
from prxy.routing import Target, tongue
from prxy.store.records import Claim, Hold
from prxy.upstream import decode_object

BYTES_PER_TOKEN = 4
MEDIA_TOKENS = 1_500


class Counted(Struct, frozen=True, kw_only=True):
    call: Call
    target: Target
    losses: tuple[Loss, ...]
    tokens: int
    verbatim: bytes | None = None
    """The provider's own answer, where it is in the client's format."""
    hold: Hold | None = None
    """What admitted the call to its provider. None: the count is an estimate, and no provider was asked."""


class _Counter(Struct, frozen=True):
    speaks: Speaks
    """The wire, turned from answering to counting."""
    parse_count: Callable[[Wire], int]


async def count(call: Call, steps: Sequence[Step], gateway: Gateway, deadline_s: float) -> Counted:
    """Count the prompt of a call. `deadline_s`: seconds that are left for it. Raises GatewayError.

    Of the modules only the guards run: what they refuse reaches no provider, and what they rewrite is counted as such.
    """
    guarded = await gateway.pipelines.run_guards(steps).before(call)
    goes_out = not isinstance(guarded, ChatResponse)
    call = call if isinstance(guarded, ChatResponse) else guarded
    target = await open_target(call.request.model, call, gateway.providers, gateway.provider_keys)
    counter = _counter(target.provider.row.speaks, call.request.format) if goes_out else None
    plan = await _plan(call, target, counter, gateway, deadline_s)
    if counter is None:
        return Counted(call=call, target=target, losses=plan.losses, tokens=_estimate(plan.request, plan.http.body))
    return await _admitted(call, plan, counter, gateway)


def _counter(speaks: Sequence[Speaks], client_format: str) -> _Counter | None:
    """The provider's counter: the one of the client's own wire where there is one, else the first."""
    found = [
        _Counter(
            replace(
                each,
                path=each.count_path,
                render_request=counting.render_request,
                whole_up_to_tokens=None,
            ),
            counting.parse_count,
        )
        for each in speaks
        if each.count_path is not None and (counting := each.format.counting) is not None
    ]
    own = (each for each in found if each.speaks.wire == client_format)
    return next(own, found[0] if found else None)


async def _plan(call: Call, target: Target, counter: _Counter | None, gateway: Gateway, seconds: float) -> Plan:
    """What is counted, in the words of the target."""
    provider = target.provider.row
    card = gateway.catalog.card(provider.name, target.model)
    speaks = counter.speaks if counter else tongue(provider.speaks, call.request.format, card)
    return await make_plan(call, target, speaks, gateway, Means(seconds, None))


def _estimate(request: ChatRequest, body: bytes) -> int:
    """Names and punctuation of the body stand for what a vendor wraps around a prompt."""
    media = list(media_of(request))
    inline = (each.source for each in media)
    encoded = sum(len(source.data) for source in inline if isinstance(source, Inline) and not source.is_text)
    return -(-max(0, len(body) - encoded) // BYTES_PER_TOKEN) + MEDIA_TOKENS * len(media)


async def _admitted(call: Call, plan: Plan, counter: _Counter, gateway: Gateway) -> Counted:
    """Ask the provider under a hold of nothing: a count is free, but not for revoked keys nor beyond a rate."""
    try:
        payment = await _payment(call, plan, gateway)
    except KeyChanged:
        call = await gateway.renewed(call)
        payment = await _payment(call, plan, gateway)
    try:
        body = await _ask(call, plan, gateway)
        tokens = _parsed(body, plan, counter)
    finally:
        await payment.release()
        await payment.written()
    return Counted(
        call=call,
        target=plan.target,
        losses=plan.losses,
        tokens=tokens,
        verbatim=body if plan.format.name == call.request.format else None,
        hold=payment.hold,
    )


async def _payment(call: Call, plan: Plan, gateway: Gateway) -> Payment:
    claim = Claim(
        request_id=call.id,
        nonce=secrets.token_hex(8),
        amount_nano=0,
        now=call.now,
        limits=call.asked,
        shared=call.budgets,
    )
    return await admit(gateway.ledger, call.key, claim, plan.card)


async def _ask(call: Call, plan: Plan, gateway: Gateway) -> bytes:
    """The provider's answer. Raises what went wrong with it."""
    target = plan.target
    http = await signed(target.provider, plan.http, target.credential)
    reply = await call_provider(gateway.way_out(target.provider, call.egress), http)
    try:
        if reply.status >= 300:
            raise await error_from_reply(reply, target.provider.row.name, plan.format, target.credential)
        return await reply.read()
    finally:
        await reply.aclose()


def _parsed(body: bytes, plan: Plan, counter: _Counter) -> int:
    target = plan.target
    try:
        return counter.parse_count(decode_object(body))
    except ProviderError as error:
        raise attributed(error, target.provider.row.name, target.credential) from error
