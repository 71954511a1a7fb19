"""AWS event streams (application/vnd.amazon.eventstream), sans I/O.

    message = prelude headers payload crc32(all before)        prelude = total:u32 headers:u32 crc32(both)
    header  = length:u8 name type:u8 value                     all numbers big-endian

Source: https://smithy.io/2.0/aws/amazon-eventstream.html, as of 2026-11.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from zlib import crc32

import msgspec

from prxy.canonical.errors import ProviderBadResponse
from prxy.framing.frame import Frame

MEDIA_TYPE = "application/vnd.amazon.eventstream"
MAX_MESSAGE_BYTES = 25 << 20
"""A payload may have 24 MB by the specification, and headers 128 KB; what says more is no message."""
MAX_HEADERS_BYTES = 128 << 10
EXCEPTION = "exception:"
"""Begins the event name of a frame that tells of an error; the type of the error follows."""

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LEAST_BYTES = _PRELUDE.size + _CRC.size
_SHORT = struct.Struct(">H")
_STRING, _BYTES = 7, 6
_FIXED_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Type of a header -> bytes of its value: true, false, byte, short, int, long, timestamp, uuid."""


class EventStreamDecoder:
    """bytes -> Frame, both checksums checked. Raises ProviderBadResponse for bytes that are no message."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, item: bytes) -> Iterator[Frame]:
        self._buffer += item
        while (length := self._length()) is not None and len(self._buffer) >= length:
            message = bytes(self._buffer[:length])
            del self._buffer[:length]
            yield _message(message)

    def finish(self) -> Iterator[Frame]:
        """End of input: a message that was cut off says nothing."""
        self._buffer.clear()
        return iter(())

    def _length(self) -> int | None:
        """Bytes of the message at the front, checked as soon as its prelude is there."""
        if len(self._buffer) < _PRELUDE.size:
            return None
        total, headers, checksum = _PRELUDE.unpack_from(self._buffer)
        if crc32(self._buffer[:8]) != checksum:
            raise ProviderBadResponse("The provider's stream holds a message whose head has a wrong checksum.")
        if total > MAX_MESSAGE_BYTES or headers > MAX_HEADERS_BYTES or total < headers + _LEAST_BYTES:
            raise ProviderBadResponse("The provider's stream holds a message of an impossible size.")
        return int(total)


def _message(message: bytes) -> Frame:
    if crc32(message[: -_CRC.size]) != _CRC.unpack_from(message, len(message) - _CRC.size)[0]:
        raise ProviderBadResponse("The provider's stream holds a message with a wrong checksum.")
    end = _PRELUDE.size + _PRELUDE.unpack_from(message)[1]
    headers = dict(_headers(message[_PRELUDE.size : end]))
    payload = message[end : -_CRC.size]
    match headers.get(":message-type"):
        case "exception":
            return Frame(payload, EXCEPTION + headers.get(":exception-type", ""))
        case "error":
            told = msgspec.json.encode({"message": headers.get(":error-message", "")})
            return Frame(told, EXCEPTION + headers.get(":error-code", ""))
        case _:
            return Frame(payload, headers.get(":event-type", ""))


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    """Names and values of the text headers; the others carry nothing that a frame has a place for."""
    at = 0
    try:
        while at < len(data):
            start = at + 1 + data[at]
            name, kind = data[at + 1 : start], data[start]
            if kind in (_STRING, _BYTES):
                (size,) = _SHORT.unpack_from(data, start + 1)
                start += 2
            else:
                size = _FIXED_SIZES[kind]
            at = start + 1 + size
            if at > len(data):
                raise IndexError(at)
            if kind == _STRING:
                yield name.decode(), data[start + 1 : at].decode()
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise ProviderBadResponse("The provider's stream holds a message with unreadable headers.") from error


def encode_frame(frame: Frame) -> bytes:
    """Frame -> one message with a JSON payload."""
    kind, name = ("event", frame.event)
    if frame.event.startswith(EXCEPTION):
        kind, name = "exception", frame.event.removeprefix(EXCEPTION)
    given = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    headers = b"".join(_header(name, value) for name, value in given.items())
    sizes = struct.pack(">II", _LEAST_BYTES + len(headers) + len(frame.data), len(headers))
    message = sizes + _CRC.pack(crc32(sizes)) + headers + frame.data
    return message + _CRC.pack(crc32(message))


def _header(name: str, value: str) -> bytes:
    encoded, text = name.encode(), value.encode()
    return bytes([len(encoded)]) + encoded + bytes([_STRING]) + _SHORT.pack(len(text)) + text


class _EventStream:
    """The framing as one value, for a format to name."""

    media_type = MEDIA_TYPE

    def decoder(self) -> EventStreamDecoder:
        return EventStreamDecoder()

    def encode(self, frame: Frame) -> bytes:
        return encode_frame(frame)


EVENT_STREAM = _EventStream()
