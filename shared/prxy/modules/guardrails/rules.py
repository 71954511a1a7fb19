"""What a pipeline's options make of detectors: what to look for, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from prxy.modules.guardrails.contacts import Email, InternationalPhone, Ipv4, Ipv6, NorthAmericanPhone
from prxy.modules.guardrails.detector import Detector
from prxy.modules.guardrails.keys import VENDOR_KEYS, PrivateKey
from prxy.modules.guardrails.kinds import Action, Kind
from prxy.modules.guardrails.numbers import Card, Iban, Ssn


class Rule(Struct, frozen=True, kw_only=True):
    label: str
    """As it stands in placeholders and in the log: EMAIL."""
    described: str
    """As it stands in an error: an e-mail address."""
    code: str
    """Of the error where it blocks."""
    detectors: tuple[Detector, ...]
    is_exact: bool = False
    """Whether a text is read as it is written, with and without what nobody sees; otherwise as it is meant, whatever
    spaces it has."""


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
    Kind.PHONE: ("a phone number", (InternationalPhone(), NorthAmericanPhone())),
    Kind.IBAN: ("a bank account number", (Iban(),)),
    Kind.IP: ("an IP address", (Ipv4(), Ipv6())),
    Kind.API_KEY: ("an API key or a private key", (*VENDOR_KEYS, PrivateKey())),
}


def rule_of(kind: Kind) -> Rule:
    described, detectors = _BUILT_IN[kind]
    return Rule(label=kind.value.upper(), described=described, code="guardrail_pii_block", detectors=detectors)


def rules_of(wanted: Sequence[tuple[Action, Rule]]) -> Rules:
    def acting(action: Action) -> tuple[Rule, ...]:
        return tuple(rule for does, rule in wanted if does is action)

    return Rules(blocking=acting(Action.BLOCK), replacing=acting(Action.REDACT), counting=acting(Action.LOG_ONLY))
