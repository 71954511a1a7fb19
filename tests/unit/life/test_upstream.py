"""A streamed reply tells the same however its bytes were cut into reads."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from prxy.canonical.events import PartDelta, StreamEnd, StreamError, StreamEvent, UsageUpdate
from prxy.formats import FORMATS
from prxy.framing.eventstream import encode_frame
from prxy.framing.frame import Frame
from prxy.upstream import StreamedReply

USAGE = {"input_tokens": 30, "output_tokens": 1}
MESSAGE = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [],
    "usage": USAGE,
}
START = {"type": "message_start", "message": MESSAGE}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
TOOL = {"id": "toolu_1", "type": "tool_use", "name": "f", "input": {}}
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}}
STOP = {"type": "content_block_stop", "index": 0}
FINISH = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}
END = {"type": "message_stop"}


class Reply:
    status = 200
    headers: Mapping[str, str] = {}

    def __init__(self, reads: Sequence[bytes]) -> None:
        self._reads = reads

    async def chunks(self) -> AsyncIterator[bytes]:
        for read in self._reads:
            yield read

    async def read(self) -> bytes:
        return b"".join(self._reads)

    async def aclose(self) -> None: ...


def spelt(event: Mapping[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), json.dumps(event).encode())


async def events_of(reads: Sequence[bytes], format_: str = "anthropic_messages") -> list[StreamEvent]:
    return [event async for batch in StreamedReply(Reply(reads), FORMATS[format_]) for event in batch]


def without_frames(events: Sequence[StreamEvent]) -> list[str]:
    return [repr(event) for event in events if type(event).__name__ != "Verbatim"]


@pytest.mark.parametrize("last", [BLOCK, END], ids=["a block begins too late", "the end comes inside a block"])
async def test_a_stream_that_breaks_off_tells_all_that_came_before_in_the_same_read(last: Mapping[str, Any]) -> None:
    pieces = [spelt(event) for event in (START, BLOCK, DELTA, FINISH, last)]

    whole, single = await events_of([b"".join(pieces)]), await events_of(pieces)

    assert without_frames(whole) == without_frames(single)
    assert [event.text for event in whole if isinstance(event, PartDelta)] == ["hello"]
    assert [event.usage.output_tokens for event in whole if isinstance(event, UsageUpdate)][-1] == 7
    assert isinstance(whole[-1], StreamError)


async def test_text_inside_a_call_does_not_stand_for_its_arguments() -> None:
    """No provider sends it; both ways through a stream take it alike."""
    call = {**BLOCK, "content_block": TOOL}
    pieces = [spelt(event) for event in (START, call, DELTA, STOP, FINISH, END)]

    events = await events_of(pieces)

    assert [event.text for event in events if isinstance(event, PartDelta)] == ["hello", "{}"]


BEDROCK = (
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hello"}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", {"usage": {"inputTokens": 30, "outputTokens": 7, "totalTokens": 37}, "metrics": {"latencyMs": 1}}),
)


async def test_junk_behind_the_end_changes_nothing_of_the_answer_wherever_a_read_ends() -> None:
    answer = b"".join(encode_frame(Frame(json.dumps(body).encode(), name)) for name, body in BEDROCK)
    junk = b"\0" * 16

    together = await events_of([answer + junk], "bedrock_converse")
    apart = await events_of([answer, junk], "bedrock_converse")

    assert without_frames(together) == without_frames(apart)
    assert not any(isinstance(event, StreamError) for event in together)
    assert [type(event) for event in together].count(StreamEnd) == 1
