"""A conversation of another wire as Gemini contents: two roles in turn, results beside each other, calls signed."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import assert_never
from urllib.parse import urlsplit

from msgspec import Struct, structs

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.loss import Loss
from prxy.canonical.parts import (
    FileRef,
    Inline,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
    Url,
    Wire,
)
from prxy.canonical.request import ChatRequest, Instructions, Message, Role
from prxy.formats.base import foreign_losses
from prxy.formats.gemini_generate.names import NAME
from prxy.formats.gemini_generate.part_render import render_part
from prxy.formats.gemini_generate.parts import json_object
from prxy.formats.places import PartFault

_GENERATION_3 = re.compile(r"gemini-(?:[3-9]|\d\d|(?:flash|flash-lite|pro)-latest)")
"""Models that refuse an unsigned call and read media inside a function response:
https://ai.google.dev/gemini-api/docs/thought-signatures and
https://ai.google.dev/gemini-api/docs/function-calling#multimodal (as of 2026-11)"""

SKIP_SIGNATURE = "skip_thought_signature_validator"
"""Stands for the signature of a call that Gemini did not make: the word itself, which the API knows.
https://ai.google.dev/gemini-api/docs/thought-signatures, FAQ on history from another model (as of 2026-11)"""

_RESULT_MEDIA = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"})
"""What a function response may hold:
https://ai.google.dev/gemini-api/docs/function-calling#multimodal (as of 2026-11)"""

_UNANSWERED = "This call was not answered."


class _Turn(Struct, frozen=True, kw_only=True):
    """Neighbouring messages of one side, as one content."""

    from_model: bool
    messages: Sequence[Message]
    calls: Sequence[ToolCall] = ()
    """Of a user's turn: what the model had called just before."""


def render_history(request: ChatRequest) -> tuple[list[Wire], list[Loss]]:
    """Raises PartFault for what this wire lacks, InvalidRequest for a conversation without content."""
    writer = _Writer(request.model)
    contents = [content for turn in _turns(request.messages) if (content := writer.content(turn))["parts"]]
    if not contents:
        raise InvalidRequest(
            "The conversation holds nothing to answer. Send at least one user message with text or media.",
            param="messages",
        )
    return contents, writer.losses


def render_instruction_parts(instructions: Instructions) -> list[Wire]:
    said = [part for part in instructions.parts if not (isinstance(part, Text) and not part.text)]
    return [render_part(_plain(part)) for part in said]


def _turns(messages: Iterable[Message]) -> Iterator[_Turn]:
    calls: tuple[ToolCall, ...] = ()
    for from_model, group in groupby(messages, key=lambda message: message.role is Role.ASSISTANT):
        turn = _Turn(from_model=from_model, messages=tuple(group), calls=calls)
        yield turn
        made = [part for message in turn.messages for part in message.parts if isinstance(part, ToolCall)]
        calls = tuple(made) if from_model else ()


class _Writer:
    """Writes turns for one model and gathers what had to be left out."""

    def __init__(self, model: str) -> None:
        self._strict = _GENERATION_3.search(model) is not None
        self.losses: list[Loss] = []

    def content(self, turn: _Turn) -> Wire:
        if turn.from_model:
            parts = [wire for message in turn.messages for wire in self._answer(message)]
            return {"role": "model", "parts": _signed(parts) if self._strict else parts}
        return {"role": "user", "parts": [*self._results(turn), *self._rest(turn)]}

    def _answer(self, message: Message) -> Iterator[Wire]:
        for part in message.parts:
            if isinstance(part, ToolCall):
                _check_arguments(part)
            yield from self._part(part, message)

    def _results(self, turn: _Turn) -> Iterator[Wire]:
        """One response for each call, in call order, then the media that a response cannot hold."""
        beside: list[Wire] = []
        given = _pair(turn)
        for position, call in enumerate(turn.calls):
            result = given.get(position) or ToolResult(call_id=call.id, parts=(Text(text=_UNANSWERED),), is_error=True)
            kept = tuple(part for part in result.parts if isinstance(part, Text) or self._fits(part))
            media = [part for part in result.parts if part not in kept]
            yield render_part(structs.replace(_named(result, call), parts=tuple(_plain(part) for part in kept)))
            beside += [render_part(_plain(part)) for part in media]
        yield from beside

    def _fits(self, part: Part) -> bool:
        """Whether a part may stand inside a function response."""
        match part:
            case Media(source=Inline(media_type=media_type)):
                return self._strict and media_type in _RESULT_MEDIA
            case _:
                return False

    def _rest(self, turn: _Turn) -> Iterator[Wire]:
        """What is not the result of a call just made, at its place."""
        paired = {id(result) for result in _pair(turn).values()}
        for message in turn.messages:
            for part in message.parts:
                if isinstance(part, ToolResult) and id(part) not in paired:
                    for item in _as_text(part):
                        yield from self._part(item, message)
                elif not isinstance(part, ToolResult):
                    yield from self._part(part, message)

    def _part(self, part: Part, message: Message) -> Iterator[Wire]:
        match part:
            case Text(text="", signature=None) | Refusal(text=""):
                return
            case Reasoning(signature=signature) if signature is None or signature.format != NAME:
                return
            case Media(name=str()):
                self.losses.append(Loss(field=f"{message.at}.filename", reason="Gemini takes media without a name"))
        if not isinstance(part, ServerToolResult | Opaque):
            self.losses += foreign_losses(part.extras, NAME, message.at)
        yield render_part(_plain(part))


