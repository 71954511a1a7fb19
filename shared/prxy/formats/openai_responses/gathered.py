"""A part while it is written."""

from __future__ import annotations

from msgspec import structs

from prxy.canonical.events import PartDelta
from prxy.canonical.parts import (
    Opaque,
    Part,
    Reasoning,
    ServerToolResult,
)
from prxy.canonical.stream import merge_extras, part_text, with_text


class Gathered:
    """A part, and what its deltas have added so far."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.texts = [part_text(part)]

    def add(self, delta: PartDelta) -> None:
        self.texts.append(delta.text)
        if delta.signature is not None and isinstance(self.part, Reasoning):
            self.part = structs.replace(self.part, signature=delta.signature)
        if delta.extras is not None and not isinstance(self.part, ServerToolResult | Opaque):
            self.part = structs.replace(self.part, extras=merge_extras(self.part.extras, delta.extras))

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def whole(self) -> Part:
        return with_text(self.part, self.text)
