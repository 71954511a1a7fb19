"""What one call is charged: admitted against the worst case, settled to the truth, exactly once."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from msgspec import structs

from prxy.canonical.errors import CostLimitExceeded, InvalidRequest, StoreUnavailable
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import Usage
from prxy.catalog import ModelCard
from prxy.money.bound import bound_nano, fit_output_cap
from prxy.money.prices import cost_nano
from prxy.money.usd import nano_from_usd
from prxy.store.ports import Ledger
from prxy.store.records import ApiKey, Claim, Hold, Limits

SETTLE_HOLDS_S = 1.0
"""How long the terminal event may wait for the ledger; the write itself goes on behind it."""


class Payment:
    """An admitted call. Ends in `settle` or `release`, whichever comes first; a second ending changes nothing."""

    def __init__(self, ledger: Ledger, hold: Hold, card: ModelCard) -> None:
        self.hold = hold
        self.cost_nano: int | None = None
        """What the call did cost; None while it is open, and where no price is known."""
        self._ledger, self._card = ledger, card
        self._writing: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        return self._writing is None

    async def settle(self, usage: Usage | None) -> None:
        """Charge what was used; None: the outcome is unknown and the whole hold is charged. Waits 1 s at the most.

        A hold of nothing bounds no cost: where nothing is known besides, the cost is unknown.
        """
        if self._card.prices is None:
            await self._end(0, None)
        elif usage is None:
            await self._end(None, self.hold.amount_nano or None)
        else:
            cost = cost_nano(self._card, usage)
            await self._end(cost, cost)

    async def release(self) -> None:
        """Give the whole hold back: the provider was not reached, or refused."""
        await self._end(0, 0)

    async def _end(self, actual_nano: int | None, cost_nano: int | None) -> None:
        if self._writing is None:
            self.cost_nano = cost_nano
            self._writing = asyncio.ensure_future(self._write(actual_nano))
        await asyncio.wait({self._writing}, timeout=SETTLE_HOLDS_S)

    async def _write(self, actual_nano: int | None) -> None:
        """Where that fails, the ledger has logged it, and forfeits the hold later: the client has its answer."""
        with suppress(StoreUnavailable):
            await self._ledger.settle(self.hold, actual_nano)

    async def written(self) -> None:
        """Wait until the ledger has the end of this call, however long its retries take."""
        if self._writing is not None:
            await self._writing


async def admit(ledger: Ledger, key: ApiKey, claim: Claim, card: ModelCard) -> Payment:
    """Hold the amount. Given up while the store is asked, the hold goes back: nobody would ever settle it.

    Raises as `Ledger.reserve` does.
    """
    holding = asyncio.ensure_future(ledger.reserve(key, claim))
    try:
        return Payment(ledger, await asyncio.shield(holding), card)
    except asyncio.CancelledError:
        payment = Payment(ledger, await holding, card)
        await payment.release()
        await payment.written()
        raise


def left_nano(refusal: CostLimitExceeded) -> int:
    """What the limit that refused a call has left for it."""
    return nano_from_usd(refusal.details["limit"]) - nano_from_usd(refusal.details["spent"])


def worst_case(card: ModelCard, request: ChatRequest, body: bytes, limits: Limits) -> int:
    """The most that the provider may bill for the body, in nano-USD; 0 where no price is known and none is needed.

    Raises InvalidRequest (model_price_unknown, cost_unbounded) where a USD limit meets a cost without an upper bound.
    """
    bound = bound_nano(card, request, body)
    if bound is None and limits.money:
        raise _unpriced(card, request.model[:128])
    return bound or 0


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
