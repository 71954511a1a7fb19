"""What is noted of every call: one record, from which its log line and its metrics are made. No prompt, no key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from prxy.canonical.response import Usage


class CallRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    request_id: str
    key_id: str
    tenant: str
    format: str
    """Wire of the client."""
    stream: bool
    requested_model: str
    total_s: float
    status: int = 200
    """Of HTTP; an error that came in the middle of a stream is told here all the same."""
    error: str | None = None
    """Its code."""
    provider: str | None = None
    """Who was asked last; None where nobody was."""
    model: str | None = None
    """What answered, as the provider reports it."""
    finish: tuple[str, ...] = ()
    usage: Usage | None = None
    cost_nano: int | None = None
    """Nano-USD; None where no price is known."""
    saved_nano: int | None = None
    cache: str | None = None
    """Name of the module that answered in the provider's place."""
    replayed: bool = False
    tried: tuple[str, ...] = ()
    """Targets that were asked before, in vain."""
    first_byte_s: float | None = None
    modules: Mapping[str, float] = {}
    """Seconds that each module took."""
    modules_skipped: tuple[str, ...] = ()


class Journal(Protocol):
    def note(self, record: CallRecord) -> None: ...
