"""Keep personal data, secrets, profanity and a caller's own patterns out of what is sent and what is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from prxy.canonical.stream import EventFilter
from prxy.modules.guardrails.kinds import Action, Kind
from prxy.pipeline.base import Call, Module, ModuleOptions, OnFailure, Outcome, Ports

if TYPE_CHECKING:
    from prxy.modules.guardrails.guarding import Guarding

MAX_PATTERNS = 50
MAX_PATTERN_CHARS = 1_000

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

    Nothing hides behind characters that show nothing (zero-width ones, soft hyphens, marks of direction): every rule,
    custom patterns too, reads the text without them. Custom patterns read it as it is written as well, so that they may
    name such characters. For personal data and profanity, spaces of any width, dashes and full-width characters count
    as plain ones; custom patterns read them as they are written. Neighbouring texts of one message, and of one tool
    result, are also read as one: of a match that reaches over several, each gets a placeholder for its share. Different
    messages, and the parts of an answer, are each read by themselves.
    """

    name = "guardrails"
    on_failure = OnFailure.REJECT
    budget_s = 12.0

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
        """RE2 patterns, or `{pattern, name, action}`; the action is block unless it says redact or log-only. A pattern
        may compile to 300 instructions, all of them together to 1,500."""
        moderation: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
        """A model that judges the texts of the request before they are sent."""

    def __init__(self, options: Options, ports: Ports) -> None:
        from prxy.modules.guardrails.guarding import Guarding  # noqa: PLC0415  # 20 ms of regular expressions

        self._guarding: Guarding = Guarding(options, ports)

    async def before(self, call: Call) -> Call:
        return await self._guarding.before(call)

    def filter(self, call: Call) -> EventFilter | None:
        return self._guarding.filter()

    async def after(self, call: Call, outcome: Outcome) -> None:
        if outcome.response is not None:
            self._guarding.count(call, outcome.response)
