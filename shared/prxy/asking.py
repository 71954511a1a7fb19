"""From a call to a provider's answer: the targets in their order, each planned, paid for and asked, until one answers.

Going on to the next target is possible as long as nothing of an answer was given. What a failed attempt may have cost
stays charged; the next one is paid for anew.
"""

from __future__ import annotations

import asyncio
import secrets
from itertools import count

from msgspec import structs

from prxy.canonical.errors import (
    CostLimitExceeded,
    GatewayError,
    InvalidRequest,
    KeyChanged,
    NotFound,
    NotPermitted,
    ProviderConnectionFailed,
    ProviderError,
    ProviderKeyUnavailable,
)
from prxy.canonical.events import StreamError
from prxy.gateway import Gateway, Plan
from prxy.known_models import open_target
from prxy.money.payment import Ending, Payment, admit, left_nano, worst_case
from prxy.pipeline.base import Call, Tried
from prxy.planning import Means, make_plan
from prxy.providers.base import signed
from prxy.providers.calling import Attempts, call_provider
from prxy.providers.errors import error_from_reply
from prxy.providers.transport import HttpRequest
from prxy.routing import Target, tongue
from prxy.store.records import NO_LIMITS, Claim, Limits, Use
from prxy.upstream import Batch, Source, read_reply

FITTINGS = 3
"""A limit of output is fitted to what a window holds, then to what is left of the budget that has the least, and once
more, since that one may have less left of its month than of its day.
"""


