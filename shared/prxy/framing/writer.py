"""How a streamed answer is put into bytes for a client. One writer per answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from prxy.framing.frame import Frame


class FrameWriter(Protocol):
    media_type: str

    def encode(self, frames: Sequence[Frame]) -> bytes: ...

    def comment(self, text: str) -> bytes:
        """What tells a person something and a client nothing; sent in silence, and with the cost at the end."""
        ...

    def end(self) -> bytes:
        """What closes the answer, behind its last frame."""
        ...
