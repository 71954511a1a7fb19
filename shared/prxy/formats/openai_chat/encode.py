"""Stream for a client: events -> frames.

https://platform.openai.com/docs/api-reference/chat-streaming (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from msgspec import Struct, structs

from prxy.canonical.events import (
    ChoiceEnd,
    PartDelta,
    PartEnd,
    PartStart,
    StreamEnd,
    StreamError,
    StreamEvent,
    StreamStart,
    UsageUpdate,
    Verbatim,
)
from prxy.canonical.parts import Extras, Inline, Media, Opaque, Part, Reasoning, Refusal, Text, ToolCall, Wire
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import Usage
from prxy.canonical.stream import merge_extras, part_text
from prxy.formats.base import encode_json, own_fields, spelt
from prxy.formats.openai_chat.decode import DONE
from prxy.formats.openai_chat.message_render import reasoning_word, render_call
from prxy.formats.openai_chat.response_render import envelope, finish_fields, place_media
from prxy.formats.openai_chat.usage import render_usage
from prxy.formats.openai_chat.words import NAME
from prxy.formats.openai_errors import render_error
from prxy.formats.openai_tools import safe_id
from prxy.framing.frame import Frame

_GOES_ON = b',"finish_reason":null}]}'
"""What every chunk ends with but the last of a choice."""


class _Writing(Struct):
    """A part that is being written. A chunk is its text between `before` and `after`; without them it is gathered."""

    choice: int
    part: Part
    before: bytes = b""
    after: bytes = b"}"
    call: int = 0
    """Index of a tool call among those of its choice."""
    is_empty: bool = True
    texts: list[str] = []


class StreamEncoder:
    """role (content | reasoning_content | refusal | tool_calls | images | audio)* finish usage? [DONE]

    Each choice begins with the role alone. A call's first delta has its id, its name and arguments "", and a call
    that stays empty ends with "{}". Usage comes once, in a chunk without choices, where the client asked for it. An
    error is one frame and nothing follows it. Calls and results of a provider's own tools, and opaque blocks of other
    formats, have no place on this wire: they are left out, the answer is not touched.
    """

    def __init__(self, request: ChatRequest) -> None:
        self._wants_usage = request.include_usage is True
        self._envelope: Wire = {}
        self._first: Wire = {}
        self._head = b""
        self._parts: dict[int, _Writing] = {}
        self._roles: set[int] = set()
        self._calls: dict[int, int] = {}
        self._usage: Usage | None = None

    def feed(self, item: StreamEvent) -> Iterable[Frame]:
        if isinstance(item, PartDelta):
            return self._text(self._parts.get(item.index), item.text) if item.extras is None else self._delta(item)
        if isinstance(item, Verbatim):
            return ()  # the frames of a passing answer are not ours to write: here it is written anew
        return self._rest(item)

    def _rest(
        self, item: PartStart | PartEnd | StreamStart | StreamEnd | StreamError | ChoiceEnd | UsageUpdate
    ) -> Iterator[Frame]:
        match item:
            case PartStart() | PartEnd():
                yield from self._boundary(item)
            case StreamStart() | StreamEnd() | StreamError():
                yield from self._stream(item)
            case ChoiceEnd():
                yield from self._role(item.choice)
                yield self._choice_end(item)
            case UsageUpdate(usage=usage):
                self._usage = usage
            case _:
                assert_never(item)

    def finish(self) -> Iterator[Frame]:
        yield from ()

    def _boundary(self, event: PartStart | PartEnd) -> Iterator[Frame]:
        match event:
            case PartStart(index=index, part=part, choice=choice):
                yield from self._role(choice)
                yield from self._begin(index, part, choice)
            case PartEnd(index=index):
                yield from self._finish_part(self._parts.pop(index, None))
            case _:
                assert_never(event)

    def _stream(self, event: StreamStart | StreamEnd | StreamError) -> Iterator[Frame]:
        match event:
            case StreamStart():
                self._start(event)
                yield from self._role(0)
            case StreamEnd(extras=extras):
                yield from self._end(extras)
            case StreamError(error=error):
                yield Frame(encode_json(render_error(error, "")[1]))
            case _:
                assert_never(event)

    def _start(self, event: StreamStart) -> None:
        """What all chunks share is encoded once; unknown objects and lists stand in the first chunk only."""
        own = own_fields(event.extras, NAME)
        self._first = {name: value for name, value in own.items() if isinstance(value, dict | list)}
        self._envelope = {
            **envelope(event.format, event.id, event.created_at, event.model),
            "object": "chat.completion.chunk",
            **{name: value for name, value in own.items() if name not in self._first},
        }
        self._head = encode_json(self._envelope)[:-1] + b',"choices":[{"index":'

    def _chunk(self, choice: int, delta: bytes) -> Frame:
        return Frame(b'%b%d,"delta":%b%b' % (self._head, choice, delta, _GOES_ON))

    def _role(self, choice: int) -> Iterator[Frame]:
        if choice in self._roles:
            return
        self._roles.add(choice)
        chosen = {"index": choice, "delta": {"role": "assistant"}, "finish_reason": None}
        yield Frame(encode_json({**self._envelope, **self._first, "choices": [chosen]}))
        self._first = {}

    def _begin(self, index: int, part: Part, choice: int) -> Iterator[Frame]:
        writing = self._parts[index] = _Writing(choice, part)
        match part:
            case Text(extras=extras) if spelt(extras, NAME, "part"):
                writing.before, writing.after = b'{"content":[{"type":"text","text":', b"}]}"
            case Text():
                writing.before = b'{"content":'
            case Reasoning(extras=extras) if spelt(extras, NAME, "thinking"):
                writing.before = b'{"content":[{"type":"thinking","thinking":[{"type":"text","text":'
                writing.after = b"}]}]}"
            case Reasoning():
                writing.before = b'{"%b":' % reasoning_word(part).encode()
            case Refusal():
                writing.before = b'{"refusal":'
            case ToolCall():
                yield self._begin_call(writing, part)
            case Opaque(format=format_, value=value) if format_ == NAME:
                yield self._chunk(choice, encode_json({"content": [value]}))
            case _:
                pass
        self._make_chunks(writing)
        yield from self._text(writing, part_text(part))

    def _make_chunks(self, writing: _Writing) -> None:
        if writing.before:
            writing.before = b'%b%d,"delta":%b' % (self._head, writing.choice, writing.before)
            writing.after += _GOES_ON

    def _begin_call(self, writing: _Writing, call: ToolCall) -> Frame:
        if spelt(call.extras, NAME, "function_call"):
            writing.before, writing.after = b'{"function_call":{"arguments":', b"}}"
            return self._chunk(writing.choice, encode_json({"function_call": {"name": call.name, "arguments": ""}}))
        writing.call = self._calls.get(writing.choice, 0)
        self._calls[writing.choice] = writing.call + 1
        inner = b'"custom":{"input":' if call.freeform else b'"function":{"arguments":'
        writing.before, writing.after = b'{"tool_calls":[{"index":%d,%b' % (writing.call, inner), b"}}]}"
        own = call.extras is not None and call.extras.format == NAME
        id_ = call.id if own else safe_id(call.id)
        first = {**render_call(structs.replace(call, id=id_, arguments="")), "index": writing.call}
        return self._chunk(writing.choice, encode_json({"tool_calls": [first]}))

    def _text(self, writing: _Writing | None, text: str) -> Sequence[Frame]:
        if writing is None or not text:
            return ()
        writing.is_empty = False
        if writing.before:
            return (Frame(writing.before + encode_json(text) + writing.after),)
        writing.texts.append(text)
        return ()

    def _delta(self, event: PartDelta) -> Iterator[Frame]:
        writing = self._parts.get(event.index)
        if writing is None:
            return
        yield from self._text(writing, event.text)
        match writing.part:
            case Media() as media:
                writing.part = structs.replace(media, extras=merge_extras(media.extras, event.extras))
            case ToolCall() if own_fields(event.extras, NAME):
                more = {"index": writing.call, **own_fields(event.extras, NAME)}
                yield self._chunk(writing.choice, encode_json({"tool_calls": [more]}))

    def _finish_part(self, writing: _Writing | None) -> Iterator[Frame]:
        match writing:
            case _Writing(part=ToolCall(freeform=False), is_empty=True):
                yield from self._text(writing, "{}")
            case _Writing(part=Media() as media, texts=texts):
                wire: Wire = {}
                place_media(wire, _gathered(media, texts))
                if wire:
                    yield self._chunk(writing.choice, encode_json(wire))

    def _choice_end(self, event: ChoiceEnd) -> Frame:
        own = dict(own_fields(event.extras, NAME))
        delta = own.pop("message", {})
        choice = {"index": event.choice, "delta": delta, **finish_fields(event.finish), **own}
        return Frame(encode_json({**self._envelope, "choices": [choice]}))

    def _end(self, extras: Extras | None) -> Iterator[Frame]:
        own = own_fields(extras, NAME)
        usage = {"usage": render_usage(self._usage)} if self._wants_usage and self._usage is not None else {}
        if usage or own:
            yield Frame(encode_json({**self._envelope, "choices": [], **own, **usage}))
        yield Frame(DONE)


def _gathered(media: Media, texts: list[str]) -> Media:
    """The media with the data that came in deltas."""
    match media.source:
        case Inline() as source:
            return structs.replace(media, source=structs.replace(source, data="".join(texts)))
        case _:
            return media
