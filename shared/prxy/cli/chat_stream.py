"""A streamed chat completion, read: what it says as it comes, and what it came to.

    stream: chunk* (chunk with usage)? ": prxy cost_usd=… provider=… model=…" "[DONE]"

An error in it stands in place of the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from prxy.framing.sse import SseDecoder

_DONE = b"[DONE]"
_TOLD = b": prxy "
_NO_JSON = "The stream holds an event that is no JSON. Is it a gateway? PRXY_URL says where."
_BROKEN_OFF = "The stream broke off before its end; the answer is not whole."


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    text: str
    thought: bool = False
    """Reasoning, not answer."""


@dataclass(slots=True, kw_only=True)
class Answer:
    """Grows while the stream is read."""

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    """The gateway's last words: `cost_usd`, `provider`, `model`."""
    error: Mapping[str, Any] | None = None
    whole: bool = False

    def fault(self) -> Mapping[str, Any] | None:
        """Why it is not whole, as the gateway words an error; None where it is."""
        if self.error is not None or self.whole:
            return self.error
        return {"message": _BROKEN_OFF, "type": "provider_error", "param": None, "code": "stream_broken_off"}


class Reading:
    """bytes -> pieces, and the answer that they come to."""

    def __init__(self) -> None:
        self.answer = Answer()
        self._frames = SseDecoder()
        self._line = b""

    def feed(self, data: bytes) -> Iterator[Piece]:
        self._note_comments(data)
        for frame in self._frames.feed(data):
            if frame.data == _DONE:
                self.answer.whole = True
            else:
                yield from self._chunk(self._decoded(frame.data))

    def _decoded(self, data: bytes) -> Any:
        try:
            return msgspec.json.decode(data)
        except msgspec.DecodeError:
            return {"error": {"message": _NO_JSON, "type": "provider_error", "param": None, "code": "no_json"}}

    def _note_comments(self, data: bytes) -> None:
        """The decoder of frames drops them, as the standard says."""
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            if line.startswith(_TOLD):
                words = line[len(_TOLD) :].decode("utf-8", "replace").split()
                self.answer.told = dict(word.split("=", 1) for word in words if "=" in word)

    def _chunk(self, chunk: Any) -> Iterator[Piece]:
        match chunk:
            case {"error": {"message": str()} as error}:
                self.answer.error = error
                return
            case {"usage": {} as usage}:
                self.answer.usage = usage
        match chunk:
            case {"choices": [{"delta": {} as delta} as choice, *_]}:
                self.answer.finish_reason = choice.get("finish_reason") or self.answer.finish_reason
                yield from self._delta(delta)

    def _delta(self, delta: Mapping[str, Any]) -> Iterator[Piece]:
        """A refusal is shown as an answer is."""
        match delta.get("reasoning_content"):
            case str(thought) if thought:
                self.answer.reasoning += thought
                yield Piece(text=thought, thought=True)
        for name in ("content", "refusal"):
            match delta.get(name):
                case str(text) if text:
                    self.answer.text += text
                    yield Piece(text=text)
