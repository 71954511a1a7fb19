"""A stream of answers as events. https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent and
https://ai.google.dev/gemini-api/docs/thought-signatures#streaming (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from prxy.canonical.errors import InvalidRequest, ProviderBadResponse, ProviderStreamInterrupted
from prxy.canonical.events import ChoiceEnd, StreamEnd, StreamError, StreamEvent, StreamStart, UsageUpdate
from prxy.canonical.parts import Part, Reasoning, Text, ToolCall, Wire
from prxy.canonical.stream import merge, part_text, with_text
from prxy.formats.base import FrameDecoder, PartTracker, decode_json, make_extras
from prxy.formats.gemini_generate.calls import AnswerCalls
from prxy.formats.gemini_generate.errors import parse_stream_error
from prxy.formats.gemini_generate.names import NAME, Names
from prxy.formats.gemini_generate.outcome import parse_block, parse_blocked_usage, parse_finish, parse_usage, parse_word
from prxy.formats.gemini_generate.parts import parse_part
from prxy.formats.gemini_generate.response import bad_response, created_at
from prxy.framing.frame import Frame

_GROWING = frozenset({"logprobsResult", "citationMetadata"})
"""Of a candidate's own fields: told piece by piece; the others are told anew each time."""


class _Candidate(Struct):
    """What is known of one candidate's end."""

    word: str | None = None
    message: str | None = None
    called: bool = False
    fields: Wire = {}
    open: tuple[int, type[Text] | type[Reasoning]] | None = None
    """Key of the text that the next text of its kind continues."""


class StreamDecoder(FrameDecoder):
    """chunk* | chunk* error; chunk = {candidates?: [{content?, finishReason?}], usageMetadata?, promptFeedback?}

    A chunk's texts continue the text before if they are of its kind, thought or not; a call comes whole; a signature in
    an empty text belongs to the text before. A candidate may say more after its finishReason, so only the end of the
    input ends it; input that ends without one, and without a block of the prompt, was cut.
    """

    def __init__(self) -> None:
        self._tracker = PartTracker()
        self._calls: AnswerCalls | None = None
        self._candidates: dict[int, _Candidate] = {}
        self._fields: Wire = {}
        self._whole = 0
        self._over = False

    def feed(self, item: Frame) -> Iterator[StreamEvent]:
        if self._over:
            return
        match decode_json(item):
            case {"error": dict(error)} | [{"error": dict(error)}, *_]:
                self._over = True
                yield StreamError(error=parse_stream_error(error))
            case dict(chunk):
                yield from self._chunk(chunk)
            case _:
                raise ProviderBadResponse("The provider sent an event that is not an object.")

    def finish(self) -> Iterator[StreamEvent]:
        if self._over:
            return
        self._over = True
        yield from self._tracker.close()
        if not self._is_complete():
            yield StreamError(error=ProviderStreamInterrupted("The provider's stream ended before its answer did."))
            return
        for number, candidate in sorted(self._candidates.items()):
            finish = parse_finish(candidate.word, candidate.message, called=candidate.called)
            yield ChoiceEnd(choice=number, finish=finish, extras=make_extras(NAME, candidate.fields))
        if not self._candidates:
            yield ChoiceEnd(finish=parse_block(self._fields.get("promptFeedback")))
        marks = [] if self._candidates else ["candidates:none"]
        yield StreamEnd(extras=make_extras(NAME, self._fields, *marks))

    def _is_complete(self) -> bool:
        if not self._candidates:
            feedback = self._fields.get("promptFeedback")
            return isinstance(feedback, dict) and "blockReason" in feedback
        return all(candidate.word for candidate in self._candidates.values())

    def _chunk(self, chunk: Wire) -> Iterator[StreamEvent]:
        try:
            yield from self._read(Names(chunk))
        except InvalidRequest as error:
            raise bad_response(error) from error

    def _read(self, reader: Names) -> Iterator[StreamEvent]:
        response_id, model = reader.string("responseId") or "", reader.string("modelVersion") or ""
        candidates, reported = list(reader.each("candidates")), reader.take("usageMetadata")
        fields = reader.rest()
        usage = parse_usage(reported)
        if usage is None and reported is not None and "promptFeedback" in fields:
            usage = parse_blocked_usage(reported)
        if self._calls is None:
            self._calls = AnswerCalls(response_id)
            begun = {name: fields.pop(name) for name in ("createTime",) if name in fields}
            extras = make_extras(NAME, begun)
            yield StreamStart(format=NAME, id=response_id, model=model, created_at=created_at(begun), extras=extras)
        self._fields |= fields
        for candidate in candidates:
            yield from self._candidate(candidate, self._calls)
        if usage is not None:
            yield UsageUpdate(usage=usage)

    def _candidate(self, reader: Names, calls: AnswerCalls) -> Iterator[StreamEvent]:
        number = reader.integer("index") or 0
        candidate = self._candidates.setdefault(number, _Candidate())
        content = reader.inner("content")
        values, at = (content.array("parts") or (), content.path("parts")) if content else ((), "")
        for position, value in enumerate(values):
            part = parse_part(value, f"{at}[{position}]", calls)
            candidate.called |= isinstance(part, ToolCall)
            yield from self._part(number, candidate, part)
        candidate.word = parse_word(reader)[0] or candidate.word
        message = reader.string("finishMessage")
        candidate.message = message or candidate.message
        for name, value in (reader.rest() | ({"finishMessage": message} if message else {})).items():
            growing = name in _GROWING and name in candidate.fields
            candidate.fields[name] = merge(candidate.fields[name], value) if growing else value

    def _part(self, number: int, candidate: _Candidate, part: Part) -> Iterable[StreamEvent]:
        match part:
            case Text(text="", signature=None) | Reasoning(text="", signature=None):
                return ()
            case Text() | Reasoning():
                return self._text(number, candidate, part)
            case _:
                return self._one(number, candidate, part)

    def _text(self, number: int, candidate: _Candidate, part: Text | Reasoning) -> Iterator[StreamEvent]:
        key: tuple[int, type[Text] | type[Reasoning]] = (number, type(part))
        if candidate.open is not None and not part.text:
            key = candidate.open
        elif candidate.open not in (None, key):
            yield from self._close(candidate)
        candidate.open = key
        empty = Reasoning(extras=part.extras) if isinstance(part, Reasoning) else Text(text="", extras=part.extras)
        yield from self._tracker.grow(key, empty, part.text, choice=number, signature=part.signature)
        if part.signature is not None:
            yield from self._close(candidate)

    def _one(self, number: int, candidate: _Candidate, part: Part) -> Iterator[StreamEvent]:
        """A part that comes whole."""
        yield from self._close(candidate)
        self._whole += 1
        yield from self._tracker.grow(self._whole, with_text(part, ""), part_text(part), choice=number)
        yield from self._tracker.close(self._whole)

    def _close(self, candidate: _Candidate) -> Iterator[StreamEvent]:
        if candidate.open is not None:
            yield from self._tracker.close(candidate.open)
        candidate.open = None


def decode_stream() -> StreamDecoder:
    return StreamDecoder()
