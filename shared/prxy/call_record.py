"""What is noted of every call: one record, from which its line, metrics and spans are made. No prompt, no key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from prxy.canonical.response import Usage

_TRACEPARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<parent>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?",
    re.ASCII,
)
_SAMPLED = 1


class Operation(StrEnum):
    """OpenTelemetry's word where it has one."""

    CHAT = "chat"
    COUNT_TOKENS = "count_tokens"


class Trace(Struct, frozen=True, kw_only=True):
    """Where a call stands in its caller's trace."""

    trace_id: str
    """32 hex digits, lower case."""
    parent_id: str
    """Of the caller's span: 16 hex digits, lower case."""
    sampled: bool
    """Whether the caller keeps this trace."""


def parse_traceparent(text: str) -> Trace | None:
    """The `traceparent` header, None where it is malformed: then the call begins a trace of its own.

    https://www.w3.org/TR/trace-context/: version 00 has four fields, a later one may have more behind them.
    """
    found = _TRACEPARENT.fullmatch(text)
    if found is None or (found["version"] == "00" and found["more"]):
        return None
    return Trace(trace_id=found["trace"], parent_id=found["parent"], sampled=bool(int(found["flags"], 16) & _SAMPLED))


class CallRecord(Struct, frozen=True, kw_only=True):
    """A call that was let in at the door, whatever became of it."""

    request_id: str
    key_id: str
    tenant: str
    project: str | None = None
    operation: Operation
    format: str
    """Wire of the client."""
    stream: bool
    requested_model: str
    began_at: float
    """Epoch seconds."""
    total_s: float
    """Until the last byte was sent."""
    trace: Trace | None = None
    status: int = 200
    """Of HTTP; an error that came in the middle of a stream is told here all the same."""
    error: str | None = None
    """Its code."""
    error_family: str | None = None
    """Its type: one of few words."""
    provider: str | None = None
    """Who was asked last; None where nobody was."""
    model: str | None = None
    """What answered, as the provider reports it."""
    listed_model: str | None = None
    """The name under which the model asked last stands on the price list; None where it does not."""
    finish: tuple[str, ...] = ()
    usage: Usage | None = None
    cost_nano: int | None = None
    """Nano-USD; None where no price is known."""
    saved_nano: int | None = None
    spared: str | None = None
    """Who would have been asked, as `provider/model`, had no module answered."""
    cache: str | None = None
    """Name of the module that answered in the provider's place."""
    replayed: bool = False
    tried: tuple[str, ...] = ()
    """Targets that were asked before, in vain."""
    admitted_s: float | None = None
    """Until the provider could be asked: the request read, the modules run, the worst case reserved."""
    first_byte_s: float | None = None
    """From then on, until the answer began."""
    modules: Mapping[str, float] = {}
    """Seconds that each module took."""
    modules_skipped: tuple[str, ...] = ()


class Refusal(Struct, frozen=True, kw_only=True):
    """A request that was turned away at the door: nobody's call yet."""

    request_id: str
    path: str
    """As the client wrote it, without its query, and no more than its beginning."""
    status: int
    error: str
    """Its code."""
    error_family: str
    """Its type."""


class Journal(Protocol):
    async def note(self, noted: CallRecord | Refusal) -> None:
        """Awaited behind the last byte of the answer."""
        ...

    async def aclose(self) -> None:
        """Finish what was put off. Awaited when nothing will be noted any more."""
        return