class Asking(Source):
    """One call on its way through its targets, and the answer of the one that gave it."""

    def __init__(self, call: Call, gateway: Gateway, seconds: float, *, rewrites: bool) -> None:
        """`rewrites`: whether anybody looks at the single events of the answer."""
        self.tried: list[Tried] = []
        self.call = call
        """Under the project that its key belonged to when it was admitted last."""
        self._gateway, self._rewrites = gateway, rewrites
        self._waiting = [*(call.targets or (call.request.model,))]
        self._attempts = Attempts(retries_left=0 if len(self._waiting) > 1 else 1)
        self._clock = asyncio.get_running_loop().time
        self._ends_at = self._clock() + seconds
        self._payments: list[Payment] = []
        self._claims = count()
        """Each has a hold of its own: where one was refused, a mark may keep its hold from landing later."""
        self._source: Source | None = None
        self._begun = False
        """Whether anything of an answer was given: then there is no turning to another target."""

    async def begin(self) -> None:
        """Get ready to ask the first target that can be asked.

        Raises what the first of them was refused for, and at once what would be the same for each of them.
        """
        refusal: GatewayError | None = None
        while self._waiting:
            try:
                self.plan, payment = await self._admitted(self._waiting.pop(0))
            except (CostLimitExceeded, InvalidRequest, NotFound, NotPermitted, ProviderKeyUnavailable) as error:
                refusal = refusal or error
            else:
                self._payments.append(payment)
                return
        assert refusal is not None
        raise refusal

    @property
    def payment(self) -> Payment:
        """Of the attempt that was begun last."""
        return self._payments[-1]

    @property
    def cost_nano(self) -> int | None:
        """Of all attempts; None while one is open, and where no price is known."""
        costs = [payment.cost_nano for payment in self._payments]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    @property
    def is_written(self) -> bool:
        """Whether the ledger has the end of every attempt already."""
        return all(payment.is_written for payment in self._payments)

    async def written(self) -> None:
        """Wait until the ledger has the end of every attempt."""
        for payment in self._payments:
            await payment.written()

    async def __anext__(self) -> Batch:
        """Raises what went wrong before the first batch, with the target asked last."""
        while True:
            try:
                if self._source is None:
                    self._source = await self._ask()
                batch = await self._source.__anext__()
            except GatewayError as error:
                if self._begun or not await self._next(error):
                    raise
                continue
            stillborn = batch[0] if not self._begun and batch else None
            if not isinstance(stillborn, StreamError) or not await self._next(stillborn.error):
                self._begun = True
                return batch

    async def aclose(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            await source.aclose()

    async def _next(self, error: GatewayError) -> bool:
        """Turn to the next target, where there is one and the error may be no other's."""
        if not self._waiting or not _may_go_on(error) or self._left_s() <= 0:
            return False
        await self.aclose()
        failed, tried = self.payment, Tried(target=self.plan.target.name, error=error)
        if failed.open:
            await failed.settle(None, Ending(error=error))
        try:
            await self.begin()
        except GatewayError:
            return False
        self.tried.append(tried)
        return True

    def _left_s(self) -> float:
        return self._ends_at - self._clock()

    async def _admitted(self, model: str) -> tuple[Plan, Payment]:
        try:
            return await self._fitted(model)
        except KeyChanged:
            self.call = await self._gateway.renewed(self.call)
            return await self._fitted(model)

    async def _fitted(self, model: str) -> tuple[Plan, Payment]:
        call, gateway = self.call, self._gateway
        target = await open_target(model, call, gateway.providers, gateway.provider_keys)
        asked = self._asked()
        means = Means(self._left_s(), call.limits.under(asked).least_nano)
        refusal: CostLimitExceeded | None = None
        for _ in range(FITTINGS):
            plan = await self._plan(target, means)
            amount = worst_case(plan.card, plan.request, plan.http.body, call.limits)
            if refusal is not None and means.nano_usd is not None and (amount or 0) > means.nano_usd:
                break
            try:
                return plan, await admit(
                    gateway.ledger, call.key, self._claim(amount, asked), plan.card, self._use(plan)
                )
            except CostLimitExceeded as error:
                refusal = error
                if plan.chosen_output_limit is None:
                    break
                means = means._replace(nano_usd=left_nano(error))
        assert refusal is not None
        raise refusal

    async def _plan(self, target: Target, means: Means) -> Plan:
        provider = target.provider.row
        card = self._gateway.catalog.card(provider.name, target.model)
        speaks = tongue(provider.speaks, self.call.request.format, card)
        return await make_plan(self.call, target, speaks, self._gateway, means)

    def _asked(self) -> Limits:
        """What modules ask for, and what earlier attempts have left of the limit of the one call that they make up."""
        limit = self.call.limits.per_request_nano
        if limit is None:
            return self.call.asked
        left = max(0, limit - sum(payment.cost_nano or 0 for payment in self._payments))
        return self.call.asked.under(structs.replace(NO_LIMITS, per_request_nano=left))

    def _claim(self, amount_nano: int | None, asked: Limits) -> Claim:
        call, at = self.call, next(self._claims)
        return Claim(
            request_id=f"{call.id}#{at}" if at else call.id,
            nonce=secrets.token_hex(8),
            amount_nano=amount_nano or 0,
            bounded=amount_nano is not None,
            now=call.now,
            limits=asked,
            shared=call.budgets,
            again=bool(self._payments),
        )

    def _use(self, plan: Plan) -> Use:
        """A call counts once, however many are asked for it."""
        call, target = self.call, plan.target
        return Use(
            request_id=call.id,
            provider=target.provider.row.name,
            model=target.model,
            asked=call.request.model,
            project=call.key.project,
            calls=0 if self._payments else 1,
        )

    async def _ask(self) -> Source:
        """Send the request. Raises what went wrong before the reply began."""
        plan, payment = self.plan, self.payment
        target = plan.target
        try:
            http = await signed(target.provider, self._in_its_share(plan.http), target.credential)
        except GatewayError as error:
            await payment.release(error)
            raise
        try:
            way_out = self._gateway.way_out(target.provider, self.call.egress)
            reply = await call_provider(way_out, http, self._attempts)
        except (ProviderConnectionFailed, NotPermitted) as error:
            await payment.release(error)
            raise
        if reply.status < 300:
            return read_reply(reply, plan.format, joins=not self._rewrites)
        try:
            refusal = await error_from_reply(reply, target.provider.row.name, plan.format, target.credential)
            await payment.release(refusal)
            raise refusal
        finally:
            await reply.aclose()

    def _in_its_share(self, http: HttpRequest) -> HttpRequest:
        """One that keeps silent leaves the same time to each of those that wait."""
        share_s = self._left_s() / (1 + len(self._waiting))
        if share_s >= http.deadlines.first_byte_s:
            return http
        return structs.replace(http, deadlines=structs.replace(http.deadlines, first_byte_s=share_s))


def _may_go_on(error: GatewayError) -> bool:
    """Whether another target may do better: this one was busy, broken or out of reach."""
    if isinstance(error, ProviderKeyUnavailable | NotPermitted):
        return True
    return isinstance(error, ProviderError) and (error.status == 429 or error.status >= 500)
