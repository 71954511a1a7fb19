"""What a rendering had to leave out."""

from __future__ import annotations

from msgspec import Struct


class Loss(Struct, frozen=True, kw_only=True):
    """A knob that the target lacks. Content and tools are never lost: they raise UnsupportedFeature."""

    field: str
    """Canonical name (`sampling.seed`), or a path in the client's body (`messages[2].name`)."""
    reason: str
    """One clause: why, and what happens instead."""
