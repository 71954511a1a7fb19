"""Events -> frames.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from prxy.canonical.errors import ProviderBadResponse
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
from prxy.canonical.parts import Extras, Json, Part, Wire
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import Finish, FinishReason, Usage
from prxy.canonical.stream import merge_extras
from prxy.formats.base import encode_json, own_fields
from prxy.formats.bedrock_converse.block_encode import Block
from prxy.formats.bedrock_converse.errors import error_type
from prxy.formats.bedrock_converse.response import answer_part
from prxy.formats.bedrock_converse.usage import render_finish, render_usage
from prxy.formats.bedrock_converse.words import NAME
from prxy.formats.blocks import Blocks, OneAnswer
from prxy.framing.eventstream import EXCEPTION
from prxy.framing.frame import Frame

_WITH_STOP = "additionalModelResponseFields"
"""The one field of an answer that a stream tells beside the stop reason; the others come with the metadata."""


class StreamEncoder:
    """messageStart (contentBlockStart? contentBlockDelta* contentBlockStop)* messageStop metadata | exception

    The stop reason waits for the last usage. Only the first choice is said.
    """

    def __init__(self) -> None:
        self._answer = OneAnswer()
        self._blocks = Blocks(_block)
        self._extras: Extras | None = None
        self._begun = False
        self._usage: Usage | None = None
        self._finish = Finish(reason=FinishReason.ERROR)

    def feed(self, item: StreamEvent) -> Iterator[Frame]:
        for event in self._answer.feed(item):
            yield from self._say(event)

    def finish(self) -> Iterator[Frame]:
        """Nothing: only a terminal event ends the stream well."""
        return iter(())

    def _say(self, event: StreamEvent) -> Iterator[Frame]:
        match event:
            case PartStart() | PartDelta() | PartEnd():
                yield from self._say_part(event)
            case StreamStart(extras=extras):
                self._begun, self._extras = True, extras
                yield _frame("messageStart", role="assistant")
            case UsageUpdate(usage=usage):
                self._usage = usage
            case ChoiceEnd(finish=finish):
                self._finish = finish
            case StreamError(error=error):
                told = {"message": error.message, "code": error.code, "type": error.type}
                yield Frame(encode_json(told), EXCEPTION + error_type(error))
            case StreamEnd(extras=extras):
                yield from self._end(extras)
            case Verbatim():
                pass
            case _:
                assert_never(event)

    def _say_part(self, event: PartStart | PartDelta | PartEnd) -> Iterator[Frame]:
        if not self._begun:
            raise ProviderBadResponse("The stream went on before it began.")
        yield from self._blocks.feed(event)

    def _end(self, extras: Extras | None) -> Iterator[Frame]:
        more = dict(own_fields(merge_extras(self._extras, extras), NAME))
        stop: Wire = {_WITH_STOP: more.pop(_WITH_STOP)} if _WITH_STOP in more else {}
        yield _frame("messageStop", stopReason=render_finish(self._finish), **stop)
        yield _frame("metadata", usage=render_usage(self._usage), **more)


def encode_stream(request: ChatRequest) -> StreamEncoder:
    """Events -> frames. The request says nothing that a stream of this wire depends on."""
    return StreamEncoder()


def _frame(event: str, **fields: Json) -> Frame:
    return Frame(encode_json(fields), event)


def _block(index: int, part: Part) -> Block | None:
    said = answer_part(part)
    return None if said is None else Block(index, said)
