"""Keep personal data, secrets, profanity and a caller's own patterns out of what is sent and what is answered."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, structs

from prxy.canonical.errors import GuardrailBlocked, InvalidRequest
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import EventFilter, part_text
from prxy.modules.guardrails.custom import MAX_PATTERN_CHARS, Pattern
from prxy.modules.guardrails.incoming import Incoming, counted
from prxy.modules.guardrails.output import OutputFilter
from prxy.modules.guardrails.placeholders import Numbered
from prxy.modules.guardrails.profanity import Profanity
from prxy.modules.guardrails.request import guarded_request
from prxy.modules.guardrails.rules import Action, Kind, Rule, rule_of, rules_of
from prxy.pipeline.base import Call, Module, ModuleOptions, OnFailure, Outcome, Ports
from prxy.pipeline.spec import invalid

MAX_PATTERNS = 50
_log = logging.getLogger(__name__)

PatternText = Annotated[str, Meta(min_length=1, max_length=MAX_PATTERN_CHARS)]


class CustomPattern(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pattern of the caller's own."""

    pattern: PatternText
    """In RE2's syntax; capitals make no difference unless it says `(?-i:…)`."""
    name: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_ -]{0,31}$")] | None = None
    """As it stands in placeholders, in errors and in the log."""
    action: Action = Action.BLOCK
    """redact, block or log-only."""


class Guardrails(Module):
    """Look at every text that goes to the provider, and at every text that comes back, streamed or not.

    Redacted matches become placeholders (`[REDACTED_EMAIL]`); blocked ones refuse the call, before the provider is
    asked or in the middle of its answer. What is only logged changes nothing.
    """

    name = "guardrails"
    on_failure = OnFailure.REJECT
    budget_s = 5.0

    class Options(ModuleOptions, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=lambda name: name):
        pii_redact: bool | tuple[Kind, ...] = False
        """Personal data to look for: true for all, or a list of email, ssn, card, phone, iban, ip, api_key."""
        on_pii: Action = Action.REDACT
        """What is done about it: redact, block or log-only."""
        reversible: bool = False
        """Number the placeholders of the request, and put the client's own texts back into the answer. They are kept
        for that one call only."""
        profanity_block: bool = False
        """Refuse English profanity."""
        custom_patterns: Annotated[tuple[PatternText | CustomPattern, ...], Meta(max_length=MAX_PATTERNS)] = ()
        """RE2 patterns, or `{pattern, name, action}`; the action is block unless it says redact or log-only."""
        moderation: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
        """A model that judges the texts of the request before they are sent."""

    def __init__(self, options: Options, ports: Ports) -> None:
        self._rules = rules_of([*_wanted(options)])
        self._numbered = Numbered() if options.reversible else None
        self._moderation, self._moderator = options.moderation, ports.moderator
        if self._moderation is not None and self._moderator is None:
            raise invalid("options of 'guardrails': moderation is not available here")

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

    def filter(self, call: Call) -> EventFilter | None:
        restores = self._numbered is not None and not self._numbered.is_empty
        return OutputFilter(self._rules, self._numbered) if self._rules.enforcing or restores else None

    async def after(self, call: Call, outcome: Outcome) -> None:
        if outcome.response is not None and self._rules.counting:
            texts = _texts(outcome.response)
            _report(call, "answer", sum((counted(self._rules.counting, text) for text in texts), Counter()))

    async def _moderate(self, guard: Incoming, call: Call) -> None:
        if self._moderator is None or self._moderation is None:
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
    for number, each in enumerate(options.custom_patterns, 1):
        custom = CustomPattern(pattern=each) if isinstance(each, str) else each
        yield custom.action, _custom_rule(custom, number)


def _custom_rule(custom: CustomPattern, number: int) -> Rule:
    name = custom.name or "custom"
    return Rule(
        label=re.sub(r"[^A-Z0-9]+", "_", name.upper()),
        described=f"what the pattern {custom.name or f'no. {number}'} stands for",
        code="guardrail_custom_block",
        detectors=(Pattern(custom.pattern),),
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
