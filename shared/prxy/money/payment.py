"""What one call is charged: admitted against the worst case, settled to the truth, exactly once."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from msgspec import Struct, structs

from prxy.canonical.errors import CostLimitExceeded, GatewayError, InvalidRequest, StoreUnavailable
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import Usage
from prxy.catalog import ModelCard
from prxy.money.bound import bound_nano, fit_output_cap
from prxy.money.prices import cost_nano
from prxy.money.usd import nano_from_usd
from prxy.store.ports import Ledger
from prxy.store.records import ApiKey, Claim, Hold, Limits, Tokens, Use

SETTLE_HOLDS_S = 1.0
"""How long the terminal event may wait for the ledger; the write itself goes on behind it."""


MAX_NAME_CHARS = 128
"""Of a model's name in a record of use: every byte of it is in both writes of the next call."""


MAX_MODULES = 8
"""Named in a record of use, for the same reason."""


class Ending(Struct, frozen=True, kw_only=True):
    """What became of the call that is paid."""

    error: GatewayError | None = None
    answered: str | None = None
    """The model, as the provider reports it."""
    admitted_s: float | None = None
    first_byte_s: float | None = None
    modules: tuple[str, ...] = ()


WELL = Ending()


class Payment:
    """An admitted call. Ends in `settle` or `release`, whichever comes first; a second ending changes nothing."""

    def __init__(self, ledger: Ledger, hold: Hold, card: ModelCard, use: Use | None = None) -> None:
        self.hold = hold
        self.cost_nano: int | None = None
        """What the call did cost; None while it is open, and where no price is known."""
        self._ledger, self._card, self._use = ledger, card, use
        self._began_at = time.monotonic()
        self._writing: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        return self._writing is None

    async def settle(self, usage: Usage | None, ending: Ending = WELL) -> None:
        """Charge what was used; None: the outcome is unknown and the whole hold is charged. Waits 1 s at the most.

        A hold of nothing bounds no cost: where nothing is known besides, the cost is unknown.
        """
        if self._card.prices is None:
            await self._end(0, None, self._used(ending, usage))
        elif usage is None:
            await self._end(None, self.hold.amount_nano or None, self._used(ending, None))
        else:
            cost = cost_nano(self._card, usage)
            await self._end(cost, cost, self._used(ending, usage))

    async def release(self, error: GatewayError | None = None) -> None:
        """Give the whole hold back: the provider was not reached, or refused."""
        await self._end(0, 0, self._used(Ending(error=error), None))

    def _used(self, ending: Ending, usage: Usage | None) -> Use | None:
        return None if self._use is None else _ended(self._use, ending, usage, time.monotonic() - self._began_at)

    async def _end(self, actual_nano: int | None, cost_nano: int | None, use: Use | None) -> None:
        if self._writing is None:
            self.cost_nano = cost_nano
            if use is not None:
                use = structs.replace(use, unpriced=cost_nano is None)
            self._writing = asyncio.ensure_future(self._write(actual_nano, use))
        await _patiently(self._writing, SETTLE_HOLDS_S)

    async def _write(self, actual_nano: int | None, use: Use | None) -> None:
        """Where that fails, the ledger has logged it, and forfeits the hold later: the client has its answer."""
        with suppress(StoreUnavailable):
            await self._ledger.settle(self.hold, actual_nano, use)

    @property
    def is_written(self) -> bool:
        task = self._writing
        return task is None or (task.done() and not task.cancelled() and task.exception() is None)

    async def written(self) -> None:
        """Wait until the ledger has the end of this call, however long its retries take."""
        if self._writing is not None:
            await self._writing


async def _patiently(task: asyncio.Task[None], seconds: float) -> None:
    """Wait until it is done, that long at the most; it goes on whatever becomes of the wait.

    `asyncio.wait` does the same, for any number of tasks and at three times the cost.
    """
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    task.add_done_callback(lambda _: _release(over))
    patience = loop.call_later(seconds, _release, over)
    try:
        await over
    finally:
        patience.cancel()


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _ended(use: Use, ending: Ending, usage: Usage | None, lasted_s: float) -> Use:
    error = ending.error
    return structs.replace(
        use,
        asked=other_name(use.asked, use.model, f"{use.provider}/{use.model}"),
        answered=other_name(ending.answered, use.model),
        model=use.model[:MAX_NAME_CHARS],
        status=error.status if error else 200,
        error=error.code if error else None,
        tokens=_tokens(usage) if usage else Tokens(),
        admitted_ms=milliseconds(ending.admitted_s),
        first_byte_ms=milliseconds(ending.first_byte_s),
        lasted_ms=round(lasted_s * 1000),
        modules=ending.modules[:MAX_MODULES],
    )


def other_name(name: str | None, *known: str) -> str | None:
    """Nothing where it says no more."""
    return None if name is None or name in known else name[:MAX_NAME_CHARS]


def milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _tokens(usage: Usage) -> Tokens:
    return Tokens(
        input=usage.input_tokens,
        cached_input=usage.cached_input_tokens or 0,
        cache_write=usage.cache_write_tokens or 0,
        output=usage.output_tokens,
        reasoning=usage.reasoning_tokens or 0,
    )


async def admit(ledger: Ledger, key: ApiKey, claim: Claim, card: ModelCard, use: Use | None = None) -> Payment:
    """Hold the amount. Given up while the store is asked, the hold goes back: nobody would ever settle it. A reserve
    that was broken off would leave a tombstone, which takes a place among the calls of the key for two minutes.

    `use` is what will be remembered of the attempt; None: nothing, it uses no model.
    Raises as `Ledger.reserve` does.
    """
    holding = asyncio.ensure_future(ledger.reserve(key, claim))
    try:
        return Payment(ledger, await asyncio.shield(holding), card, use)
    except asyncio.CancelledError:
        payment = Payment(ledger, await holding, card)
        await payment.release()
        await payment.written()
        raise


def left_nano(refusal: CostLimitExceeded) -> int:
    """What the limit that refused a call has left for it."""
    return nano_from_usd(refusal.details["limit"]) - nano_from_usd(refusal.details["spent"])


def worst_case(card: ModelCard, request: ChatRequest, body: bytes, limits: Limits) -> int | None:
    """The most that the provider may bill for the body, in nano-USD; None where nobody knows and no limit asks.

    Raises InvalidRequest (model_price_unknown, cost_unbounded) where a USD limit meets a cost without an upper bound.
    """
    bound = bound_nano(card, request, body)
    if bound is None and limits.money:
        raise _unpriced(card, request.model[:128])
    return bound


def _unpriced(card: ModelCard, model: str) -> InvalidRequest:
    if card.prices is None:
        return InvalidRequest(
            f"No price is known for '{model}', and this call is under a USD limit. Use a model with a known price.",
            code="model_price_unknown",
            param="model",
        )
    return InvalidRequest(
        f"What '{model}' may cost for this request has no upper bound, and this call is under a USD limit. "
        "Set max_tokens, send media inline, and leave out tools that the provider runs.",
        code="cost_unbounded",
    )


def affordable(request: ChatRequest, card: ModelCard, available_nano: int | None) -> ChatRequest:
    """Cap the output under a USD limit where the client did not: the model's maximum, or what the amount affords."""
    if available_nano is None or request.sampling.max_output_tokens is not None:
        return request
    cap = fit_output_cap(card, request, available_nano)
    if cap is None:
        return request
    return structs.replace(request, sampling=structs.replace(request.sampling, max_output_tokens=cap))
