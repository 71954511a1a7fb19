"""Stream of a provider: frames -> events.

https://platform.openai.com/docs/api-reference/chat-streaming (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from msgspec import structs

from prxy.canonical.errors import ProviderBadResponse, ProviderError, ProviderStreamInterrupted
from prxy.canonical.events import (
    ChoiceEnd,
    PartDelta,
    StreamEnd,
    StreamError,
    StreamEvent,
    StreamStart,
    UsageUpdate,
)
from prxy.canonical.parts import Json, Opaque, Part, Reasoning, Refusal, Text, ToolCall, Wire
from prxy.canonical.response import Usage
from prxy.canonical.stream import merge, with_text
from prxy.formats.base import FrameDecoder, PartTracker, decode_json, make_extras
from prxy.formats.lenient import count, index_or, object_, objects, string
from prxy.formats.openai_chat.choice_state import ChoiceState
from prxy.formats.openai_chat.plain_chunk import parse_plain_chunk
from prxy.formats.openai_chat.response_parse import (
    ENVELOPE,
    audio_part,
    content_piece,
    image_part,
    is_image,
    parse_call,
    parse_finish,
)
from prxy.formats.openai_chat.usage import parse_usage, usage_of
from prxy.formats.openai_chat.words import NAME, REASONING_WORDS
from prxy.formats.openai_errors import in_band_error
from prxy.framing.frame import Frame

DONE = b"[DONE]"
PASSING = ENVELOPE | {"obfuscation", "p", "error"}
"""Read elsewhere, or the filler of OpenAI and Mistral against guessing at lengths, which is not kept."""
CHOICE_FIELDS = frozenset(("index", "delta", "finish_reason", "message"))
"""Read elsewhere; `message` is Perplexity's repetition of everything so far."""
DELTA_FIELDS = frozenset(
    ("role", *REASONING_WORDS, "content", "refusal", "tool_calls", "function_call", "audio", "images")
)
CALL_FIELDS = frozenset(("index", "id", "type", "function", "custom"))


