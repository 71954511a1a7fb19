"""What `decode` knows of one choice while it streams."""

from __future__ import annotations

from prxy.canonical.parts import Part, Wire


class ChoiceState:
    """One choice so far."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.finish = ""
        """The last finish_reason."""
        self.keys: list[object] = []
        self.alone: object = None
        """Key of the open part that ends when another one begins: any but a tool call."""
        self.begun: list[Part] = []
        self.calls: dict[int, tuple[object, str]] = {}
        """Wire index of a call -> its key and id."""
        self.called = 0
        self.nameless: dict[object, list[Wire]] = {}
        """Key of a call whose name is not yet known -> its deltas so far."""
        self.audio: Wire = {}
        self.fields: Wire = {}
        self.message: Wire = {}
