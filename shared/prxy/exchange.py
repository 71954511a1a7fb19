"""The life of a call, top to bottom. Read this first.

    claim -> before-hooks -> route -> adapt -> render -> reserve -> provider -> filters -> settle -> after-hooks -> end

Streamed, buffered, cached and failed calls all pass here: a buffered answer is a fold of the same events.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Sequence

from msgspec import structs

from prxy.adaptation import adapt
from prxy.canonical.errors import GatewayError, ProviderConnectionFailed
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import unfold
from prxy.formats.base import encode_json
from prxy.gateway import Gateway, Plan
from prxy.idempotency import attempting
from prxy.money.payment import Payment, affordable, worst_case
from prxy.pipeline.base import Call, Outcome, Step
from prxy.pipeline.runner import Run
from prxy.providers.base import Speaks, build_request, signed
from prxy.providers.calling import call_provider
from prxy.providers.errors import error_from_reply
from prxy.recall import recall
from prxy.reply import Admitted, Reply
from prxy.routing import Target, route, tongue
from prxy.store.records import Claim
from prxy.upstream import Batch, read_stream, read_whole


async def exchange(call: Call, steps: Sequence[Step], gateway: Gateway, deadline_s: float) -> Reply:
    """Admit a call and say who will answer it; the answer itself comes from `Reply.batches`.

    `deadline_s`: seconds that are left for the whole call. Raises GatewayError for everything that is refused before a
    provider is reached.
    """
    run = gateway.pipelines.run(steps)
    if call.once is None:
        return await _begun(call, run, gateway, deadline_s)
    async with attempting(gateway.idempotency, call.once, deadline_s) as attempt:
        if attempt.replayed is None:
            reply = await _begun(call, run, gateway, deadline_s)
        else:
            reply = Reply(call, gateway.pipelines.run(()), gateway, _replay(attempt.replayed))
        reply.attempt = attempt
        return reply


async def _begun(call: Call, run: Run, gateway: Gateway, deadline_s: float) -> Reply:
    """Ask the modules, and get ready to ask the provider unless one of them answers."""
    try:
        answer = await run.before(call)
        if isinstance(answer, ChatResponse):
            return Reply(call, run, gateway, _replay(answer))
        return await _admitted(answer, run, gateway, deadline_s)
    except GatewayError as error:
        await run.after(Outcome(error=error))
        raise


async def _replay(answer: ChatResponse) -> AsyncGenerator[Batch, None]:
    yield tuple(unfold(answer))


async def _admitted(call: Call, run: Run, gateway: Gateway, deadline_s: float) -> Reply:
    """Route, adapt, render and pay for a call that goes to a provider."""
    target = route(call.request.model, gateway.providers, call.provider_key)
    plan = await _plan(call, target, gateway, deadline_s)
    claim = Claim(
        request_id=call.id,
        nonce=secrets.token_hex(8),
        amount_nano=worst_case(plan.card, plan.request, plan.http.body, call.limits),
        limits=call.limits,
        now=call.now,
    )
    payment = Payment(gateway.ledger, await gateway.ledger.reserve(call.key, claim), plan.card)
    return Reply(call, run, gateway, _ask(plan, payment, gateway), Admitted(plan, payment))


async def _plan(call: Call, target: Target, gateway: Gateway, deadline_s: float) -> Plan:
    """What will be sent, in the words of the target."""
    card = gateway.catalog.card(target.provider.row.name, target.model)
    speaks = tongue(target.provider.row.speaks, call.request.format, card)
    adapted = adapt(
        structs.replace(call.request, model=target.model), card, speaks.format.name, speaks.format.tool_names
    )
    request = _streamed_if_long(affordable(adapted.request, card, call.limits), speaks)
    if speaks.signs and request.format != speaks.format.name:
        request = await recall(request, call.key.tenant, gateway.memory)
    rendered = speaks.format.render_request(request)
    http = build_request(
        target.provider,
        speaks,
        target.model,
        credential=target.credential,
        stream=request.stream,
        headers=rendered.headers,
        body=encode_json(rendered.body),
        deadlines=gateway.deadlines.within(deadline_s),
    )
    return Plan(
        target=target,
        card=card,
        format=speaks.format,
        request=request,
        losses=adapted.losses + rendered.losses,
        filter=adapted.filter,
        http=await signed(target.provider, http, target.credential),
        chosen_output_limit=_chosen_limit(call, request),
    )


def _streamed_if_long(request: ChatRequest, speaks: Speaks) -> ChatRequest:
    """An answer that may take longer than a provider keeps a silent connection is streamed here and assembled."""
    limit, most = request.sampling.max_output_tokens, speaks.whole_up_to_tokens
    return structs.replace(request, stream=request.stream or bool(most and limit and limit > most))


def _chosen_limit(call: Call, sent: ChatRequest) -> int | None:
    """The output limit that goes to the provider, where it is not the client's own."""
    limit = sent.sampling.max_output_tokens
    return limit if limit != call.request.sampling.max_output_tokens else None


async def _ask(plan: Plan, payment: Payment, gateway: Gateway) -> AsyncGenerator[Batch, None]:
    """Send the request and give the events of the reply. Raises what went wrong before the reply began."""
    provider = plan.target.provider
    try:
        reply = await call_provider(gateway.transport_of(provider), plan.http)
    except ProviderConnectionFailed:
        await payment.release()
        raise
    try:
        if reply.status >= 300:
            error = await error_from_reply(reply, provider.row.name, plan.format, plan.target.credential)
            await payment.release()
            raise error
        streamed = plan.format.framing.media_type in reply.headers.get("content-type", "").lower()
        async for batch in read_stream(reply, plan.format) if streamed else read_whole(reply, plan.format):
            yield batch
    finally:
        await reply.aclose()
