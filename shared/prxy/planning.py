"""What one request to one provider will say: adapted to the model, fitted to the money, rendered in its words."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import structs

from prxy.adaptation import adapt
from prxy.canonical.request import ChatRequest
from prxy.formats.base import encode_json
from prxy.gateway import Gateway, Plan
from prxy.money.payment import affordable
from prxy.pipeline.base import Call
from prxy.providers.base import Speaks, build_request
from prxy.recall import recall
from prxy.routing import Target


class Means(NamedTuple):
    """What a call may still use up."""

    seconds: float
    nano_usd: int | None
    """None: nothing is to be fitted to money."""


async def make_plan(call: Call, target: Target, speaks: Speaks, gateway: Gateway, means: Means) -> Plan:
    """The request as the target understands it, not yet signed. Raises GatewayError for what it cannot be told."""
    card = gateway.catalog.card(target.provider.row.name, target.model)
    asked, wire = structs.replace(call.request, model=target.model), speaks.format
    adapted = adapt(asked, card, wire.name, wire.tool_names)
    request = _streamed_if_long(affordable(adapted.request, card, means.nano_usd), speaks)
    if speaks.signs and request.format != wire.name:
        request = await recall(request, call.key.tenant, gateway.memory)
    rendered = wire.render_request(request)
    http = build_request(
        target.provider,
        speaks,
        target.model,
        credential=target.credential,
        stream=request.stream,
        headers=rendered.headers,
        body=encode_json(rendered.body),
        deadlines=gateway.deadlines.within(means.seconds),
    )
    return Plan(
        target=target,
        card=card,
        format=wire,
        request=request,
        losses=adapted.losses + rendered.losses,
        filter=adapted.filter,
        http=http,
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
