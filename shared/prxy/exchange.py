"""The life of a call, top to bottom. Read this first.

    claim -> before-hooks -> route -> adapt -> render -> reserve -> provider -> filters -> settle -> after-hooks -> end

`asking` goes from the route to the provider, for each target in turn; `reply` does the rest.

Streamed, buffered, cached and failed calls all pass here: a buffered answer is a fold of the same events.
"""

from __future__ import annotations

from collections.abc import Sequence

from prxy.asking import Asking
from prxy.canonical.errors import GatewayError
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import unfold
from prxy.gateway import Gateway
from prxy.idempotency import attempting
from prxy.money.prices import cost_nano
from prxy.pipeline.base import Call, Outcome, Step
from prxy.pipeline.runner import Run
from prxy.reply import Reply, Saved
from prxy.routing import locate
from prxy.upstream import Batch, Source


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
            reply = Reply(call, gateway.pipelines.run(()), gateway, _Replay(attempt.replayed))
        reply.attempt = attempt
        return reply


async def _begun(call: Call, run: Run, gateway: Gateway, deadline_s: float) -> Reply:
    """Ask the modules, and get ready to ask the provider unless one of them answers."""
    try:
        answer = await run.before(call)
        if isinstance(answer, ChatResponse):
            reply = Reply(call, run, gateway, _Replay(answer))
            reply.spared, reply.saved = _spared(call, answer, gateway)
            return reply
        return await _admitted(answer, run, gateway, deadline_s)
    except Exception as error:
        await run.after(Outcome(error=error if isinstance(error, GatewayError) else GatewayError()))
        raise


def _spared(call: Call, answer: ChatResponse, gateway: Gateway) -> tuple[str, Saved | None]:
    """Who need not be asked, and what that saves where it is known."""
    provider, model = locate(call.request.model, gateway.providers)
    spared, usage = f"{provider.row.name}/{model}", answer.usage
    if usage is None:
        return spared, None
    card = gateway.catalog.card(provider.row.name, model)
    return spared, Saved(usage.input_tokens + usage.output_tokens, cost_nano(card, usage))


class _Replay(Source):
    """An answer that is there already, in one batch."""

    def __init__(self, answer: ChatResponse) -> None:
        self._left = [tuple(unfold(answer))]

    async def __anext__(self) -> Batch:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()

    async def aclose(self) -> None:
        self._left.clear()


async def _admitted(call: Call, run: Run, gateway: Gateway, seconds: float) -> Reply:
    """A call that goes to a provider, planned and paid for."""
    asking = Asking(call, gateway, seconds, rewrites=run.rewrites)
    await asking.begin()
    return Reply(call, run, gateway, asking)
