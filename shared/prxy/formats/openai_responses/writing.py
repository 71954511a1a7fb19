"""Items of an answer while they are written for a client: parts -> events about one item.

An event is told as its type and its fields; who asked adds the number, and to events about items `output_index`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from msgspec import structs

from prxy.canonical.events import PartDelta
from prxy.canonical.parts import (
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    Text,
    ToolCall,
    Wire,
)
from prxy.canonical.stream import part_text, with_text
from prxy.formats.base import own_fields, spelt
from prxy.formats.openai_responses.content import render_part
from prxy.formats.openai_responses.gathered import Gathered
from prxy.formats.openai_responses.items import render_call, render_item, render_message
from prxy.formats.openai_responses.notes import noted
from prxy.formats.openai_responses.reasoning import render_reasoning
from prxy.formats.openai_responses.words import NAME, OPENS
from prxy.formats.openai_tools import safe_id

Told = Iterator[tuple[str, Wire]]


class Writing(Protocol):
    """begin (start grow* stop)+ end"""

    wire: Wire
    """The item, complete after `end`."""

    def takes(self, part: Part) -> bool:
        """Whether a part that follows belongs to the same item."""
        ...

    def start(self, part: Part) -> Told: ...
    def grow(self, delta: PartDelta) -> Told: ...
    def stop(self) -> Told: ...
    def end(self, *, cut: bool) -> Told:
        """`cut`: the answer stopped inside of it."""
        ...


def writing_of(part: Part, id_: str, *, own: bool) -> Writing | None:
    """The item that a part begins; None where it has no place in an answer of this wire.

    `id_` is the end of the item's id where it has none yet; `own` says that the answer came from this wire.
    """
    match part:
        case Text() | Refusal():
            return WritingMessage(f"msg_{id_}", own=own)
        case Reasoning():
            return WritingReasoning({"id": f"rs_{id_}"})
        case ToolCall():
            return WritingCall({} if own else {"id": f"fc_{id_}"}, own=own)
        case Opaque(format=format_) | ServerToolCall(format=format_) if format_ == NAME:
            return WritingWhole({})
        case Media(kind=MediaKind.IMAGE, source=Inline()):
            return WritingWhole({"id": f"ig_{id_}"})
        case _:
            return None


class WritingMessage:
    """output_item.added (content_part.added delta* text.done content_part.done)+ output_item.done"""

    def __init__(self, id_: str, *, own: bool) -> None:
        self.wire: Wire = {}
        self._id, self._own = id_, own
        self._parts: list[Text | Refusal] = []
        self._now = Gathered(Text(text=""))

    def takes(self, part: Part) -> bool:
        return isinstance(part, Text | Refusal) and not spelt(part.extras, NAME, OPENS)

    def start(self, part: Part) -> Told:
        self._now = Gathered(part)
        if not self._parts:
            said = {**own_fields(getattr(part, "extras", None), NAME).get("item", {})}
            notes = noted(getattr(part, "extras", None))
            head = {"id": self._id, "type": "message", "role": "assistant", "content": [], **said, **notes}
            self._id = head["id"]
            yield "output_item.added", {"item": {**head, "status": "in_progress"}}
        yield "content_part.added", {**self._place, "part": self._rendered(with_text(part, ""))}
        yield from self._text(part_text(part))

    @property
    def _place(self) -> Wire:
        return {"item_id": self._id, "content_index": len(self._parts)}

    def _rendered(self, part: Part) -> Wire:
        """A content part; answers of another wire have no annotations."""
        wire = render_part(part, "the answer", "output_text")
        if isinstance(part, Text) and not self._own:
            wire = {**wire, "annotations": [], "logprobs": []}
        return wire

    def grow(self, delta: PartDelta) -> Told:
        self._now.add(delta)
        yield from self._text(delta.text)

    def _text(self, text: str) -> Told:
        if not text:
            return
        if isinstance(self._now.part, Refusal):
            yield "refusal.delta", {**self._place, "delta": text}
        else:
            yield "output_text.delta", {**self._place, "delta": text, "logprobs": []}

    def stop(self) -> Told:
        part = self._now.whole()
        match part:
            case Text():
                rendered = self._rendered(part)
                annotations = rendered.get("annotations")
                for number, each in enumerate(annotations if isinstance(annotations, list) else ()):
                    yield (
                        "output_text.annotation.added",
                        {**self._place, "annotation_index": number, "annotation": each},
                    )
                logprobs = rendered.get("logprobs") or []
                yield "output_text.done", {**self._place, "text": part.text, "logprobs": logprobs}
            case Refusal():
                rendered = self._rendered(part)
                yield "refusal.done", {**self._place, "refusal": part.text}
            case _:
                return
        yield "content_part.done", {**self._place, "part": rendered}
        self._parts.append(part)

    def end(self, *, cut: bool) -> Told:
        status = "incomplete" if cut else "completed"
        known: Wire = {} if self._own else {"id": self._id, "status": status}
        content = [self._rendered(part) for part in self._parts]
        self.wire = {**render_message(self._parts, "the answer"), **known, "content": content}
        yield "output_item.done", {"item": self.wire}


class WritingReasoning:
    """output_item.added (summary_part.added delta* text.done summary_part.done)? output_item.done"""

    def __init__(self, known: Wire) -> None:
        self.wire = known
        self._now = Gathered(Reasoning())

    def takes(self, part: Part) -> bool:
        return False

    def start(self, part: Part) -> Told:
        self._now = Gathered(part)
        if isinstance(part, Reasoning):
            self.wire = {**self.wire, **noted(part.extras)}
        yield "output_item.added", {"item": {**self.wire, "type": "reasoning", "summary": []}}
        yield from self._text(part_text(part), is_first=True)

    @property
    def _place(self) -> Wire:
        return {"item_id": self.wire["id"], "summary_index": 0}

    def grow(self, delta: PartDelta) -> Told:
        is_first = not self._now.text
        self._now.add(delta)
        yield from self._text(delta.text, is_first=is_first)

    def _text(self, text: str, *, is_first: bool) -> Told:
        if not text:
            return
        if is_first:
            yield "reasoning_summary_part.added", {**self._place, "part": {"type": "summary_text", "text": ""}}
        yield "reasoning_summary_text.delta", {**self._place, "delta": text}

    def stop(self) -> Told:
        text = self._now.text
        if text:
            yield "reasoning_summary_text.done", {**self._place, "text": text}
            yield "reasoning_summary_part.done", {**self._place, "part": {"type": "summary_text", "text": text}}

    def end(self, *, cut: bool) -> Told:
        part = self._now.whole()
        if isinstance(part, Reasoning):
            self.wire = {**self.wire, **render_reasoning(part)}
        yield "output_item.done", {"item": self.wire}


class WritingCall:
    """output_item.added delta* arguments.done output_item.done. A call of another wire has at least `{}`."""

    def __init__(self, known: Wire, *, own: bool) -> None:
        self.wire = known
        self._own = own
        self._now = Gathered(ToolCall(id="", name=""))

    def takes(self, part: Part) -> bool:
        return False

    def start(self, part: Part) -> Told:
        self._now = Gathered(self._fitted(part))
        call = self._now.part
        if isinstance(call, ToolCall):
            self.wire = {**self.wire, **render_call(structs.replace(call, arguments=""))}
        yield "output_item.added", {"item": {**self.wire, "status": "in_progress"}}
        yield from self._text(part_text(part))

    def _fitted(self, part: Part) -> Part:
        if self._own or not isinstance(part, ToolCall):
            return part
        return structs.replace(part, id=safe_id(part.id))

    @property
    def _kind(self) -> str:
        return "function_call_arguments" if self.wire["type"] == "function_call" else "custom_tool_call_input"

    @property
    def _place(self) -> Wire:
        return {"item_id": self.wire.get("id", "")}

    def grow(self, delta: PartDelta) -> Told:
        self._now.add(delta)
        yield from self._text(delta.text)

    def _text(self, text: str) -> Told:
        if text:
            yield f"{self._kind}.delta", {**self._place, "delta": text}

    def stop(self) -> Told:
        if not self._own and not self._now.text and self.wire["type"] == "function_call":
            yield from self.grow(PartDelta(index=0, text="{}"))
        text = self._now.text
        named = {"name": self.wire["name"], "arguments": text} if "arguments" in self.wire else {"input": text}
        yield f"{self._kind}.done", {**self._place, **named}

    def end(self, *, cut: bool) -> Told:
        call = self._now.whole()
        if isinstance(call, ToolCall):
            self.wire = {**({} if self._own else {"status": "completed"}), **self.wire, **render_call(call)}
        yield "output_item.done", {"item": self.wire}


class WritingWhole:
    """output_item.added output_item.done of an item that is told at once: one of this wire alone, or an image."""

    def __init__(self, known: Wire) -> None:
        self.wire = known
        self._now = Gathered(Text(text=""))

    def takes(self, part: Part) -> bool:
        return False

    def start(self, part: Part) -> Told:
        self._now = Gathered(part)
        return iter(())

    def grow(self, delta: PartDelta) -> Told:
        self._now.add(delta)
        return iter(())

    def stop(self) -> Told:
        return iter(())

    def end(self, *, cut: bool) -> Told:
        match self._now.whole():
            case Media(source=Inline(data=data)):
                self.wire = {**self.wire, "type": "image_generation_call", "status": "completed", "result": data}
            case part:
                self.wire = {**self.wire, **render_item(part, "the answer")}
        yield "output_item.added", {"item": self.wire}
        yield "output_item.done", {"item": self.wire}
