"""The only loop over modules."""

from __future__ import annotations

import logging
import time
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from prxy.canonical.errors import GatewayError, InvalidRequest
from prxy.canonical.events import StreamEvent
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import EventFilter
from prxy.pipeline.base import Call, Models, Module, OnFailure, Outcome, Without
from prxy.pipeline.waiting import within

_log = logging.getLogger(__name__)

Made = TypeVar("Made")


class Entered(Struct):
    """A module that is asked about a call, and takes part in it unless it answers, refuses or breaks."""

    module: Module
    call: Call
    spent_s: float = 0.0


class Run:
    """The modules of one call, from the first `before` to the last `after`."""

    def __init__(self, modules: Sequence[Module], models: Models | None = None) -> None:
        self._modules, self._models = modules, models
        self._asked: list[Entered] = []
        self._entered: list[Entered] = []
        self._filters: list[EventFilter] = []
        self.answered_by = ""
        """Name of the module that answered in the provider's place."""
        self.skipped: list[str] = []
        """Names of modules that the model has no use for, or that broke."""

    async def before(self, call: Call) -> Call | ChatResponse:
        """Run the `before` hooks in order, until one answers or refuses."""
        for module in self._modules:
            if module.needs and not self._suits(module, call):
                continue
            entered = Entered(module, call)
            self._asked.append(entered)
            result = await self._guarded(entered, module.before(call), call)
            if isinstance(result, ChatResponse):
                self.answered_by = module.name
                return result
            if result is not None:
                call = entered.call = result
                self._enter(entered)
        return call

    def _suits(self, module: Module, call: Call) -> bool:
        """Whether the module runs for the model that the call goes to. Raises InvalidRequest where it must."""
        model = call.targets[0] if call.targets else call.request.model
        facts = self._models.facts(model, call) if self._models else None
        if facts is None or module.needs <= facts.abilities:
            return True
        if module.without is Without.BLOCK:
            raise InvalidRequest(
                f"The module '{module.name}' cannot do its work with '{facts.target}'; use another model, or leave the "
                "module out.",
                code="invalid_pipeline",
                param="x-prxy-pipe",
            )
        self.skipped.append(module.name)
        return module.without is Without.DEGRADE

    def _enter(self, entered: Entered) -> None:
        self._entered.append(entered)
        event_filter = entered.module.filter(entered.call)
        if event_filter is not None:
            self._filters.append(event_filter)

    @property
    def rewrites(self) -> bool:
        """Whether any module looks at the events on their way to the client."""
        return bool(self._filters)

    def filter(self, events: Iterable[StreamEvent]) -> Iterable[StreamEvent]:
        for event_filter in self._filters:
            events = [out for event in events for out in event_filter.feed(event)]
        return events

    async def after(self, outcome: Outcome) -> None:
        """Run the `after` hooks of the modules that were entered, last first."""
        for entered in reversed(self._entered):
            await self._guarded(entered, entered.module.after(entered.call, outcome), entered.call)

    @property
    def spent_s(self) -> dict[str, float]:
        """Seconds that each module took, by its name."""
        return {entered.module.name: entered.spent_s for entered in self._asked}

    async def _guarded(self, entered: Entered, hook: Coroutine[Any, Any, Made], call: Call) -> Made | None:
        """What a hook gives, within its time; None where it broke and the call goes on without it."""
        module, started = entered.module, time.perf_counter()
        try:
            return await within(module.budget_s, hook)
        except GatewayError as error:
            if module.on_failure is OnFailure.REJECT or error.status < 500:
                raise
            cause = error.code
        except TimeoutError as error:
            cause = "timeout"
            self._refuse(module, cause, call, error)
        except Exception as error:  # noqa: BLE001  # modules are anybody's code
            cause = type(error).__name__
            self._refuse(module, cause, call, error)
        finally:
            entered.spent_s += time.perf_counter() - started
        _log.warning("module_skipped", extra={"prxy_module": module.name, "cause": cause, "request_id": call.id})
        self.skipped.append(module.name)
        return None

    def _refuse(self, module: Module, cause: str, call: Call, error: Exception) -> None:
        """A guard that broke lets nothing through. Raises GatewayError."""
        if module.on_failure is OnFailure.REJECT:
            _log.error("guard_broke", extra={"prxy_module": module.name, "cause": cause, "request_id": call.id})
            raise GatewayError from error
