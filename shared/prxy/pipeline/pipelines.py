"""From specs to the modules of a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from prxy.canonical.errors import NotPermitted
from prxy.canonical.parts import Json
from prxy.pipeline.base import Module, OnFailure, Ports, Step
from prxy.pipeline.runner import Run
from prxy.pipeline.spec import invalid, parse_spec
from prxy.store.records import ApiKey


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

    def shaping(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """Those whose modules may change what is asked or answered."""
        return tuple(step for step in steps if (kind := self._modules.get(step.module)) is None or kind.shapes)

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
        return Run([self.build(step) for step in steps], self._ports.models)

    def run_guards(self, steps: Sequence[Step]) -> Run:
        """Only the modules that must see whatever goes to a provider."""
        guards = [module for step in steps if (module := self.build(step)).on_failure is OnFailure.REJECT]
        return Run(guards, self._ports.models)


def _nearest(name: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415  # for a misspelt name alone

    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean '{near[0]}'?" if near else f"; there are: {', '.join(sorted(known))}"
