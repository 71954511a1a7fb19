"""A stream as one JSON array, written element by element: what Gemini sends without `alt=sse`."""

from __future__ import annotations

from collections.abc import Sequence

from prxy.framing.frame import Frame


class JsonArrayWriter:
    """`[ frame , frame … ]`. A comment is a blank line, the only thing that JSON lets a client skip."""

    media_type = "application/json"

    def __init__(self) -> None:
        self._begun = False

    def encode(self, frames: Sequence[Frame]) -> bytes:
        if not frames:
            return b""
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + b",\r\n".join([frame.data for frame in frames])

    def comment(self, text: str) -> bytes:
        del text
        return b"\r\n"

    def end(self) -> bytes:
        return b"]" if self._begun else b"[]"
