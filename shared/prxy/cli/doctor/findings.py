"""What is examined, and what is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Mark(Enum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    check: str
    mark: Mark
    said: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    env: Mapping[str, str] = field(repr=False)
    url: str
    url_was_named: bool
    """Whether somebody expects a gateway there."""
    online: bool
    api_key: str | None = field(repr=False)
    admin_key: str | None = field(repr=False)


def ok(check: str, said: str) -> Finding:
    return Finding(check=check, mark=Mark.OK, said=said)


def warn(check: str, said: str, fix: str) -> Finding:
    return Finding(check=check, mark=Mark.WARN, said=said, fix=fix)


def fail(check: str, said: str, fix: str) -> Finding:
    return Finding(check=check, mark=Mark.FAIL, said=said, fix=fix)


def last_four(secret: str) -> str:
    """All that is ever shown of a key; of a short one, nothing."""
    return f"…{secret[-4:]}" if len(secret) >= 12 else "…"
