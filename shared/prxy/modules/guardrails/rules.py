"""What a pipeline's options make of detectors: what to look for, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from prxy.modules.guardrails.contacts import Email, IpAddress, Phone
from prxy.modules.guardrails.detector import Detector
from prxy.modules.guardrails.keys import ApiKey, PrivateKey
from prxy.modules.guardrails.numbers import Card, Iban, Ssn


class Kind(StrEnum):
    """Personal data and secrets that are recognised."""

    EMAIL = "email"
    SSN = "ssn"
    """US social security number."""
    CARD = "card"
    PHONE = "phone"
    IBAN = "iban"
    IP = "ip"
    API_KEY = "api_key"


class Action(StrEnum):
    """What is done about a match."""

    REDACT = "redact"
    """A placeholder takes its place."""
    BLOCK = "block"
    """The call is refused, or its answer ends in an error."""
    LOG_ONLY = "log-only"
    """It is counted, and goes on as it is."""


class Rule(Struct, frozen=True, kw_only=True):
    label: str
    """As it stands in placeholders and in the log: EMAIL."""
    described: str
    """As it stands in an error: an e-mail address."""
    code: str
    """Of the error where it blocks."""
    detectors: tuple[Detector, ...]


class Rules(Struct, frozen=True, kw_only=True):
    """The same text is looked at for each of the three: what is replaced hides nothing from what blocks."""

    blocking: tuple[Rule, ...] = ()
    replacing: tuple[Rule, ...] = ()
    counting: tuple[Rule, ...] = ()

    @property
    def enforcing(self) -> bool:
        return bool(self.blocking or self.replacing)


_BUILT_IN: Mapping[Kind, tuple[str, tuple[Detector, ...]]] = {
    Kind.EMAIL: ("an e-mail address", (Email(),)),
    Kind.SSN: ("a social security number", (Ssn(),)),
    Kind.CARD: ("a card number", (Card(),)),
    Kind.PHONE: ("a phone number", (Phone(),)),
    Kind.IBAN: ("a bank account number", (Iban(),)),
    Kind.IP: ("an IP address", (IpAddress(),)),
    Kind.API_KEY: ("an API key or a private key", (ApiKey(), PrivateKey())),
}


def rule_of(kind: Kind) -> Rule:
    described, detectors = _BUILT_IN[kind]
    return Rule(label=kind.value.upper(), described=described, code="guardrail_pii_block", detectors=detectors)


def rules_of(wanted: Sequence[tuple[Action, Rule]]) -> Rules:
    def acting(action: Action) -> tuple[Rule, ...]:
        return tuple(rule for does, rule in wanted if does is action)

    return Rules(blocking=acting(Action.BLOCK), replacing=acting(Action.REDACT), counting=acting(Action.LOG_ONLY))
