"""The only loop over modules."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from prxy.canonical.errors import GatewayError, NotPermitted
from prxy.canonical.events import StreamEvent
from prxy.canonical.parts import Json
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import EventFilter
from prxy.pipeline.base import Call, Module, OnFailure, Outcome, Ports, Step
from prxy.pipeline.spec import invalid, parse_spec
from prxy.store.records import ApiKey

_log = logging.getLogger(__name__)


class Pipelines:
    """Turns specs into modules, with the precedence header > key > environment > file > default."""

    def __init__(self, modules: Mapping[str, type[Module]], ports: Ports, configured: Json) -> None:
        self._modules, self._ports = modules, ports
        self.configured = parse_spec(configured)
        for step in self.configured:
            self.build(step)

    def steps(self, header: str | None, key: ApiKey) -> tuple[Step, ...]:
        """The steps of one call. A key's mandatory modules run whatever the header says.

        Raises InvalidRequest (invalid_pipeline) and NotPermitted (module_not_allowed).
        """
        own = parse_spec(key.pipeline) if key.pipeline is not None else self.configured
        chosen = own if header is None else parse_spec(header)
        self._permit(chosen if header is not None else (), key)
        mandatory = [step for step in own if step.module in key.mandatory]
        named = {step.module for step in mandatory}
        missing = [Step(module=name) for name in key.mandatory if name not in named]
        first = (*mandatory, *missing)
        return first + tuple(step for step in chosen if step.module not in key.mandatory)

    def _permit(self, steps: Sequence[Step], key: ApiKey) -> None:
        for step in steps:
            if key.modules is not None and step.module in self._modules and step.module not in key.modules:
                raise NotPermitted(
                    f"This key may not use the module '{step.module}'.", code="module_not_allowed", param="x-prxy-pipe"
                )

    def build(self, step: Step) -> Module:
        """The module of a step. Raises InvalidRequest (invalid_pipeline) for an unknown name or option."""
        kind = self._modules.get(step.module)
        if kind is None:
            raise invalid(f"there is no module '{step.module}'{_nearest(step.module, self._modules)}")
        try:
            options = msgspec.convert(step.config, kind.Options)
        except msgspec.ValidationError as error:
            words = ", ".join(field.encode_name for field in msgspec.structs.fields(kind.Options))
            raise invalid(f"options of '{step.module}': {error}; it takes: {words or 'none'}") from error
        return kind(options, self._ports)

    def check(self, key: ApiKey) -> None:
        """Build what a key asks for and throw it away. Raises InvalidRequest (invalid_pipeline)."""
        for step in self.steps(None, key):
            self.build(step)
        for name in key.modules or ():
            if name not in self._modules:
                raise invalid(f"there is no module '{name}'{_nearest(name, self._modules)}")

    def run(self, steps: Sequence[Step]) -> Run:
        return Run([self.build(step) for step in steps])

    def run_guards(self, steps: Sequence[Step]) -> Run:
        """Only the modules that must see whatever goes to a provider."""
        return Run([module for step in steps if (module := self.build(step)).on_failure is OnFailure.REJECT])


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean '{near[0]}'?" if near else f"; there are: {', '.join(sorted(known))}"


class Run:
    """The modules of one call, from the first `before` to the last `after`."""

    def __init__(self, modules: Sequence[Module]) -> None:
        self._modules = modules
        self._entered: list[tuple[Module, Call]] = []
        self._filters: list[EventFilter] = []
        self.answered_by = ""
        """Name of the module that answered in the provider's place."""

    async def before(self, call: Call) -> Call | ChatResponse:
        """Run the `before` hooks in order, until one answers or refuses."""
        for module in self._modules:
            try:
                result = await module.before(call)
            except GatewayError as error:
                _tolerate(module, error)
                continue
            if isinstance(result, ChatResponse):
                self.answered_by = module.name
                return result
            call = result
            self._enter(module, call)
        return call

    def _enter(self, module: Module, call: Call) -> None:
        self._entered.append((module, call))
        event_filter = module.filter(call)
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
        for module, call in reversed(self._entered):
            try:
                await module.after(call, outcome)
            except GatewayError as error:
                _tolerate(module, error)


def _tolerate(module: Module, error: GatewayError) -> None:
    """Go on without a broken convenience; a refusal, or a broken guard, ends the call."""
    if module.on_failure is OnFailure.REJECT or error.status < 500:
        raise error
    _log.warning("module skipped", extra={"prxy_module": module.name, "error_code": error.code})