class StreamDecoder(FrameDecoder):
    """prelude* chunk* ([DONE] | error | EOF)

        prelude = no id, no choices (Azure's filter results); its fields join those of the first chunk
        chunk   = usage? choice*      usage with or without choices; the last one counts
        choice  = (delta | finish_reason)*

    A text, thought or refusal ends when another part begins, a tool call with its choice. Choices end at [DONE] or EOF
    and not at their finish_reason: Together sends calls after it, Azure's asynchronous filter its findings. Usage in a
    chunk with choices is told at the end, so that a chunk told of by UsageUpdate alone is one that holds only usage.
    Nothing is read after [DONE] or an error. EOF is an end where every choice has its finish_reason, else an
    interruption. An error beside choices that have all finished (OpenRouter: "Token limit reached" after `length`)
    explains their end and does not undo it.
    """

    def __init__(self) -> None:
        self._tracker = PartTracker()
        self._choices: dict[int, ChoiceState] = {}
        self._started = self._done = False
        self._said: Wire = {}
        self._late: Wire = {}
        self._usage: Usage | None = None
        self._remark: str | None = None

    def feed(self, item: Frame) -> Iterator[StreamEvent]:
        if self._done:
            return
        if item.data.strip() == DONE:
            yield from self._end()
            return
        chunk = decode_json(item)
        if not isinstance(chunk, dict):
            raise ProviderBadResponse("The provider sent an event that is not a JSON object.")
        error = in_band_error(chunk)
        if error is not None and not (chunk.get("choices") and self._has_finished()):
            yield from self._fail(error)
            return
        if error is not None:
            self._remark = error.message
        yield from self._chunk(chunk)

    def grown(self, frame: Frame) -> PartDelta | None:
        choice = None if self._done else parse_plain_chunk(frame, self._said)
        index = self._tracker.index((choice.index, "text")) if choice else None
        if choice is None or index is None:
            return None
        self._usage = None  # as in `_chunk`
        return PartDelta(index=index, text=choice.delta.content)

    def finish(self) -> Iterator[StreamEvent]:
        if self._done:
            return
        if self._has_finished():
            yield from self._end()
            return
        yield from self._fail(ProviderStreamInterrupted("The provider's stream stopped before its end."))

    def _has_finished(self) -> bool:
        return bool(self._choices) and all(choice.finish for choice in self._choices.values())

    def _fail(self, error: ProviderError) -> Iterator[StreamEvent]:
        self._done = True
        if self._usage is not None:
            yield UsageUpdate(usage=self._usage)
        yield StreamError(error=error)

    def _end(self) -> Iterator[StreamEvent]:
        if not self._choices:
            yield from self._fail(ProviderBadResponse("The provider's stream ended before it began."))
            return
        self._done = True
        if self._usage is not None:
            yield UsageUpdate(usage=self._usage)
        for choice in self._choices.values():
            yield from self._close(choice)
        yield StreamEnd(extras=make_extras(NAME, self._late))

    def _chunk(self, chunk: Wire) -> Iterator[StreamEvent]:
        choices = objects(chunk.get("choices"))
        self._note(chunk)
        if not self._started:
            if not choices and not chunk.get("id"):
                return
            yield self._start(chunk)
        usage = usage_of(chunk)
        if usage is not None:
            self._usage = parse_usage(usage, self._said.get("service_tier"))
        elif any(_says_more(object_(choice.get("delta"))) for choice in choices):
            self._usage = None  # a report from before does not count what comes here
        if self._usage is not None and not choices:
            yield UsageUpdate(usage=self._usage)
            self._usage = None
        for choice in choices:
            yield from self._choice(choice)

    def _note(self, chunk: Wire) -> None:
        """Keep the unknown fields that say something new; before the start they are the start's."""
        for name in chunk.keys() - PASSING:
            value = chunk[name]
            if value is None or self._said.get(name) == value:
                continue
            self._said[name] = value
            if self._started:
                self._late[name] = value

    def _start(self, chunk: Wire) -> StreamStart:
        self._started = True
        return StreamStart(
            format=NAME,
            id=string(chunk, "id"),
            model=string(chunk, "model"),
            created_at=count(chunk, "created"),
            extras=make_extras(NAME, dict(self._said)),
        )

    def _choice(self, wire: Wire) -> Iterator[StreamEvent]:
        number = index_or(wire, 0)
        choice = self._choices.get(number)
        if choice is None:
            choice = self._choices[number] = ChoiceState(number)
        delta = object_(wire.get("delta"))
        if delta:
            yield from self._delta(choice, delta)
        for name in wire.keys() - CHOICE_FIELDS:
            if wire[name] is not None:
                choice.fields = merge(choice.fields, {name: wire[name]})
        choice.finish = string(wire, "finish_reason") or choice.finish

    def _delta(self, choice: ChoiceState, delta: Wire) -> Iterator[StreamEvent]:
        for word in REASONING_WORDS:
            thought = string(delta, word)
            if thought:
                part = Reasoning(extras=make_extras(NAME, {}, word))
                yield from self._grow(choice, "reasoning", part, thought)
                break
        if delta.get("content"):
            yield from self._content(choice, delta["content"])
        if string(delta, "refusal"):
            yield from self._grow(choice, "refusal", Refusal(text=""), string(delta, "refusal"))
        for position, call in enumerate(objects(delta.get("tool_calls"))):
            yield from self._call(choice, call, position)
        if delta.keys() - DELTA_FIELDS or not delta.keys().isdisjoint(("function_call", "audio", "images")):
            yield from self._rare(choice, delta)

    def _content(self, choice: ChoiceState, content: Json) -> Iterator[StreamEvent]:
        """A string, or pieces as Mistral sends them."""
        if isinstance(content, str):
            yield from self._grow(choice, "text", Text(text=""), content)
            return
        for piece in objects(content):
            match content_piece(piece):
                case Reasoning(text=text) as part:
                    yield from self._grow(choice, "reasoning", with_text(part, ""), text)
                case Text(text=text) as part:
                    yield from self._grow(choice, "text", with_text(part, ""), text)
                case part:
                    yield from self._whole(choice, part)

    def _rare(self, choice: ChoiceState, delta: Wire) -> Iterator[StreamEvent]:
        legacy = object_(delta.get("function_call"))
        if legacy:
            part = ToolCall(id="", name=string(legacy, "name"), extras=make_extras(NAME, {}, "function_call"))
            yield from self._open(choice, "function_call", part, string(legacy, "arguments"))
        if delta.get("audio"):
            yield from self._audio(choice, object_(delta["audio"]))
        for image in objects(delta.get("images")):
            yield from self._whole(choice, image_part(image) if is_image(image) else Opaque(format=NAME, value=image))
        for name in delta.keys() - DELTA_FIELDS:
            if delta[name] is not None:
                choice.message = merge(choice.message, {name: delta[name]})

    def _audio(self, choice: ChoiceState, audio: Wire) -> Iterator[StreamEvent]:
        """Sound grows by deltas; what is said about it is told when it ends."""
        said = {name: value for name, value in audio.items() if name != "data"}
        if "transcript" in said:
            said["transcript"] = string(choice.audio, "transcript") + string(said, "transcript")
        choice.audio.update(said)
        yield from self._open(choice, "audio", audio_part("", {}), string(audio, "data"))

    def _call(self, choice: ChoiceState, call: Wire, position: int) -> Iterator[StreamEvent]:
        """A delta of a call. Index, id and name may be repeated or missing; a new id under an index is a new call."""
        index, id_ = index_or(call, position), string(call, "id")
        key, known_id = choice.calls.get(index, (None, ""))
        parsed = parse_call(call)
        if key is None or (id_ and known_id and id_ != known_id):
            key = ("call", choice.called)
            choice.called += 1
            choice.calls[index] = (key, id_)
            choice.nameless[key] = []
        if key in choice.nameless:
            yield from self._named(choice, key, {name: value for name, value in call.items() if name != "index"})
            return
        yield from self._open(choice, key, parsed, parsed.arguments)
        more = {name: call[name] for name in call.keys() - CALL_FIELDS if call[name] is not None}
        at = self._tracker.index((choice.number, key))
        if more and at is not None:
            yield PartDelta(index=at, extras=make_extras(NAME, more))

    def _named(self, choice: ChoiceState, key: object, delta: Wire, *, is_last: bool = False) -> Iterator[StreamEvent]:
        """Open a call once its name is known, or when no delta is left to tell it; until then its deltas wait."""
        waiting = choice.nameless[key]
        waiting.append({name: value for name, value in delta.items() if not waiting or value not in (None, "")})
        call = parse_call(reduce(merge, waiting))
        if call.name or is_last:
            del choice.nameless[key]
            arguments = "".join(parse_call(each).arguments for each in waiting)
            yield from self._open(choice, key, with_text(call, ""), arguments)

    def _grow(self, choice: ChoiceState, kind: str, part: Part, text: str) -> Iterator[StreamEvent]:
        """Add to a part that stands alone."""
        yield from self._open(choice, kind, part, text)
        choice.alone = (choice.number, kind)

    def _open(self, choice: ChoiceState, kind: object, part: Part, text: str) -> Iterator[StreamEvent]:
        key = (choice.number, kind)
        if self._tracker.index(key) is None:
            if choice.alone is not None:
                yield from self._tracker.close(choice.alone)
                choice.alone = None
            choice.keys.append(key)
            choice.begun.append(part)
        yield from self._tracker.grow(key, part, text, choice=choice.number)

    def _whole(self, choice: ChoiceState, part: Part) -> Iterator[StreamEvent]:
        kind = ("whole", len(choice.begun))
        yield from self._open(choice, kind, part, "")
        yield from self._tracker.close((choice.number, kind))

    def _close(self, choice: ChoiceState) -> Iterator[StreamEvent]:
        for key in list(choice.nameless):
            yield from self._named(choice, key, {}, is_last=True)
        audio = self._tracker.index((choice.number, "audio"))
        if audio is not None and choice.audio:
            yield PartDelta(index=audio, extras=make_extras(NAME, choice.audio))
        if choice.keys:
            yield from self._tracker.close(*choice.keys)
        kept = {**choice.fields, "message": choice.message} if choice.message else choice.fields
        finish = parse_finish({**choice.fields, "finish_reason": choice.finish}, choice.begun)
        finish = structs.replace(finish, explanation=self._remark)
        yield ChoiceEnd(choice=choice.number, finish=finish, extras=make_extras(NAME, kept))


def _says_more(delta: Wire) -> bool:
    return any(value for name, value in delta.items() if name != "role")
