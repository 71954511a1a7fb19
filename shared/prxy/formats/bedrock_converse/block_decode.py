"""One content block of a stream: its deltas -> the events of one part."""

from __future__ import annotations

from collections.abc import Iterator

from prxy.canonical.errors import ProviderBadResponse
from prxy.canonical.events import PartDelta, PartEnd, PartStart, StreamEvent
from prxy.canonical.parts import Extras, Json, Opaque, Part, Reasoning, ServerToolCall, Signature, Text, ToolCall, Wire
from prxy.canonical.stream import merge, with_text
from prxy.formats.bedrock_converse.response import parse_answer_block
from prxy.formats.bedrock_converse.words import NAME

_IN_PIECES = frozenset({"toolResult", "image"})
"""Starts whose deltas are gathered: the block is told whole, at its end."""


class Block:
    """(start? delta* stop) of one index. The part begins when it is known what it is."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._part: Part | None = None
        self._gathered: Wire | None = None
        self._citations: list[Json] = []
        self._lacks_input = False
        self.is_stopped = False

    def start(self, start: Wire) -> Iterator[StreamEvent]:
        """Raises ProviderBadResponse for a block that began before."""
        if self._part is not None or self._gathered is not None or self._citations:
            raise ProviderBadResponse(f"The provider sent contentBlockStart twice for block {self._index}.")
        match start:
            case {"toolUse": dict(call), **others} if not others:
                self._lacks_input = True
                begun = parse_answer_block({"toolUse": {**call, "input": {}}}, f"content[{self._index}]")
                yield from self._begin(_without_input(begun))
            case _:
                self._gathered = dict(start)

    def grow(self, delta: Wire) -> Iterator[StreamEvent]:
        match delta:
            case _ if self._gathered is not None:
                self._gather(delta)
            case {"text": str(text)}:
                yield from self._text(text)
            case {"toolUse": {"input": str(text)}} if isinstance(self._part, ToolCall | ServerToolCall):
                self._lacks_input = self._lacks_input and not text
                yield from self._told(text)
            case {"reasoningContent": dict(thought)}:
                yield from self._thought(thought)
            case {"citation": citation}:
                yield from self._citation(citation)
            case {"toolUse": _} | {"text": _}:
                raise ProviderBadResponse("The provider sent a delta in a form that its wire does not have.")
            case _:
                self._gathered = {}
                self._gather(delta)

    def stop(self) -> Iterator[StreamEvent]:
        """A call without arguments has the arguments `{}`, as in an answer that is not streamed."""
        self.is_stopped = True
        if self._gathered is not None and self._part is None:
            yield from self._begin(parse_answer_block(self._gathered, f"content[{self._index}]"))
        elif self._part is None:
            yield from self._begin(self._without_text())
        if self._lacks_input:
            yield PartDelta(index=self._index, text="{}")
        yield PartEnd(index=self._index)

    def _begin(self, part: Part) -> Iterator[StreamEvent]:
        self._part = part
        yield PartStart(index=self._index, part=part)

    def _told(self, text: str) -> Iterator[StreamEvent]:
        if text:
            yield PartDelta(index=self._index, text=text)

    def _without_text(self) -> Part:
        """A block that ended without a word: sources alone, or empty text."""
        if self._citations:
            return Opaque(format=NAME, value={"citationsContent": {"citations": self._citations}})
        return Text(text="")

    def _text(self, text: str) -> Iterator[StreamEvent]:
        if self._part is None:
            extras = Extras(format=NAME, fields={"citations": self._citations}) if self._citations else None
            yield from self._begin(Text(text="", extras=extras))
        if not isinstance(self._part, Text):
            raise ProviderBadResponse("The provider sent text inside a block of another kind.")
        yield from self._told(text)

    def _citation(self, citation: Json) -> Iterator[StreamEvent]:
        """Sources come before their text; those that come later are added."""
        if self._part is None:
            self._citations.append(citation)
            return
        yield PartDelta(index=self._index, extras=Extras(format=NAME, fields={"citations": [citation]}))

    def _thought(self, thought: Wire) -> Iterator[StreamEvent]:
        match thought:
            case {"redactedContent": str(data)}:
                yield from self._begin_once(Reasoning(redacted=True, signature=Signature(format=NAME, value=data)))
            case {"signature": str(value)}:
                yield from self._begin_once(Reasoning())
                yield PartDelta(index=self._index, signature=Signature(format=NAME, value=value))
            case {"text": str(text)}:
                yield from self._begin_once(Reasoning())
                yield from self._told(text)
            case _:
                raise ProviderBadResponse("The provider sent a thought in a form that its wire does not have.")

    def _begin_once(self, part: Reasoning) -> Iterator[StreamEvent]:
        if self._part is None:
            yield from self._begin(part)
        elif not isinstance(self._part, Reasoning) or part.redacted:
            raise ProviderBadResponse("The provider sent a thought inside a block of another kind.")

    def _gather(self, delta: Wire) -> None:
        """A tool result's pieces are its content; anything else is merged as it stands."""
        assert self._gathered is not None
        match delta:
            case {"toolResult": list(pieces)}:
                delta = {"toolResult": {"content": pieces}}
        if self._part is not None:
            raise ProviderBadResponse("The provider sent a delta inside a block of another kind.")
        self._gathered = merge(self._gathered, delta)


def _without_input(part: Part) -> Part:
    """The call at its beginning: the empty input there stands for arguments to come."""
    return with_text(part, "") if isinstance(part, ToolCall | ServerToolCall) else part
