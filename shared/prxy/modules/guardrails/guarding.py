"""The work of the guardrails on one call."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import structs

from prxy.canonical.errors import GuardrailBlocked, InvalidRequest
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import EventFilter, part_text
from prxy.modules.guardrails.custom import Pattern, Patterns
from prxy.modules.guardrails.incoming import Incoming, counted
from prxy.modules.guardrails.kinds import Action, Kind
from prxy.modules.guardrails.output import OutputFilter
from prxy.modules.guardrails.placeholders import Numbered
from prxy.modules.guardrails.profanity import Profanity
from prxy.modules.guardrails.request import guarded_request
from prxy.modules.guardrails.rules import Rule, rule_of, rules_of
from prxy.modules.guardrails.scanning import searches
from prxy.pipeline.base import Call, Ports

if TYPE_CHECKING:
    from prxy.modules.guardrails import Guardrails

_log = logging.getLogger(__name__)


class Guarding:
    """`before`, then `filter`, then `count`."""

    def __init__(self, options: Guardrails.Options, ports: Ports) -> None:
        self._rules = rules_of([*_wanted(options)])
        self._numbered = Numbered() if options.reversible else None
        self._moderation, self._moderator = options.moderation, ports.moderator

    async def before(self, call: Call) -> Call:
        if self._rules.enforcing:
            _refuse_logprobs(call.request)
        guard = Incoming(self._rules, self._numbered)
        request = guarded_request(call.request, guard)
        _report(call, "request", guard.counts)
        await self._moderate(guard, call)
        if request is call.request:
            return call
        return structs.replace(call, request=request, private=call.private or self._numbered is not None)

    def filter(self) -> EventFilter | None:
        restores = self._numbered is not None and not self._numbered.is_empty
        return OutputFilter(self._rules, self._numbered) if self._rules.enforcing or restores else None

    def count(self, call: Call, answer: ChatResponse) -> None:
        """Tell what of an answer is only logged."""
        if self._rules.counting:
            wanted = searches(self._rules.counting)
            _report(call, "answer", sum((counted(wanted, text) for text in _texts(answer)), Counter()))

    async def _moderate(self, guard: Incoming, call: Call) -> None:
        if self._moderation is None or not guard.texts:
            return
        flagged = await self._moderator.flagged(guard.texts, self._moderation, call)
        if flagged:
            raise GuardrailBlocked(
                f"The request was judged to hold {', '.join(flagged)}, which this pipeline does not let through.",
                code="guardrail_custom_block",
            )


def _wanted(options: Guardrails.Options) -> Iterator[tuple[Action, Rule]]:
    wanted = options.pii_redact
    kinds = tuple(Kind) if wanted is True else wanted or ()
    for kind in dict.fromkeys(kinds):
        yield options.on_pii, rule_of(kind)
    if options.profanity_block:
        yield (
            Action.BLOCK,
            Rule(
                label="PROFANITY",
                described="profanity",
                code="guardrail_profanity_block",
                detectors=(Profanity(),),
            ),
        )
    patterns = Patterns()
    for number, each in enumerate(options.custom_patterns, 1):
        if isinstance(each, str):
            yield Action.BLOCK, _custom_rule(patterns.add(each), None, number)
        else:
            yield each.action, _custom_rule(patterns.add(each.pattern), each.name, number)


def _custom_rule(pattern: Pattern, name: str | None, number: int) -> Rule:
    return Rule(
        label=re.sub(r"[^A-Z0-9]+", "_", (name or "custom").upper()),
        described=f"what the pattern {name or f'no. {number}'} stands for",
        code="guardrail_custom_block",
        detectors=(pattern,),
        is_exact=True,
    )


def _refuse_logprobs(request: ChatRequest) -> None:
    """They tell the answer once more, token by token, where no pattern finds anything. Raises InvalidRequest."""
    asked = request.sampling
    included = request.extras.fields.get("include") if request.extras else None
    named = [name for name in included if isinstance(name, str)] if isinstance(included, list) else []
    if asked.logprobs or asked.top_logprobs or any("logprobs" in name for name in named):
        raise InvalidRequest(
            "'logprobs' repeat the answer token by token, which guardrails cannot look through; leave them out.",
            code="unsupported_parameter",
            param="logprobs",
        )


def _report(call: Call, where: str, counts: Counter[str]) -> None:
    for kind, count in sorted(counts.items()):
        told = {"request_id": call.id, "kind": kind, "count": count, "where": where}
        _log.info("guardrail_match", extra=told)


def _texts(response: ChatResponse) -> Iterator[str]:
    for choice in response.choices:
        for part in choice.parts:
            text = part_text(part)
            if text:
                yield text
