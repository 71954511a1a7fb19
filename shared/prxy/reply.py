"""What a call gives back: batches of events on their way to the client, and what follows from their end.

The batch with the terminal event is held until the call is settled, so whoever saw the end sees its budget settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

from msgspec import Struct, structs

from prxy.asking import Asking
from prxy.canonical.errors import GatewayError, ProviderError, ProviderStreamInterrupted
from prxy.canonical.events import StreamEnd, StreamError, StreamEvent, StreamStart
from prxy.canonical.response import ChatResponse, Usage
from prxy.canonical.stream import Fold
from prxy.gateway import Gateway, Plan
from prxy.idempotency import Attempt
from prxy.money.meter import Meter
from prxy.money.payment import Ending, Payment
from prxy.pipeline.base import Call, Outcome
from prxy.pipeline.runner import Run
from prxy.providers.errors import attributed
from prxy.recall import remember
from prxy.routing import locate
from prxy.upstream import Batch, Source


class Saved(Struct, frozen=True):
    """What the provider would have charged for an answer that a module gave."""

    tokens: int
    cost_nano: int | None
    """None where no price is known."""


class Reply:
    """One answer. `batches` may be asked once; the other members are complete when it has ended."""

    def __init__(self, call: Call, run: Run, gateway: Gateway, source: Source) -> None:
        self.asking = source if isinstance(source, Asking) else None
        """How its provider is asked, None where none is."""
        self._call = call
        self.cached_by = run.answered_by
        """Name of the module that answered in the provider's place."""
        self.model = self.plan.target.model if self.plan else call.request.model
        """What answers, as the provider reports it once it has begun."""
        self._answered: str | None = None
        """The same, None until then."""
        self.saved: Saved | None = None
        """What a module's answer spared, None where a provider was asked."""
        self.spared: str | None = None
        """Who would have been asked in its place, as `provider/model`."""
        self.attempt: Attempt | None = None
        """What is told of the end of a call under an Idempotency-Key."""
        self._run, self._gateway, self._source = run, gateway, source
        self._fold, self._meter = Fold(), Meter()
        self._clock = asyncio.get_running_loop().time
        self._began_at = self._clock()
        self.first_byte_s: float | None = None
        self.response: ChatResponse | None = None
        """The whole answer, from when it was settled."""
        self.error: GatewayError | None = None
        self._concluded = self._ended = False

    @property
    def call(self) -> Call:
        return self.asking.call if self.asking else self._call

    @property
    def plan(self) -> Plan | None:
        """What is sent, or was sent last."""
        return self.asking.plan if self.asking else None

    @property
    def _asked(self) -> str:
        """The model that was asked last."""
        return self.plan.target.model if self.plan else self.model

    @property
    def payment(self) -> Payment | None:
        return self.asking.payment if self.asking else None

    @property
    def skipped_modules(self) -> Sequence[str]:
        """Names of modules that did not do their work for this call."""
        return self._run.skipped

    @property
    def modules_s(self) -> Mapping[str, float]:
        """Seconds that each module took."""
        return self._run.spent_s

    @property
    def finish(self) -> tuple[str, ...]:
        """Why each choice ended; nothing where the answer is not whole."""
        return () if self.response is None else tuple(each.finish.reason.value for each in self.response.choices)

    @property
    def usage(self) -> Usage | None:
        """What the provider reported for the whole answer; None where none was asked, or it did not."""
        return self._meter.usage if self.asking else None

    @property
    def replayed(self) -> bool:
        """Whether this is what an earlier call under the same Idempotency-Key was answered."""
        return self.attempt is not None and self.attempt.replayed is not None

    @property
    def verbatim(self) -> bool:
        """Whether the provider's own frames may be given to the client as they stand."""
        return self.plan is not None and self.plan.passes_frames and not self._run.rewrites

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """The events for the client, ending in StreamEnd or StreamError. Raises only before the first batch."""
        try:
            async for batch in self._source:
                if self.first_byte_s is None:
                    self.first_byte_s = self._clock() - self._began_at
                events = [self._observed(event) for event in await self._passed(batch)]
                if self._fold.complete or self.error:
                    await self._conclude()
                yield events
        except GatewayError as error:
            self.error = error
            raise
        finally:
            await self._source.aclose()
            if not self._concluded:
                await asyncio.shield(self._conclude())
            if self.asking and not self.asking.is_written:
                await asyncio.shield(self.asking.written())
            if self.attempt:
                await asyncio.shield(self.attempt.written())

    async def _passed(self, batch: Batch) -> Iterable[StreamEvent]:
        """What the filters make of a batch. Where one refuses, or breaks, the answer is read to its end: it is paid."""
        if self.asking:
            self._meter_all(batch)
        plan = self.plan
        emulated = plan.filter if plan else None
        events = batch if emulated is None else [out for event in batch for out in emulated.feed(event)]
        try:
            return self._run.filter(events)
        except Exception:
            async for rest in self._source:
                self._meter_all(rest)
            raise

    def _meter_all(self, batch: Batch) -> None:
        meter = self._meter.add
        for event in batch:
            meter(event)
            if type(event) is StreamEnd:
                self._ended = True

    def _observed(self, event: StreamEvent) -> StreamEvent:
        """Note what the event tells of the answer; give it the id, the model and the time that it lacks."""
        if type(event) is StreamError:
            self.error = self._attributed(event.error)
            return StreamError(error=self.error)
        if type(event) is StreamStart:
            event = self._completed(event)
            self.model = self._answered = event.model
        self._fold.add(event)
        return event

    def _completed(self, start: StreamStart) -> StreamStart:
        created_at = start.created_at or int(self._gateway.clock())
        return structs.replace(
            start, id=start.id or self.call.id, model=start.model or self._asked, created_at=created_at
        )

    def _attributed(self, error: GatewayError) -> GatewayError:
        if self.plan is None or not isinstance(error, ProviderError):
            return error
        target = self.plan.target
        return attributed(error, target.provider.row.name, target.credential)

    async def _conclude(self) -> None:
        """Bring everything to its end; the retries of the client come last. Runs once, on every way out."""
        self._concluded = True
        response = None
        try:
            response = await self._settled()
        finally:
            if self.attempt:
                await self.attempt.end(response)

    async def _settled(self) -> ChatResponse | None:
        """Settle, keep what must come back, run the after-hooks. The whole answer, None where there is none."""
        whole = self._fold.complete and self.error is None
        error = None if whole else self.error or ProviderStreamInterrupted("The call was given up before its end.")
        if self.payment:
            metered = whole or self._ended or self._fold.billable
            await self.payment.settle(self._meter.usage if metered else None, self._ending(error))
        if error is not None:
            await self._run.after(self._outcome(None, error))
            return None
        self.response = response = self._answer()
        if self.plan and response.format != self.call.request.format:
            await remember(response, self.call.key.tenant, self._gateway.memory)
        await self._run.after(self._outcome(response, None))
        return response

    def _answer(self) -> ChatResponse:
        """The whole of it, with the usage that it is charged by: an earlier report would be told in its place."""
        response = self._fold.response
        return response if self.asking is None else structs.replace(response, usage=self._meter.usage)

    def _ending(self, error: GatewayError | None) -> Ending:
        arrived_at = self.call.arrived_at
        return Ending(
            error=error,
            answered=self._answered,
            admitted_s=None if arrived_at is None else self._began_at - arrived_at,
            first_byte_s=self.first_byte_s,
            modules=tuple(self._run.spent_s),
        )

    def _outcome(self, response: ChatResponse | None, error: GatewayError | None) -> Outcome:
        asking = self.asking
        return Outcome(
            response=response,
            error=error,
            cached=bool(self.cached_by),
            target=asking.plan.target.name if asking else None,
            tried=tuple(asking.tried) if asking else (),
            first_byte_s=self.first_byte_s,
            cost_nano=asking.cost_nano if asking else 0,
            own_model=self._is_own_model,
            private=self.call.private,
        )

    @property
    def _is_own_model(self) -> bool:
        if self.plan is None:
            return True
        provider, model = locate(self.call.request.model, self._gateway.providers)
        return self.plan.target.name == f"{provider.row.name}/{model}"
