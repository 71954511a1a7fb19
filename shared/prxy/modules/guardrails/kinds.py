"""What guardrails look for, and what they do about it."""

from __future__ import annotations

from enum import StrEnum


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