def _signed(parts: list[Wire]) -> list[Wire]:
    """The first call of a turn carries the signature of all; where it is lost, the word that stands for it.

    Every turn is treated alike, though only the current one is checked: otherwise each new message of the user would
    change the turns before it, and the provider's prompt cache would miss.
    """
    first = next((n for n, part in enumerate(parts) if "functionCall" in part), None)
    if first is None or "thoughtSignature" in parts[first]:
        return parts
    return [*parts[:first], {**parts[first], "thoughtSignature": SKIP_SIGNATURE}, *parts[first + 1 :]]


def _pair(turn: _Turn) -> dict[int, ToolResult]:
    """Position of the call -> its result, by id."""
    found: dict[int, ToolResult] = {}
    for message in turn.messages:
        for part in message.parts:
            if isinstance(part, ToolResult):
                open_ = (n for n, call in enumerate(turn.calls) if call.id == part.call_id and n not in found)
                if (position := next(open_, None)) is not None:
                    found[position] = part
    return found


def _named(result: ToolResult, call: ToolCall) -> ToolResult:
    """Google takes the name of the call for the name of the response, whatever the client wrote."""
    return structs.replace(result, name=call.name)


def _as_text(result: ToolResult) -> Iterator[Part]:
    """A result whose call is no longer in the conversation."""
    text = "".join(part.text for part in result.parts if isinstance(part, Text))
    yield Text(text=f"Result of the tool call {result.call_id}, which is not part of this conversation: {text}")
    yield from (part for part in result.parts if not isinstance(part, Text))


def _check_arguments(call: ToolCall) -> None:
    if call.freeform:
        raise PartFault(call, f"calls the free-form tool '{call.name}', which Gemini cannot express. Remove it.")
    if call.arguments.strip() and json_object(call.arguments) is None:
        raise PartFault(
            call,
            f"(call '{call.id}' of '{call.name}') has arguments that are not a JSON object. "
            "Complete them, or remove the call and its result.",
            InvalidRequest,
        )


def _plain(part: Part) -> Part:
    """The part in the form in which this wire takes it from another. Raises PartFault."""
    match part:
        case Text() | Reasoning() | Refusal() | ToolCall() | ToolResult():
            return part
        case Media():
            return structs.replace(part, name=None, source=_source(part))
        case ServerToolCall(format=format_) | ServerToolResult(format=format_) | Opaque(format=format_):
            if format_ == NAME:
                return part
            raise PartFault(part, "is something only its own provider understands; Gemini cannot read it. Remove it.")
        case _:
            assert_never(part)


def _source(media: Media) -> Inline | Url | FileRef:
    """Gemini fetches public and signed https links itself, YouTube's included.

    https://ai.google.dev/gemini-api/docs/file-input-methods (as of 2026-11)
    """
    match media.source:
        case Inline(media_type=""):
            raise PartFault(media, "holds media without a type. Name its MIME type.")
        case Inline() as source:
            return source
        case Url(url=url) as source if url.startswith("https://"):
            return source if source.media_type else structs.replace(source, media_type=_guess(url))
        case Url():
            raise PartFault(media, "holds a link that is not https. Send the media inline.")
        case FileRef(format=format_) as source:
            if format_ == NAME:
                return source
            raise PartFault(media, "refers to a file uploaded to another provider. Send its content inline.")
        case _:
            assert_never(media.source)


@cache
def _extensions() -> mimetypes.MimeTypes:
    """Python's own. Making it reads the machine's table, which takes as long as importing this format."""
    return mimetypes.MimeTypes(filenames=())


def _guess(url: str) -> str:
    """MIME type by the link's extension; empty where that tells nothing, and Google finds out."""
    try:
        return _extensions().guess_type(urlsplit(url).path)[0] or ""
    except ValueError:
        return ""
