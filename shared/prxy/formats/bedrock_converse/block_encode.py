"""The events of one part -> one content block of a stream."""

from __future__ import annotations

from collections.abc import Iterator

from prxy.canonical.events import PartDelta
from prxy.canonical.parts import (
    Extras,
    Json,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Text,
    ToolCall,
    Wire,
)
from prxy.canonical.stream import part_text, with_text
from prxy.formats.base import encode_json, own_fields
from prxy.formats.bedrock_converse.block_render import render_block
from prxy.formats.bedrock_converse.words import NAME
from prxy.framing.frame import Frame


class Block:
    """contentBlockStart? contentBlockDelta* contentBlockStop. A signature is told after the thoughts.

    A call has at least one delta, text too; the text of a free-form call is the string `input` of an object.
    Media are told at their end.
    """

    def __init__(self, index: int, part: Part) -> None:
        self._index = index
        self._part = part
        self._signature: Signature | None = None
        self._is_empty = True
        self._is_freeform = isinstance(part, ToolCall) and part.freeform
        self._data: list[str] = []

    def start(self) -> Iterator[Frame]:
        match self._part:
            case Media():
                self._data.append(part_text(self._part))
                return
            case ToolCall() | ServerToolCall():
                call = render_block(with_text(self._part, ""))["toolUse"]
                known = {name: value for name, value in call.items() if name != "input"}
                yield self._frame("contentBlockStart", start={"toolUse": known})
            case ServerToolResult(value=value) | Opaque(value=value):
                yield from self._whole(value)
            case Reasoning(redacted=True):
                yield self._delta(render_block(self._part))
            case Reasoning(signature=signature):
                self._signature = signature
            case Text(extras=extras):
                yield from self._citations(extras)
            case _:
                pass
        if self._is_freeform:
            yield self._delta({"toolUse": {"input": '{"input":"'}})
        yield from self._text(part_text(self._part))

    def grow(self, delta: PartDelta) -> Iterator[Frame]:
        if delta.signature is not None and delta.signature.format == NAME:
            self._signature = delta.signature
        yield from self._citations(delta.extras)
        yield from self._text(delta.text)

    def stop(self) -> Iterator[Frame]:
        match self._part:
            case Media():
                yield from self._whole(render_block(with_text(self._part, "".join(self._data))))
            case ToolCall(freeform=True):
                yield self._delta({"toolUse": {"input": '"}'}})
            case ToolCall() | ServerToolCall() if self._is_empty:
                yield from self._text("{}")
            case Text() | Refusal() if self._is_empty:
                yield self._delta({"text": ""})
            case Reasoning(redacted=False) if self._is_empty:
                yield self._delta({"reasoningContent": {"text": ""}})
            case _:
                pass
        if self._signature is not None:
            yield self._delta({"reasoningContent": {"signature": self._signature.value}})
        yield self._frame("contentBlockStop")

    def _text(self, text: str) -> Iterator[Frame]:
        if not text:
            return
        self._is_empty = False
        match self._part:
            case Text() | Refusal():
                yield self._delta({"text": text})
            case Reasoning(redacted=False):
                yield self._delta({"reasoningContent": {"text": text}})
            case ToolCall(freeform=True):
                yield self._delta({"toolUse": {"input": encode_json(text)[1:-1].decode()}})
            case ToolCall() | ServerToolCall():
                yield self._delta({"toolUse": {"input": text}})
            case Media():
                self._data.append(text)
            case _:
                pass

    def _citations(self, extras: Extras | None) -> Iterator[Frame]:
        match own_fields(extras, NAME):
            case {"citations": list(citations)}:
                for citation in citations:
                    yield self._delta({"citation": citation})

    def _whole(self, block: Wire) -> Iterator[Frame]:
        """A block that has no pieces of ours: a result as start and content, sources one by one, others as a delta."""
        match block:
            case {"toolResult": {"content": list(pieces), **head}, **others} if not others:
                yield self._frame("contentBlockStart", start={"toolResult": head})
                yield self._delta({"toolResult": pieces})
            case {"citationsContent": {"citations": list(citations), **more}, **others} if not more and not others:
                for citation in citations:
                    yield self._delta({"citation": citation})
            case _:
                yield self._delta(block)

    def _delta(self, delta: Wire) -> Frame:
        return self._frame("contentBlockDelta", delta=delta)

    def _frame(self, event: str, **fields: Json) -> Frame:
        return Frame(encode_json({"contentBlockIndex": self._index, **fields}), event)
