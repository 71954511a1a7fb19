"""Event streams of AWS: what we read is what the SDK reads, and nothing broken gets through."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st
from tests.cuts import every_cut, random_cuts

from prxy.canonical.errors import ProviderBadResponse
from prxy.canonical.stream import through
from prxy.framing.eventstream import EVENT_STREAM, EXCEPTION, MAX_MESSAGE_BYTES, EventStreamDecoder, encode_frame
from prxy.framing.frame import Frame

NAMES = st.from_regex(r"[a-z][A-Za-z]{0,30}", fullmatch=True)
FRAMES = st.builds(Frame, st.binary(max_size=300), NAMES | NAMES.map(lambda name: EXCEPTION + name))
HELLO = encode_frame(Frame(b'{"text":"hello"}', "contentBlockDelta"))


def frames(*pieces: bytes) -> list[Frame]:
    return list(through(EventStreamDecoder(), pieces))


def as_the_sdk_reads(data: bytes) -> list[Frame]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [_sdk_frame(message.headers, message.payload) for message in buffer]


def _sdk_frame(headers: dict[str, str], payload: bytes) -> Frame:
    if headers[":message-type"] == "event":
        return Frame(payload, headers[":event-type"])
    return Frame(payload, EXCEPTION + headers[":exception-type"])


def message(headers: bytes, payload: bytes = b"{}") -> bytes:
    sizes = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = sizes + struct.pack(">I", crc32(sizes)) + headers + payload
    return body + struct.pack(">I", crc32(body))


def text_header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()


@given(st.lists(FRAMES, max_size=6))
def test_what_we_write_the_sdk_and_we_read_alike(sent: list[Frame]) -> None:
    data = b"".join(encode_frame(frame) for frame in sent)

    assert frames(data) == as_the_sdk_reads(data) == sent


def test_recorded_streams_are_read_as_the_sdk_reads_them(traffic: Path) -> None:
    bodies = [json.loads(path.read_bytes())["response"]["body_b64"] for path in traffic.glob("bedrock/*.json")]
    streams = [base64.b64decode(body) for body in bodies if body]

    assert streams
    for data in streams:
        assert frames(data) == as_the_sdk_reads(data)
        for seed in range(5):
            assert frames(*random_cuts(data, seed)) == as_the_sdk_reads(data)


def test_every_cut_gives_the_same_frames() -> None:
    data = HELLO + encode_frame(Frame(b"{}", f"{EXCEPTION}throttlingException")) + HELLO

    for pieces in every_cut(data):
        assert frames(*pieces) == frames(data)


def test_headers_of_every_type_are_passed_over() -> None:
    others = b"\x01a\x00\x01b\x01\x01c\x02\x09\x01d\x03\x00\x09\x01e\x04abcd\x01f\x05abcdefgh"
    others += b"\x01g\x06\x00\x02hi\x01h\x08abcdefgh\x01i\x09abcdefghabcdefgh"
    data = message(others + text_header(":message-type", "event") + text_header(":event-type", "metadata"))

    assert frames(data) == as_the_sdk_reads(data) == [Frame(b"{}", "metadata")]


def test_an_error_message_is_an_exception_with_a_body() -> None:
    given = {":message-type": "error", ":error-code": "InternalError", ":error-message": "It broke."}
    data = message(b"".join(text_header(name, value) for name, value in given.items()), b"")

    assert frames(data) == [Frame(b'{"message":"It broke."}', f"{EXCEPTION}InternalError")]


@pytest.mark.parametrize("place", range(len(HELLO)))
def test_no_flipped_bit_gets_through(place: int) -> None:
    """G25."""
    broken = bytearray(HELLO)
    broken[place] ^= 4

    with pytest.raises(ProviderBadResponse):
        frames(bytes(broken))


@pytest.mark.parametrize("total", [0, 15, MAX_MESSAGE_BYTES + 1])
def test_a_message_of_an_impossible_size_is_refused_at_its_head(total: int) -> None:
    sizes = struct.pack(">II", total, 0)

    with pytest.raises(ProviderBadResponse, match="impossible size"):
        frames(sizes + struct.pack(">I", crc32(sizes)))


@pytest.mark.parametrize(
    "headers", [b"\x05ab", b"\x01a\x63", b"\x01a\x07\x00\x09ab", b"\x01a\x07\x00\x01\xff", b"\x01a\x04a"]
)
def test_headers_that_make_no_sense_are_refused(headers: bytes) -> None:
    with pytest.raises(ProviderBadResponse, match="headers"):
        frames(message(headers))


def test_a_message_that_was_cut_off_says_nothing() -> None:
    assert frames(HELLO, HELLO[:-3]) == frames(HELLO)
    assert EVENT_STREAM.media_type == "application/vnd.amazon.eventstream"
