"""One message of a stream, whatever carries it."""

from __future__ import annotations

from msgspec import Struct


class Frame(Struct, frozen=True):
    data: bytes
    event: str = ""
    """Name of the event, where the framing has one."""
