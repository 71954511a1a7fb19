"""The short way through a stream, frame by frame, tells the same as the long one."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from tests.cases import WHOLE_STREAMS, each, format_of
from tests.exchanges import Exchange

from prxy.canonical.events import PartDelta, StreamEvent
from prxy.canonical.parts import Json
from prxy.framing.frame import Frame


def frames_of(exchange: Exchange) -> list[Frame]:
    decoder = format_of(exchange).framing.decoder()
    return [*decoder.feed(exchange.stream_bytes or b""), *decoder.finish()]


@each(WHOLE_STREAMS)
def test_what_lengthens_a_part_is_what_the_long_way_says_of_the_frame(exchange: Exchange) -> None:
    long, short = format_of(exchange).decode_stream(), format_of(exchange).decode_stream()

    for frame in frames_of(exchange):
        told = [*long.feed(frame)]
        grown = short.grown(frame)
        assert [grown] == told if grown else [*short.feed(frame)] == told
    assert [*long.finish()] == [*short.finish()]


@each(WHOLE_STREAMS)
def test_a_frame_that_says_more_never_takes_the_short_way(exchange: Exchange) -> None:
    decoder = format_of(exchange).decode_stream()

    for frame in frames_of(exchange):
        for odd in more_of(frame):
            assert decoder.grown(odd) is None
        [*decoder.feed(frame)]


def more_of(frame: Frame) -> Iterator[Frame]:
    """The frame with an unknown field in each of its objects."""
    try:
        value = msgspec.json.decode(frame.data)
    except msgspec.DecodeError:
        return
    for inner in objects_of(value):
        inner["of_the_future"] = 1
        yield Frame(msgspec.json.encode(value), frame.event)
        del inner["of_the_future"]


def objects_of(value: Json) -> Iterator[dict[str, Json]]:
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each_ in inner:
        yield from objects_of(each_)


@pytest.mark.parametrize("name", ["openai_chat", "anthropic_messages"])
def test_most_frames_of_a_common_stream_take_the_short_way(name: str) -> None:
    streams = [each_ for each_ in WHOLE_STREAMS if format_of(each_).name == name]
    taken = total = 0

    for exchange in streams:
        decoder = format_of(exchange).decode_stream()
        for frame in frames_of(exchange):
            events: list[StreamEvent] = []
            grown = decoder.grown(frame)
            events += [grown] if grown else decoder.feed(frame)
            taken += grown is not None
            total += any(isinstance(event, PartDelta) and event.text for event in events)

    assert taken > total / 2
